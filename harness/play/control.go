package play

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// SocketName is the control socket's name in a cluster's directory of sockets.
const SocketName = "control.sock"

// Limits of the control socket: a command's size, and how long one may take (a fault is set up, injected and proven in it).
const (
	maxCommand      = 64 << 10
	commandDeadline = 90 * time.Second
)

type command struct {
	Words string `json:"words"`
}

type reply struct {
	Proofs []string `json:"proofs,omitempty"`
	Status *Status  `json:"status,omitempty"`
	Error  string   `json:"error,omitempty"`
}

// Serve answers commands on the control socket until ctx ends.
func (c *Cluster) Serve(ctx context.Context) error {
	socket := filepath.Join(c.cluster.SockDir, SocketName)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return errors.Join(fmt.Errorf("control socket: %w", err), listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fault", c.handle(func(ctx context.Context, cmd command) (reply, error) {
		proof, err := c.Inject(ctx, cmd.Words)
		return reply{Proofs: []string{proof}}, err
	}))
	mux.HandleFunc("POST /heal", c.handle(func(ctx context.Context, cmd command) (reply, error) {
		proofs, err := c.Heal(ctx, cmd.Words)
		return reply{Proofs: proofs}, err
	}))
	mux.HandleFunc("POST /status", c.handle(func(ctx context.Context, _ command) (reply, error) {
		s := c.Status(ctx)
		return reply{Status: &s}, nil
	}))
	mux.HandleFunc("POST /down", c.handle(func(context.Context, command) (reply, error) {
		c.stop()
		return reply{}, nil
	}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: commandDeadline + 10*time.Second, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err = server.Shutdown(grace)
	if err != nil {
		err = server.Close() // a command is still under way; its own deadline ends it
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (c *Cluster) handle(do func(context.Context, command) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), commandDeadline)
		defer cancel()
		var cmd command
		if err := json.NewDecoder(io.LimitReader(req.Body, maxCommand)).Decode(&cmd); err != nil {
			http.Error(w, "want a JSON object", http.StatusBadRequest)
			return
		}
		r, err := do(ctx, cmd)
		if err != nil {
			r.Error = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r)
	}
}

// Client sends commands to the process that owns a cluster.
type Client struct{ socket string }

// Find returns a client of the cluster whose run directory is dir; with an empty dir, of the only one that is up.
func Find(dir string) (*Client, error) {
	if dir != "" {
		socket, err := socketOf(dir)
		return &Client{socket}, err
	}
	sockets, err := filepath.Glob(filepath.Join(container.SockDirs, SocketName))
	if err != nil {
		return nil, err
	}
	var alive []string
	for _, s := range sockets {
		if conn, err := net.DialTimeout("unix", s, time.Second); err == nil {
			conn.Close()
			alive = append(alive, s)
		}
	}
	switch len(alive) {
	case 1:
		return &Client{alive[0]}, nil
	case 0:
		return nil, errors.New("no cluster is up; start one with: holdfast up")
	}
	return nil, fmt.Errorf("%d clusters are up; say which with --out DIR (the directory given to holdfast up)", len(alive))
}

func socketOf(dir string) (string, error) {
	path := filepath.Join(dir, "cluster.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w: is %s the directory that was given to holdfast up --out?", err, dir)
	}
	var particulars struct {
		SockDir string `json:"sock_dir"`
	}
	if err := json.Unmarshal(data, &particulars); err != nil || particulars.SockDir == "" {
		return "", fmt.Errorf("%s does not name the directory of sockets (%w)", path, err)
	}
	return filepath.Join(particulars.SockDir, SocketName), nil
}

// Inject puts a fault into effect; see [Cluster.Inject].
func (c *Client) Inject(ctx context.Context, words string) ([]string, error) {
	r, err := c.send(ctx, "fault", words)
	return r.Proofs, err
}

// Heal ends a fault or all; see [Cluster.Heal].
func (c *Client) Heal(ctx context.Context, words string) ([]string, error) {
	r, err := c.send(ctx, "heal", words)
	return r.Proofs, err
}

// Status asks for the cluster's state.
func (c *Client) Status(ctx context.Context) (Status, error) {
	r, err := c.send(ctx, "status", "")
	if err != nil || r.Status == nil {
		return Status{}, err
	}
	return *r.Status, nil
}

// Down asks the owner to heal everything and take the cluster down. It does not wait for that.
func (c *Client) Down(ctx context.Context) error {
	_, err := c.send(ctx, "down", "")
	return err
}

func (c *Client) send(ctx context.Context, what, words string) (reply, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", c.socket)
	}}
	ctx, cancel := context.WithTimeout(ctx, commandDeadline+5*time.Second)
	defer cancel()
	body, err := json.Marshal(command{Words: words})
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://holdfast/"+what, strings.NewReader(string(body)))
	if err != nil {
		return reply{}, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("%s: the process that owns the cluster does not answer at %s (%w); if it was killed, run holdfast gc", what, c.socket, err)
	}
	defer resp.Body.Close()
	var r reply
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&r); err != nil {
		return r, fmt.Errorf("%s: unreadable answer: %w", what, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}
