package secret

import (
	"os"
)

// NotAPathError says that a setting which names a file holds what belongs in the file.
type NotAPathError struct {
	// What describes the content, as [What] does.
	What string
}

func (e *NotAPathError) Error() string {
	return "it is " + e.What + " and not a path: write that to a file, and give the path of the file"
}

// CheckPath returns a [*NotAPathError] for a text that plainly is no path.
func CheckPath(path string) error {
	if what := What(path); what != "" {
		return &NotAPathError{What: what}
	}
	return nil
}

// ReadFile reads a file. A path that is no path but what belongs in the file, as happens where a variable is mistaken, is a
// [*NotAPathError], which does not contain it.
func ReadFile(path string) ([]byte, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
