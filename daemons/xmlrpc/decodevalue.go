package xmlrpc

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// params reads the inside of <params>.
func (p *parser) params() ([]any, error) {
	args := []any{}
	for {
		name, err := p.child("params")
		if err != nil || name == "" {
			return args, err
		}
		if name != "param" {
			return nil, p.bad("unexpected <" + name + "> in <params>")
		}
		if err := p.begin("value"); err != nil {
			return nil, err
		}
		value, err := p.value(0)
		if err != nil {
			return nil, err
		}
		args = append(args, value)
		if err := p.close("param"); err != nil {
			return nil, err
		}
	}
}

// close expects the end tag of element next.
func (p *parser) close(element string) error {
	name, err := p.child(element)
	if err == nil && name != "" {
		return p.bad("unexpected <" + name + "> in <" + element + ">")
	}
	return err
}

// fault reads the inside of <fault>.
func (p *parser) fault() (*Fault, error) {
	if err := p.begin("value"); err != nil {
		return nil, err
	}
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	s, ok := value.(Struct)
	if !ok {
		return nil, p.bad("a fault is a struct")
	}
	code, _ := s.Get("faultCode")
	text, _ := s.Get("faultString")
	fault := &Fault{}
	if fault.Code, ok = code.(int64); !ok {
		return nil, p.bad("faultCode is not an integer")
	}
	if fault.String, ok = text.(string); !ok {
		return nil, p.bad("faultString is not a string")
	}
	return fault, p.close("fault")
}

// value reads the inside of <value>: one typed element, or text, which is a string.
func (p *parser) value(depth int) (any, error) {
	var text []byte
	for {
		tok, err := p.inside("value")
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.CharData:
			text = append(text, tok...)
		case xml.EndElement:
			return string(text), p.closes(tok, "value")
		case xml.StartElement:
			if !blank(text) {
				return nil, p.bad("text beside <" + tok.Name.Local + "> in <value>")
			}
			value, err := p.typed(tok.Name.Local, depth)
			if err != nil {
				return nil, err
			}
			return value, p.close("value")
		}
	}
}

// typed reads the inside of a type's element. A name space prefix, as in
// ex:nil, has been dropped, as Python does.
func (p *parser) typed(name string, depth int) (any, error) {
	switch name {
	case "array", "struct":
		if depth >= p.maxDepth {
			return nil, p.bad("nested deeper than " + strconv.Itoa(p.maxDepth))
		}
		if name == "array" {
			return p.array(depth + 1)
		}
		return p.structure(depth + 1)
	}
	text, err := p.text(name)
	if err != nil {
		return nil, err
	}
	switch name {
	case "string":
		return text, nil
	case "int", "i1", "i2", "i4", "i8", "biginteger":
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, &SyntaxError{p.d.InputOffset(), "bad <" + name + ">", cause(err)}
		}
		return n, nil
	case "boolean":
		switch strings.TrimSpace(text) {
		case "0":
			return false, nil
		case "1":
			return true, nil
		}
		return nil, p.bad("a boolean is 0 or 1")
	case "double", "float":
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return nil, &SyntaxError{p.d.InputOffset(), "bad <" + name + ">", cause(err)}
		}
		return f, nil
	case "nil":
		if !blank([]byte(text)) {
			return nil, p.bad("text in <nil>")
		}
		return nil, nil
	case "base64":
		return p.base64(text)
	}
	return nil, p.bad(fmt.Sprintf("unknown type <%.40s>", name))
}

// cause keeps a strconv error's reason without the text it complains about.
func cause(err error) error {
	if n, ok := err.(*strconv.NumError); ok { //nolint:errorlint // strconv returns it unwrapped
		return n.Err
	}
	return err
}

func (p *parser) base64(text string) ([]byte, error) {
	packed := make([]byte, 0, len(text))
	for i := range len(text) {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
		default:
			packed = append(packed, text[i])
		}
	}
	n, err := base64.StdEncoding.Decode(packed, packed)
	if err != nil {
		return nil, &SyntaxError{p.d.InputOffset(), "bad <base64>", err}
	}
	return packed[:n], nil
}

func (p *parser) array(depth int) ([]any, error) {
	if err := p.begin("data"); err != nil {
		return nil, err
	}
	items := []any{}
	for {
		name, err := p.child("data")
		if err != nil {
			return nil, err
		}
		switch name {
		case "":
			return items, p.close("array")
		case "value":
			item, err := p.value(depth)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		default:
			return nil, p.bad("unexpected <" + name + "> in <data>")
		}
	}
}

func (p *parser) structure(depth int) (Struct, error) {
	s := Struct{}
	for {
		name, err := p.child("struct")
		if err != nil || name == "" {
			return s, err
		}
		if name != "member" {
			return nil, p.bad("unexpected <" + name + "> in <struct>")
		}
		var m Member
		if err := p.begin("name"); err != nil {
			return nil, err
		}
		if m.Name, err = p.text("name"); err != nil {
			return nil, err
		}
		if err := p.begin("value"); err != nil {
			return nil, err
		}
		if m.Value, err = p.value(depth); err != nil {
			return nil, err
		}
		if err := p.close("member"); err != nil {
			return nil, err
		}
		s = append(s, m)
	}
}
