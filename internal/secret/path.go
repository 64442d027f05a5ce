package secret

import (
	"os"
)

// NotAPathError reports that a path was set to the content of a file.
type NotAPathError struct {
	// What describes the content, as [What] does.
	What string
}

func (e *NotAPathError) Error() string {
	return "it is " + e.What + " and not a path: write that to a file and set the path of the file"
}

// CheckPath returns a [*NotAPathError] for a text that is clearly not a path.
func CheckPath(path string) error {
	if what := What(path); what != "" {
		return &NotAPathError{What: what}
	}
	return nil
}

// ReadFile reads a file. If path is not a path but the content of a file, for example because the wrong variable was
// used, it returns a [*NotAPathError] that does not quote it.
func ReadFile(path string) ([]byte, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
