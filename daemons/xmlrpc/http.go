package xmlrpc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// packAbove is the size in bytes above which a reply is packed for a client that asks for it; Python's value.
const packAbove = 1400

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" && r.URL.Path != "/RPC2" {
		s.refuse(w, http.StatusNotFound, "No such page")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, http.StatusMethodNotAllowed, "XML-RPC is called by POST")
		return
	}
	body, status, err := s.readBody(r)
	if err != nil {
		s.report("", fmt.Errorf("read request: %w", err))
		s.refuse(w, status, err.Error())
		return
	}
	// The request is here. A method that waits may take longer than the request was given; without this its context would
	// end when that time is over. The handler's own deadline bounds the wait, and a client that goes away still ends it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	reply, pieces := s.reply(r.Context(), body)
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	if pieces != nil {
		s.sendRaw(w, pieces, asksGzip(r.Header))
		return
	}
	if len(reply) > packAbove && asksGzip(r.Header) {
		reply = squeeze(reply)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(reply)))
	s.limitWrite(w)
	_, _ = w.Write(reply)
}

// limitWrite bounds the sending of a reply: a client that does not read is cut; net/http then closes the connection.
func (s *Server) limitWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opt.WriteTimeout))
}

// refuse answers with a status other than 200, which Python's client raises as ProtocolError.
func (s *Server) refuse(w http.ResponseWriter, status int, text string) {
	s.bad.Add(1)
	w.Header().Set("Content-Type", "text/plain")
	s.limitWrite(w)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// errTooLarge says that a body is above the limit.
var errTooLarge = errors.New("body above the limit")

func (s *Server) readBody(r *http.Request) (body []byte, status int, err error) {
	if r.ContentLength > s.opt.MaxBody {
		return nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	var from io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
	case "gzip":
		packed := io.LimitReader(r.Body, s.opt.MaxBody)
		if from, err = gzip.NewReader(packed); err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
	default:
		return nil, http.StatusNotImplemented, fmt.Errorf("content encoding %.40q is not supported", encoding)
	}
	body, err = readLimited(from, s.opt.MaxBody, r.ContentLength)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, http.StatusRequestEntityTooLarge, err
	case err != nil:
		return nil, http.StatusBadRequest, err
	}
	return body, http.StatusOK, nil
}

// readLimited reads all of r. More than limit bytes are errTooLarge. expect is
// the length that was announced, below 0 if none was; it is not trusted with much memory.
func readLimited(r io.Reader, limit, expect int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, max(0, min(expect, limit, 64<<10))+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if n > limit {
		return nil, errTooLarge
	}
	return buf.Bytes(), err
}

// asksGzip reads Accept-Encoding: gzip counts unless its weight is zero.
func asksGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			coding, weight, weighed := strings.Cut(item, ";")
			if strings.TrimSpace(coding) != "gzip" {
				continue
			}
			if !weighed {
				return true
			}
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return err == nil && q > 0
		}
	}
	return false
}
