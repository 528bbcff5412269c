package vdsm

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// request is a JSON-RPC request, encoded.
type request struct {
	id   string
	body []byte
}

func newRequest(method string, params any) (request, error) {
	if params == nil {
		params = struct{}{}
	}
	r := request{id: NewID()}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": r.id})
	r.body = body
	return r, err
}

// NewID returns a random UUID. What clients name, requests and connections to storage servers, VDSM keeps in one table for all of them.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// message is what VDSM sends: an answer with an id, or an event with a method.
type message struct {
	ID     string
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *refusal
}

// refusal is the error of an answer.
type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error returns VDSM's words, shortened.
func (r *refusal) Error() string { return fmt.Sprintf("code %d: %.300s", r.Code, r.Message) }

var errMessage = errors.New("not a JSON-RPC message")

// parseMessage reads a message of VDSM's. An answer to nobody (no id: VDSM could not read the request) has neither ID
// nor Method.
func parseMessage(body []byte) (message, error) {
	var wire struct {
		ID     json.RawMessage `json:"id"`
		Method *string         `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return message{}, fmt.Errorf("%w: %w: %.60q", errMessage, err, body)
	}
	m := message{Params: wire.Params, Result: wire.Result}
	if len(wire.ID) > 0 && wire.ID[0] == '"' {
		if err := json.Unmarshal(wire.ID, &m.ID); err != nil {
			return message{}, fmt.Errorf("%w: %w", errMessage, err)
		}
	}
	if wire.Method != nil {
		m.Method = *wire.Method
		return m, nil
	}
	if len(wire.Error) > 0 && !bytes.Equal(wire.Error, []byte("null")) {
		m.Error = new(refusal)
		if err := json.Unmarshal(wire.Error, m.Error); err != nil {
			return message{}, fmt.Errorf("%w: its error: %w", errMessage, err)
		}
		return m, nil
	}
	if len(m.Result) == 0 {
		m.Result = json.RawMessage("null") // verbs without a result leave it out or send null
	}
	return m, nil
}
