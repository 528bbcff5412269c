package xmlrpc

import "fmt"

// The Go types of XML-RPC values. Decoding yields exactly these:
//
//	nil, ex:nil                    nil
//	boolean                        bool
//	int, i1, i2, i4, i8, biginteger  int64 (a value outside int64 is an error)
//	double, float                  float64
//	string, untyped                string
//	base64                         []byte (never nil)
//	array                          []any (never nil)
//	struct                         Struct (never nil)
//
// Encoding accepts these and, for convenience, every other Go integer type,
// []int, []string, []Struct, map[string]any (members sorted by name) and
// map[string]string. A Raw is sent as it is.

// Struct is an XML-RPC struct. The order of members is kept.
type Struct []Member

// Member is one name and value of a Struct.
type Member struct {
	Name  string
	Value any
}

// Get returns the value of the member with this name and whether there is one.
// If a peer sent the name twice, the last one counts, as in Python.
func (s Struct) Get(name string) (any, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].Name == name {
			return s[i].Value, true
		}
	}
	return nil, false
}

// Fault is an XML-RPC fault: the peer understood HTTP but could not serve the
// call. A handler that returns a *Fault as its error sends it; any other error
// is answered with nil, as upstream's broker does.
type Fault struct {
	Code   int64
	String string
}

// Error returns the fault's code and text.
func (f *Fault) Error() string {
	return fmt.Sprintf("fault %d: %s", f.Code, f.String)
}

// NotSupported is the fault for an unknown method, worded as Python's server does.
func NotSupported(method string) *Fault {
	return &Fault{Code: 1, String: fmt.Sprintf(`<class 'Exception'>:method "%s" is not supported`, method)}
}

// SyntaxError says that a document is not well-formed XML, or is XML but not XML-RPC.
type SyntaxError struct {
	Offset int64  // bytes of the document read when the error was found
	What   string // what is wrong
	Cause  error  // the XML parser's error, may be nil
}

// Error returns where and what.
func (e *SyntaxError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("xmlrpc: near byte %d: %s: %v", e.Offset, e.What, e.Cause)
	}
	return fmt.Sprintf("xmlrpc: near byte %d: %s", e.Offset, e.What)
}

// Unwrap returns the XML parser's error.
func (e *SyntaxError) Unwrap() error { return e.Cause }

// ValueError says that a Go value cannot be sent as XML-RPC.
type ValueError struct {
	Path string // where in the value, like args[1].addr
	What string
}

// Error returns where and what. It never contains the value itself, which may be secret (S39).
func (e *ValueError) Error() string {
	return fmt.Sprintf("xmlrpc: cannot send %s: %s", e.Path, e.What)
}
