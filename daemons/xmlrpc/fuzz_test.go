package xmlrpc

import (
	"errors"
	"testing"
)

func FuzzUnmarshalCall(f *testing.F) {
	for _, body := range sampleCalls {
		f.Add([]byte(body))
	}
	f.Add(argOf("<ex:nil/>"))
	f.Add(argOf("untyped"))
	f.Add(argOf("<array><data><value><double>0.8</double></value><value><boolean>1</boolean></value></data></array>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		method, args, err := UnmarshalCall(body, 0)
		if err != nil {
			requireSyntaxError(t, err)
			return
		}
		again, err := MarshalCall(method, args...)
		if err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		if _, _, err := UnmarshalCall(again, 0); err != nil {
			t.Fatalf("what was encoded does not decode: %v\n%s", err, again)
		}
	})
}

func FuzzUnmarshalResponse(f *testing.F) {
	for _, body := range sampleResponses {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		result, err := UnmarshalResponse(body, 0)
		if err != nil {
			requireSyntaxError(t, err)
			return
		}
		if _, err := MarshalResponse(result); err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
	})
}

// requireSyntaxError: decoding has only two kinds of errors.
func requireSyntaxError(t *testing.T, err error) {
	t.Helper()
	var syntax *SyntaxError
	var fault *Fault
	if !errors.As(err, &syntax) && !errors.As(err, &fault) {
		t.Fatalf("got %T (%v), want *SyntaxError or *Fault", err, err)
	}
}
