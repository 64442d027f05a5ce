// Package invisible finds characters in a text that nobody sees: a line break at the end of a file's content, a byte order mark, a
// zero-width space. In a key, a name or a subject they make another one of it that looks the same.
package invisible

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names are those of the characters that are met most. Others are told by their numbers.
var names = map[rune]string{
	0: "a NUL", '\t': "a tab", '\n': "a line break", '\r': "a carriage return", ' ': "a space",
	'\u00a0': "a non-breaking space (U+00A0)", '\u200b': "a zero-width space (U+200B)", '\u200c': "a zero-width non-joiner (U+200C)",
	'\u200d': "a zero-width joiner (U+200D)", '\u2028': "a line separator (U+2028)", '\ufeff': "a byte order mark (U+FEFF)",
}

// Is reports whether a character shows nothing, or nothing but room. The plain space is not one of them.
func Is(r rune) bool {
	return r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r) ||
		unicode.In(r, unicode.Cf, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800')
}

// Trim returns the text without the spaces and the invisible characters around it.
func Trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return !visible(r) })
}

// Check checks a text of one line, such as a name: it contains no invisible character, and no space stands around it. The error says
// which one, where, and what to do. It does not contain the text, which may be a secret.
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
		remedy += ", as trimspace() does"
	}
	return fmt.Errorf("it %s with %s: %s", where, name(runes[at]), remedy)
}

// visible reports whether a character may stand at an end of a text.
func visible(r rune) bool { return r != ' ' && !Is(r) }

// inside is Check for a text without any such character around it.
func inside(runes []rune) error {
	if i := slices.IndexFunc(runes, Is); i >= 0 {
		return fmt.Errorf("its character %d is %s: remove it", i+1, name(runes[i]))
	}
	return nil
}

// CheckLines checks a text for people, such as a description, which may have several lines: it contains no control character but tabs
// and line breaks, none that changes the direction of what is read, and no byte order mark. The error is like that of [Check].
func CheckLines(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not valid UTF-8")
	}
	for i, r := range []rune(text) {
		if r != '\n' && r != '\r' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\ufeff') {
			return fmt.Errorf("its character %d is %s: remove it", i+1, name(r))
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
