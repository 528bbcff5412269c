package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// Limits of a question to the operations API.
const (
	opsTimeout = 5 * time.Second
	opsMax     = 32 << 20 // bytes of an answer: a view of 2,000 hosts
)

// OpsGet asks the host's broker over its socket for operations: GET of a path such as /v1/health or /metrics. A status other
// than 200 is an error that quotes what was answered.
func (h *Host) OpsGet(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, opsTimeout)
	defer cancel()
	socket := filepath.Join(h.SockDir, opsSocket)
	fail := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("%s: GET %s at %s: %w", h.Name, path, socket, err)
	}
	if !strings.HasPrefix(path, "/") {
		return fail(errors.New("want a path that begins with /"))
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://holdfast"+path, nil)
	if err != nil {
		return fail(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, opsMax+1))
	switch {
	case err != nil:
		return fail(err)
	case len(body) > opsMax:
		return fail(fmt.Errorf("the answer is longer than %d bytes", opsMax))
	case response.StatusCode != http.StatusOK:
		return fail(fmt.Errorf("%s: %.300s", response.Status, body))
	}
	return body, nil
}
