package run

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

// call calls a method of a host's broker and compares the answer.
func (r *runner) call(ctx context.Context, s *scenario.Call) (ok bool, detail string) {
	host, err := r.cluster.Host(s.Host)
	if err != nil {
		return false, err.Error()
	}
	began := time.Now()
	answer, err := xmlrpc.NewClient(host.BrokerSocket, s.Within).Call(ctx, s.Method, s.Args...)
	took := time.Since(began)
	var fault *xmlrpc.Fault
	if err != nil && !errors.As(err, &fault) {
		return false, fmt.Sprintf("no answer (after %.1f ms): %v", milliseconds(took), err)
	}
	detail = fmt.Sprintf("answered %s in %.1f ms", shown(answer, fault), milliseconds(took))
	if took > s.Within {
		return false, detail + ", too late"
	}
	if !answerIs(s.Answers, answer, fault) {
		return false, fmt.Sprintf("%s, want %s", detail, s.Answers)
	}
	return true, detail
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// answerIs compares an answer with what is claimed.
func answerIs(want scenario.Answer, answer any, fault *xmlrpc.Fault) bool {
	if want.Kind == scenario.AnswerAny {
		return true
	}
	if fault != nil {
		return want.Kind == scenario.AnswerFault
	}
	switch want.Kind {
	case scenario.AnswerOK:
		return answer == any("ok") || answer == any(true)
	case scenario.AnswerNil:
		return answer == nil
	case scenario.AnswerText:
		return valueIs(want.Text, answer)
	case scenario.AnswerPart:
		return strings.Contains(textOf(answer), want.Text)
	case scenario.AnswerMembers:
		members, ok := answer.(xmlrpc.Struct)
		for _, m := range want.Members {
			v, there := members.Get(m.Key)
			ok = ok && there && valueIs(m.Value, v)
		}
		return ok
	}
	return false
}

// valueIs compares one value with its text; numbers by what they mean.
func valueIs(want string, v any) bool {
	switch v := v.(type) {
	case int64, float64:
		a, erra := strconv.ParseFloat(want, 64)
		b, errb := strconv.ParseFloat(textOf(v), 64)
		return erra == nil && errb == nil && a == b
	case []byte:
		encoded := strings.TrimRight(strings.TrimPrefix(want, base64Word), "=")
		data, err := base64.RawStdEncoding.DecodeString(encoded)
		return strings.HasPrefix(want, base64Word) && err == nil && bytes.Equal(data, v)
	}
	return textOf(v) == want
}

// base64Word begins the text of bytes.
const base64Word = "base64:"

// textOf prints a value as scenarios write it; lists and structs as JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		return base64Word + base64.RawStdEncoding.EncodeToString(v)
	}
	data, err := json.Marshal(plain(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// plain turns structs into maps, which JSON prints as people expect, and bytes into their text.
func plain(v any) any {
	switch v := v.(type) {
	case xmlrpc.Struct:
		members := map[string]any{}
		for _, m := range v {
			members[m.Name] = plain(m.Value)
		}
		return members
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case []byte:
		return textOf(v)
	}
	return v
}

// shown prints an answer for a detail, not too much of it.
func shown(answer any, fault *xmlrpc.Fault) string {
	const most = 240
	text := textOf(answer)
	if s, ok := answer.(string); ok {
		text = strconv.Quote(s)
	}
	if fault != nil {
		text = fault.Error()
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
