package vmconf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a document. An engine's OVF has some thousand elements, nested eight deep.
const (
	// MaxDocument is the largest OVF accepted, in bytes.
	MaxDocument = 8 << 20
	maxElements = 200_000
	maxDepth    = 128
)

// element is one element of a parsed document.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string // the character data before the first child
	raw      []byte // the same while the element is being read
	children []*element
}

// parse reads a whole document within the bounds.
func parse(document []byte) (*element, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("the document has %d bytes; at most %d are read", len(document), MaxDocument)
	}
	// Some tools put a byte order mark in front.
	decoder := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(document, []byte("\ufeff"))))
	var root *element
	var open []*element
	elements := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not well-formed XML: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(open) >= maxDepth {
				return nil, fmt.Errorf("more than %d elements, or more than %d nested, before byte %d", maxElements, maxDepth, decoder.InputOffset())
			}
			e := &element{name: token.Name, attrs: token.Attr}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, fmt.Errorf("a second root element, %s, before byte %d", token.Name.Local, decoder.InputOffset())
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			e := open[len(open)-1]
			e.text, e.raw = string(e.raw), nil
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && len(open[len(open)-1].children) == 0 {
				e := open[len(open)-1]
				e.raw = append(e.raw, token...)
			}
		}
	}
	if root == nil {
		return nil, errors.New("the document is empty")
	}
	return root, nil
}

// rasdNamespace is that of CIM resource allocation settings; the engine writes it without a final slash.
const rasdNamespace = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"

func (e *element) isRASD() bool { return strings.TrimSuffix(e.name.Space, "/") == rasdNamespace }

// is tells whether e has this name. Names with the prefix "rasd:" are those of that namespace; all others are matched without regard to
// their namespace, which changed over the engine's versions (".../envelope/1/" before 4.2, ".../envelope/1" since).
func (e *element) is(name string) bool {
	local, rasd := strings.CutPrefix(name, "rasd:")
	return e.name.Local == local && e.isRASD() == rasd
}

// child returns the first child of this name, nil if there is none. A nil element has no children.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.is(name) {
			return c
		}
	}
	return nil
}

// all returns the elements that the path of names leads to, in the order of the document.
func (e *element) all(path ...string) []*element {
	found := []*element{e}
	for _, name := range path {
		var next []*element
		for _, parent := range found {
			for _, c := range parent.children {
				if c.is(name) {
					next = append(next, c)
				}
			}
		}
		found = next
	}
	return found
}

// within returns all elements of this name below e, at any depth, in the order of the document.
func (e *element) within(name string) []*element {
	var found []*element
	for _, c := range e.children {
		if c.is(name) {
			found = append(found, c)
		}
		found = append(found, c.within(name)...)
	}
	return found
}

// value is the text of an element, or that there is none: the element is absent or empty. Python prints the latter as None.
type value struct {
	text  string
	known bool
}

func known(text string) value { return value{text: text, known: true} }

// or returns the text, or other if there is none.
func (v value) or(other string) string {
	if v.known {
		return v.text
	}
	return other
}

// get returns the text of the first child of this name.
func (e *element) get(name string) value {
	c := e.child(name)
	if c == nil || c.text == "" {
		return value{}
	}
	return known(c.text)
}

// attr returns an attribute by its local name.
func (e *element) attr(local string) value {
	for _, a := range e.attrs {
		if a.Name.Local == local && a.Name.Space != "xmlns" {
			return known(a.Value)
		}
	}
	return value{}
}
