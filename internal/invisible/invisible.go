// Package invisible finds invisible characters in a text: a line break at the end of a file's content, a byte order
// mark, a zero-width space. They make a key, a name or a subject different from one that looks the same.
package invisible

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names are the names of frequent characters. Others are shown by their code points.
var names = map[rune]string{
	0: "a NUL", '\t': "a tab", '\n': "a line break", '\r': "a carriage return", ' ': "a space",
	'\u00a0': "a non-breaking space (U+00A0)", '\u2028': "a line separator (U+2028)",
	'\u200b': "a zero-width space (U+200B)", '\u200c': "a zero-width non-joiner (U+200C)",
	'\u200d': "a zero-width joiner (U+200D)", '\ufeff': "a byte order mark (U+FEFF)",
}

// Is reports whether a character is invisible or white space other than the plain space.
func Is(r rune) bool {
	return r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2800' ||
		unicode.In(r, unicode.Cf, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// Trim returns the text without surrounding spaces and invisible characters.
func Trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return !visible(r) })
}

// Check checks a single-line text, for example a name: it must not contain invisible characters or be surrounded by
// spaces. The error describes the character, its position and the solution. It does not quote the text, which may be
// a secret.
func Check(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not valid UTF-8")
	}
	runes := []rune(text)
	if Trim(text) == text {
		return inside(runes)
	}
	at, where := 0, "starts"
	if last := len(runes) - 1; visible(runes[0]) {
		at, where = last, "ends"
	}
	remedy := "remove it"
	if strings.TrimSpace(text) == Trim(text) {
		remedy += ", for example with trimspace()"
	}
	return fmt.Errorf("it %s with %s: %s", where, name(runes[at]), remedy)
}

// visible reports whether a character is allowed at the start or end of a text.
func visible(r rune) bool { return r != ' ' && !Is(r) }

// inside checks a text that is not surrounded by such characters.
func inside(runes []rune) error {
	if i := slices.IndexFunc(runes, Is); i >= 0 {
		return fmt.Errorf("character %d is %s: remove it", i+1, name(runes[i]))
	}
	return nil
}

// CheckLines checks a multi-line text for people, for example a description: it must not contain control characters
// other than tabs and line breaks, characters that change the writing direction, or a byte order mark. The error is
// like that of [Check].
func CheckLines(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not valid UTF-8")
	}
	for i, r := range []rune(text) {
		if r != '\n' && r != '\r' && r != '\t' &&
			(unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\ufeff') {
			return fmt.Errorf("character %d is %s: remove it", i+1, name(r))
		}
	}
	return nil
}

// name returns the name of a character with its article.
func name(r rune) string {
	if known, ok := names[r]; ok {
		return known
	}
	if unicode.IsControl(r) {
		return fmt.Sprintf("a control character (U+%04X)", r)
	}
	return fmt.Sprintf("an invisible character (U+%04X)", r)
}
