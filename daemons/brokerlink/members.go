package brokerlink

import (
	"fmt"
	"reflect"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// The answers of the newer methods are the wire types of this package: each field travels as the member that its json tag
// names, so that RPC and JSON cannot drift apart. Fields are float64, int, bool, string, []byte, a wire type or a slice of one.

// structOf returns a wire type as an XML-RPC struct, members in the order of the fields.
func structOf(v any) xmlrpc.Struct { return encodeStruct(reflect.ValueOf(v)) }

func encodeStruct(v reflect.Value) xmlrpc.Struct {
	s := make(xmlrpc.Struct, v.NumField())
	for i := range s {
		s[i] = xmlrpc.Member{Name: v.Type().Field(i).Tag.Get("json"), Value: encodeField(v.Field(i))}
	}
	return s
}

func encodeField(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Slice:
		if data, ok := v.Interface().([]byte); ok {
			return append([]byte{}, data...)
		}
		items := make([]any, v.Len())
		for i := range items {
			items[i] = encodeField(v.Index(i))
		}
		return items
	default:
		return v.Interface()
	}
}

// decode reads an answer into a wire type. A missing or wrong member is an error that names its path, which begins with name;
// unknown members, from a newer broker, are passed over.
func decode[T any](v any, name string) (T, error) {
	var t T
	err := decodeStruct(v, reflect.ValueOf(&t).Elem(), name)
	return t, err
}

func decodeStruct(from any, to reflect.Value, path string) error {
	s, err := xmlrpc.Members(from, path)
	if err != nil {
		return err
	}
	for i := range to.NumField() {
		name := to.Type().Field(i).Tag.Get("json")
		v, ok := s.Get(name)
		if !ok {
			return &xmlrpc.ArgumentError{What: path + "." + name, Want: "a value", Got: "no such member"}
		}
		if err := decodeField(v, to.Field(i), path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func decodeField(from any, to reflect.Value, path string) error {
	switch to.Kind() {
	case reflect.Struct:
		return decodeStruct(from, to, path)
	case reflect.Slice:
		return decodeSlice(from, to, path)
	case reflect.String:
		return set(from, path, xmlrpc.Text, to.SetString)
	case reflect.Float64:
		return set(from, path, xmlrpc.Float, to.SetFloat)
	case reflect.Int:
		return set(from, path, xmlrpc.Int, to.SetInt)
	case reflect.Bool:
		return set(from, path, xmlrpc.Bool, to.SetBool)
	default:
		return fmt.Errorf("%s: Go kind %s has no place in an answer", path, to.Kind())
	}
}

func decodeSlice(from any, to reflect.Value, path string) error {
	if to.Type().Elem().Kind() == reflect.Uint8 {
		return set(from, path, xmlrpc.Data, to.SetBytes)
	}
	items, err := xmlrpc.Array(from, path)
	if err != nil || len(items) == 0 {
		return err
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		if err := decodeField(item, to.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func set[T any](from any, path string, as func(any, string) (T, error), put func(T)) error {
	t, err := as(from, path)
	if err == nil {
		put(t)
	}
	return err
}
