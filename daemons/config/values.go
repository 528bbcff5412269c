package config

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	expectPath   = "an absolute path"
	expectSocket = "an absolute path of at most 107 bytes, the limit of a Unix socket"
)

var errBadValue = errors.New("bad value")

func absolutePath(value string) (string, error) {
	if !filepath.IsAbs(value) {
		return "", errBadValue
	}
	return filepath.Clean(value), nil
}

func socketPath(value string) (string, error) {
	path, err := absolutePath(value)
	if err == nil && len(path) > 107 {
		err = errBadValue
	}
	return path, err
}

func orEmpty(accept func(string) (string, error)) func(string) (string, error) {
	return func(value string) (string, error) {
		if value == "" {
			return "", nil
		}
		return accept(value)
	}
}

func oneOf(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		if !slices.Contains(words, value) {
			return "", errBadValue
		}
		return value, nil
	}
}

// word accepts printable ASCII without blanks, or nothing.
func word(value string) (string, error) {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] >= 0x7f {
			return "", errBadValue
		}
	}
	return value, nil
}

// hostName accepts what may stand in a record, whose first part has 512 bytes for everything: other hosts cut it at `|` and
// older ones fail on anything but ASCII. The kernel's own names have 64 bytes at most.
func hostName(value string) (string, error) {
	if strings.ContainsAny(value, "|\"\\") || len(value) > 64 {
		return "", errBadValue
	}
	return word(value)
}

// lockspaceName accepts what fits sanlock's 48 bytes and its colon-separated text form.
func lockspaceName(value string) (string, error) {
	if value == "" || len(value) > 48 || strings.Contains(value, ":") {
		return "", errBadValue
	}
	return word(value)
}

func httpURL(value string) (string, error) {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return "", errBadValue
	}
	return value, nil
}

// number refuses NaN, because no comparison with it is true.
func number(value string, low, high float64) (float64, error) {
	f, err := strconv.ParseFloat(value, 64)
	if err == nil && f >= low && f <= high {
		return f, nil
	}
	return 0, errBadValue
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func byteCount(value string, low, high int64) (int64, error) {
	digits, unit := value, int64(1)
	if rest, found := strings.CutSuffix(value, "KiB"); found {
		digits, unit = strings.TrimSpace(rest), 1<<10
	} else if rest, found := strings.CutSuffix(value, "MiB"); found {
		digits, unit = strings.TrimSpace(rest), 1<<20
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > high/unit || n*unit < low {
		return 0, errBadValue
	}
	return n * unit, nil
}

func formatBytes(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10)
}

// formatDuration prints 10m0s as 10m, as a person would write it.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// splitWords cuts a command line at blanks. Double quotes keep blanks; inside them \" and \\ stand for " and \. There
// are no variables, globs or other shell features.
func splitWords(line string) ([]string, error) {
	var words []string
	var current strings.Builder
	inWord, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quoted = !quoted
			inWord = true
		case quoted && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			current.WriteByte(line[i])
		case !quoted && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, current.String())
				current.Reset()
			}
			inWord = false
		default:
			current.WriteByte(c)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("a double quote is not closed")
	}
	if inWord {
		words = append(words, current.String())
	}
	return words, nil
}

// joinWords is the inverse of splitWords.
func joinWords(words []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\"\\") {
			w = `"` + escape.Replace(w) + `"`
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// owner accepts USER:GROUP.
func owner(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	user, group, found := strings.Cut(value, ":")
	if !found || user == "" || group == "" {
		return "", errBadValue
	}
	return word(value)
}

func hostPort(value string) (string, error) {
	host, port, err := net.SplitHostPort(value)
	if n, badNumber := strconv.Atoi(port); err != nil || host == "" || badNumber != nil || n < 1 || n > 65535 {
		return "", errBadValue
	}
	return value, nil
}

// errOldLayout: the domain belongs to a pool of its own.
var errOldLayout = errors.New("this is the storage layout of version 3.5, which needs an upgrade with upstream's own tools first")

func blankPool(value string) (string, error) {
	if value != blankUUID {
		return "", errOldLayout
	}
	return value, nil
}
