package xmlrpc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// DefaultMaxDepth is the nesting of arrays and structs that is accepted when nothing else is said.
const DefaultMaxDepth = 32

// UnmarshalCall reads a request. maxDepth limits the nesting of arrays and
// structs; 0 means DefaultMaxDepth. The error is a *SyntaxError. It never
// panics, whatever the body.
func UnmarshalCall(body []byte, maxDepth int) (method string, args []any, err error) {
	p := newParser(body, maxDepth)
	if err := p.begin("methodCall"); err != nil {
		return "", nil, err
	}
	if err := p.begin("methodName"); err != nil {
		return "", nil, err
	}
	text, err := p.text("methodName")
	if err != nil {
		return "", nil, err
	}
	method = strings.TrimSpace(text)
	if method == "" {
		return "", nil, p.bad("the method's name is empty")
	}
	name, err := p.child("methodCall")
	if err != nil {
		return "", nil, err
	}
	if name == "params" {
		if args, err = p.params(); err != nil {
			return "", nil, err
		}
		name, err = p.child("methodCall")
	}
	if err != nil {
		return "", nil, err
	}
	if name != "" {
		return "", nil, p.bad("unexpected <" + name + "> in <methodCall>")
	}
	return method, args, p.end()
}

// UnmarshalResponse reads a reply with one result. The error is a *Fault if the
// peer sent one, else a *SyntaxError. maxDepth as in UnmarshalCall.
func UnmarshalResponse(body []byte, maxDepth int) (any, error) {
	p := newParser(body, maxDepth)
	if err := p.begin("methodResponse"); err != nil {
		return nil, err
	}
	name, err := p.child("methodResponse")
	if err != nil {
		return nil, err
	}
	var result any
	var fault *Fault
	switch name {
	case "params":
		results, err := p.params()
		if err != nil {
			return nil, err
		}
		if len(results) != 1 {
			return nil, p.bad(fmt.Sprintf("a reply has one result, got %d", len(results)))
		}
		result = results[0]
	case "fault":
		if fault, err = p.fault(); err != nil {
			return nil, err
		}
	default:
		return nil, p.bad("expected <params> or <fault> in <methodResponse>")
	}
	if name, err = p.child("methodResponse"); err != nil {
		return nil, err
	}
	if name != "" {
		return nil, p.bad("unexpected <" + name + "> in <methodResponse>")
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if fault != nil {
		return nil, fault
	}
	return result, nil
}

// parser walks the tokens of one document. Each method that reads the inside
// of an element consumes its end tag too.
type parser struct {
	d        *xml.Decoder
	maxDepth int
}

func newParser(body []byte, maxDepth int) *parser {
	if maxDepth <= 0 {
		maxDepth = DefaultMaxDepth
	}
	return &parser{d: xml.NewDecoder(bytes.NewReader(body)), maxDepth: maxDepth}
}

func (p *parser) bad(what string) error {
	return &SyntaxError{Offset: p.d.InputOffset(), What: brief(what)}
}

// brief cuts what names in a document make too long: errors go to the log, and the document is a client's.
func brief(what string) string {
	const limit = 200
	if len(what) <= limit {
		return what
	}
	return strings.ToValidUTF8(what[:limit], "") + "..."
}

// token returns the next start tag, end tag or text. Comments, processing
// instructions and directives are passed over; entities other than XML's own
// five are an error of the XML parser. RawToken spares the name space work; the
// end tags are matched here.
func (p *parser) token() (xml.Token, error) {
	for {
		tok, err := p.d.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, &SyntaxError{Offset: p.d.InputOffset(), What: "malformed XML", Cause: err}
		}
		switch tok.(type) {
		case xml.StartElement, xml.EndElement, xml.CharData:
			return tok, nil
		}
	}
}

// inside is token where the document may not end.
func (p *parser) inside(element string) (xml.Token, error) {
	tok, err := p.token()
	if errors.Is(err, io.EOF) {
		return nil, &SyntaxError{p.d.InputOffset(), brief("the document ends inside <" + element + ">"), io.ErrUnexpectedEOF}
	}
	return tok, err
}

// child returns the local name of the next child of parent, or "" at the
// parent's end tag. Text between children must be white space.
func (p *parser) child(parent string) (string, error) {
	for {
		tok, err := p.inside(parent)
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return tok.Name.Local, nil
		case xml.EndElement:
			return "", p.closes(tok, parent)
		case xml.CharData:
			if !blank(tok) {
				return "", p.bad("unexpected text in <" + parent + ">")
			}
		}
	}
}

func (p *parser) closes(tok xml.EndElement, element string) error {
	if tok.Name.Local != element {
		return p.bad("<" + element + "> closed by </" + tok.Name.Local + ">")
	}
	return nil
}

// begin expects the start tag of element next, at top level or inside another.
func (p *parser) begin(element string) error {
	for {
		tok, err := p.token()
		if errors.Is(err, io.EOF) {
			return &SyntaxError{p.d.InputOffset(), "no <" + element + "> in the document", io.ErrUnexpectedEOF}
		}
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Local != element {
				return p.bad("expected <" + element + ">, got <" + tok.Name.Local + ">")
			}
			return nil
		case xml.EndElement:
			return p.bad("expected <" + element + ">, got </" + tok.Name.Local + ">")
		case xml.CharData:
			if !blank(tok) {
				return p.bad("expected <" + element + ">, got text")
			}
		}
	}
}

// end expects nothing more.
func (p *parser) end() error {
	for {
		tok, err := p.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text, ok := tok.(xml.CharData); !ok || !blank(text) {
			return p.bad("junk after the document")
		}
	}
}

// text reads the character data of an element without children.
func (p *parser) text(element string) (string, error) {
	var text []byte
	for {
		tok, err := p.inside(element)
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return "", p.bad("unexpected <" + tok.Name.Local + "> in <" + element + ">")
		case xml.EndElement:
			return string(text), p.closes(tok, element)
		case xml.CharData:
			text = append(text, tok...)
		}
	}
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
