package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// token is a word, a quoted text, a word with its braces, or one of the operators "=", "<", "<=", ">", ">=", "~".
type token struct {
	text   string
	column int    // from 1, in bytes
	quoted bool   // it stood in quotation marks; text is what they mean
	bad    string // why it cannot be read: a quotation mark or a bracket without its end
}

func (t token) operator() bool {
	return !t.quoted && (t.text == "=" || t.text == "~" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">=")
}

// tokens splits a line. Operators separate words, so blanks around them do not matter; inside braces, square brackets and
// quotation marks they are part of the word.
func tokens(line string) []token {
	var list []token
	for i := 0; i < len(line); {
		t := token{column: i + 1}
		switch line[i] {
		case ' ', '\t':
			i++
			continue
		case '=', '~':
			t.text = line[i : i+1]
		case '<', '>':
			t.text = line[i : i+1]
			if strings.HasPrefix(line[i+1:], "=") {
				t.text = line[i : i+2]
			}
		case '"':
			raw, err := strconv.QuotedPrefix(line[i:])
			if err != nil {
				t.bad, raw = `the quotation mark has no end`, line[i:]
			} else {
				t.text, _ = strconv.Unquote(raw) // a quoted prefix unquotes
			}
			t.quoted = true
			list = append(list, t)
			i += len(raw)
			continue
		default:
			end, bad := wordEnd(line, i)
			t.text, t.bad = line[i:end], bad
		}
		list = append(list, t)
		i += len(t.text)
	}
	return list
}

// wordEnd is where the word that begins at i ends. Braces in it, or square brackets that it begins with, belong to it whole.
func wordEnd(line string, i int) (end int, bad string) {
	if line[i] == '[' {
		return bracketEnd(line, i, ']')
	}
	for end = i; end < len(line) && !strings.ContainsRune(" \t=<>~", rune(line[end])); end++ {
		if line[end] == '{' {
			return bracketEnd(line, end, '}')
		}
	}
	return end, ""
}

// bracketEnd is behind the closing bracket that belongs to the opening one at i. Brackets do not nest; in quotation marks they
// do not count.
func bracketEnd(line string, i int, closing byte) (end int, bad string) {
	for end = i + 1; end < len(line); {
		switch line[end] {
		case closing:
			return end + 1, ""
		case '"':
			raw, err := strconv.QuotedPrefix(line[end:])
			if err != nil {
				return len(line), "the quotation mark has no end"
			}
			end += len(raw)
		default:
			end++
		}
	}
	return len(line), fmt.Sprintf("the bracket %q has no end", line[i])
}

// bareText are the bytes that a text may have and still stand without quotation marks.
const bareText = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,-"

// quoted prints a text so that it reads back as one word: bare where that is possible, else in quotation marks with Go's escapes.
func quoted(text string) string {
	if text != "" && strings.Trim(text, bareText) == "" {
		return text
	}
	return strconv.Quote(text)
}
