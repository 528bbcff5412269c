package monitor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	maxResolvConf  = 64 << 10 // bytes of the file that are read
	maxNameservers = 3        // as libc takes them
)

// dnsTest asks the nameservers of resolv.conf for the nameservers of the root, over TCP, as upstream does with dig. It
// passes when one of them answers, whatever the answer says. All are asked at once, so that a dead one does not cost
// the time of the others.
type dnsTest struct{ resolvConf string }

func (d dnsTest) try(ctx context.Context, timeout time.Duration) error {
	servers, err := nameservers(d.resolvConf)
	if err != nil {
		return fmt.Errorf("dns test: %w: %w", errCannotTest, err)
	}
	return askAny(ctx, servers, timeout)
}

// askAny returns nil as soon as one server answers. It ends all it started before it returns.
func askAny(ctx context.Context, servers []string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answers := make(chan error, len(servers))
	for _, server := range servers {
		go func() { answers <- askRoot(ctx, server, timeout) }() // ended by ctx
	}
	var errs []error
	isAnswered := false
	for range servers {
		err := <-answers
		if err == nil {
			isAnswered = true
			cancel()
		}
		errs = append(errs, err)
	}
	if isAnswered {
		return nil
	}
	return fmt.Errorf("dns test: %w", errors.Join(errs...))
}

// nameservers reads the addresses, with their port, of the nameservers that a resolv.conf names; without any, those of
// this host.
func nameservers(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxResolvConf))
	if err != nil {
		return nil, err
	}
	return parseNameservers(string(content)), nil
}

func parseNameservers(content string) []string {
	var servers []string
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" || len(servers) == maxNameservers {
			continue
		}
		if address, err := netip.ParseAddr(fields[1]); err == nil {
			servers = append(servers, net.JoinHostPort(address.String(), "53"))
		}
	}
	if len(servers) == 0 {
		servers = []string{"127.0.0.1:53", "[::1]:53"}
	}
	return servers
}

// rootQuery asks for the nameservers of the root: a header with the recursion-desired flag and one question, with the
// two bytes of length that TCP wants before it. Its number, bytes 2 and 3, is a constant: the connection is our own.
var rootQuery = []byte{0, 17, 0x48, 0x46, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}

// askRoot sends the query and reads as much as shows that it was answered.
func askRoot(ctx context.Context, server string, timeout time.Duration) error {
	conn, err := dialer(timeout).DialContext(ctx, "tcp", server)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(rootQuery); err != nil {
		return err
	}
	head := make([]byte, 14) // length and header
	if _, err := io.ReadFull(conn, head); err != nil {
		return fmt.Errorf("answer of %s: %w", server, err)
	}
	isResponse := head[4]&0x80 != 0
	if binary.BigEndian.Uint16(head) < 12 || !bytes.Equal(head[2:4], rootQuery[2:4]) || !isResponse {
		return fmt.Errorf("answer of %s: not an answer to the question", server)
	}
	return nil
}
