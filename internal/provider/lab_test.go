package provider_test

import (
	"os"
	"testing"
)

// text returns the text of a file.
func text(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
