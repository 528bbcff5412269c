package scenario

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// base64Word begins an argument that is bytes.
const base64Word = "base64:"

// scalar turns a bare word of a call into what it means: a whole number, a decimal number, true, false, bytes, else a text.
func scalar(word string) (any, error) {
	switch word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if encoded, ok := strings.CutPrefix(word, base64Word); ok {
		data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil {
			return nil, fmt.Errorf("%q is not base64", encoded)
		}
		return append([]byte{}, data...), nil
	}
	digits := strings.TrimPrefix(word, "-")
	whole, fraction, decimal := strings.Cut(digits, ".")
	switch {
	case digits == "" || strings.Trim(whole+fraction, "0123456789") != "" || whole == "":
		return word, nil
	case !decimal:
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is out of range", word)
		}
		return int(n), nil
	case fraction == "":
		return word, nil
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return nil, fmt.Errorf("%s is out of range", word)
	}
	return f, nil
}

// argument prints an argument so that it reads back as the same.
func argument(v any) string {
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return number(v)
	case []byte:
		return base64Word + base64.RawStdEncoding.EncodeToString(v)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, argument(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		var members []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			members = append(members, key+"="+argument(v[key]))
		}
		return "{" + strings.Join(members, ",") + "}"
	case string:
		bare := quoted(v)
		if same, err := scalar(v); bare != v || err != nil || same != any(v) || v == answersWord || strings.Contains(v, ",") {
			return strconv.Quote(v)
		}
		return bare
	}
	return fmt.Sprintf("%q", fmt.Sprint(v))
}

// number prints a decimal number with all its digits, and a point, which makes it one.
func number(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// part is one element of a list in brackets: VALUE or KEY=VALUE.
type part struct {
	key, value string
	quoted     bool
}

// parts splits what stands in brackets at its commas. Blanks around the elements do not matter.
func parts(inner string, keyed bool) ([]part, error) {
	var list []part
	for rest := strings.TrimSpace(inner); rest != ""; {
		var p part
		if keyed {
			key, behind, ok := strings.Cut(rest, "=")
			if p.key = strings.TrimSpace(key); !ok || !validName(p.key) {
				return nil, fmt.Errorf("%q is not KEY=VALUE", rest)
			}
			rest = strings.TrimSpace(behind)
		}
		if strings.HasPrefix(rest, `"`) {
			raw, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("the quotation mark in %q has no end", rest)
			}
			p.value, _ = strconv.Unquote(raw) // a quoted prefix unquotes
			p.quoted = true
			rest = strings.TrimSpace(rest[len(raw):])
			if rest != "" && rest[0] != ',' {
				return nil, fmt.Errorf("%q behind a quotation mark, where a comma must stand", rest)
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			if p.value = strings.TrimSpace(rest[:end]); p.value == "" || strings.Trim(p.value, bareText+"=") != "" {
				return nil, fmt.Errorf("bad value %q; put it in quotation marks", p.value)
			}
			rest = rest[end:]
		}
		list = append(list, p)
		if rest != "" {
			rest = strings.TrimSpace(rest[1:]) // the comma
			if rest == "" {
				return nil, fmt.Errorf("nothing behind the last comma")
			}
		}
	}
	return list, nil
}

// meaning is what an element of a list means.
func (p part) meaning() (any, error) {
	if p.quoted {
		return p.value, nil
	}
	return scalar(p.value)
}
