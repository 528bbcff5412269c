package xmlrpc

import "fmt"

// ArgumentError says that an argument or a result is not what its method has. It never
// contains the value itself, which may be secret (S39).
type ArgumentError struct {
	What string // for instance "host_id"; "" means the number of arguments
	Want string
	Got  string // a type or a number
}

// Error returns what was wanted and what came.
func (e *ArgumentError) Error() string {
	if e.What == "" {
		return fmt.Sprintf("expected %s arguments, got %s", e.Want, e.Got)
	}
	return fmt.Sprintf("%s: expected %s, got %s", e.What, e.Want, e.Got)
}

// Count checks the number of arguments. The error is an *ArgumentError.
func Count(args []any, want int) error {
	if len(args) != want {
		return &ArgumentError{Want: fmt.Sprint(want), Got: fmt.Sprint(len(args))}
	}
	return nil
}

// CountBetween checks the number of arguments. The error is an *ArgumentError.
func CountBetween(args []any, least, most int) error {
	if len(args) < least || len(args) > most {
		return &ArgumentError{Want: fmt.Sprintf("%d to %d", least, most), Got: fmt.Sprint(len(args))}
	}
	return nil
}

// Int returns the argument called name as an integer. A boolean is not one.
func Int(v any, name string) (int64, error) {
	if n, ok := v.(int64); ok {
		return n, nil
	}
	return 0, &ArgumentError{name, "an int", TypeName(v)}
}

// Text returns the argument called name as text.
func Text(v any, name string) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", &ArgumentError{name, "a string", TypeName(v)}
}

// Data returns the argument called name as bytes. Python clients send
// the same data as base64 or as a string; both are taken.
func Data(v any, name string) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	}
	return nil, &ArgumentError{name, "base64 or a string", TypeName(v)}
}

// Array returns the argument called name as an array.
func Array(v any, name string) ([]any, error) {
	if a, ok := v.([]any); ok {
		return a, nil
	}
	return nil, &ArgumentError{name, "an array", TypeName(v)}
}

// Ints returns the argument called name as an array of integers.
func Ints(v any, name string) ([]int, error) {
	a, err := Array(v, name)
	if err != nil {
		return nil, err
	}
	ints := make([]int, len(a))
	for i, item := range a {
		n, err := Int(item, fmt.Sprintf("%s[%d]", name, i))
		if err != nil {
			return nil, err
		}
		ints[i] = int(n)
	}
	return ints, nil
}

// Members returns the argument called name as a struct.
func Members(v any, name string) (Struct, error) {
	if s, ok := v.(Struct); ok {
		return s, nil
	}
	return nil, &ArgumentError{name, "a struct", TypeName(v)}
}

// Float returns the argument called name as a number; Python sends whole numbers as int.
func Float(v any, name string) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	}
	return 0, &ArgumentError{name, "a double", TypeName(v)}
}

// Bool returns the argument called name as a boolean.
func Bool(v any, name string) (bool, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, &ArgumentError{name, "a boolean", TypeName(v)}
}

// TypeName returns the XML-RPC name of a decoded value's type.
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "boolean"
	case int64:
		return "int"
	case float64:
		return "double"
	case string:
		return "string"
	case []byte:
		return "base64"
	case []any:
		return "array"
	case Struct:
		return "struct"
	}
	return fmt.Sprintf("Go type %T", v)
}
