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
	reply := s.reply(r.Context(), body)
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	if len(reply) > packAbove && asksGzip(r.Header) {
		reply = s.pack(reply)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(reply)))
	// A client that does not read is cut; net/http then closes the connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opt.WriteTimeout))
	_, _ = w.Write(reply)
}

// refuse answers with a status other than 200, which Python's client raises as ProtocolError.
func (s *Server) refuse(w http.ResponseWriter, status int, text string) {
	s.bad.Add(1)
	w.Header().Set("Content-Type", "text/plain")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opt.WriteTimeout))
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

// pack compresses at level 1, as Python does. The compressors are kept, for each is large.
func (s *Server) pack(body []byte) []byte {
	z, ok := s.packers.Get().(*gzip.Writer)
	if !ok {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	}
	defer s.packers.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	_, _ = z.Write(body) // writing to a Buffer does not fail
	_ = z.Close()
	return out.Bytes()
}
