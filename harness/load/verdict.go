package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// outcome is what became of a good client's call.
type outcome int

const (
	answered outcome = iota
	refused          // turned away: no connection, cut before the answer was whole, or HTTP 503
	failed           // no answer in time, a fault, or nonsense
)

func judge(reply []byte, err error) outcome {
	var status *xmlrpc.StatusError
	switch {
	case err == nil && bytes.Contains(reply, []byte("<fault>")):
		return failed
	case err == nil:
		return answered
	case errors.As(err, &status) && status.Status == 503:
		return refused
	case errors.As(err, &status), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return failed
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EAGAIN):
		return refused // EAGAIN: the socket's queue of connections is full
	}
	return refused // the connection was refused, or broke before the answer was whole
}

// maxErr bounds an error's text in the result, in bytes.
const maxErr = 300

func describe(reply []byte, err error) string {
	text := fmt.Sprintf("a fault: %.200s", reply)
	if err != nil {
		text = err.Error()
	}
	return text[:min(len(text), maxErr)]
}
