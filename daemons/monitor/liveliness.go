package monitor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// healthWord must be in the first line of the engine's own health page.
const healthWord = "DB Up"

// maxHealthPage bounds what is read of the engine's health page, in bytes.
const maxHealthPage = 64 << 10

// Liveliness returns a check of the engine's health page: a GET that is answered with status 200 within timeout, from
// connecting to the last byte. Proxies of the environment and redirects are not followed, because both would ask
// somebody else.
func Liveliness(page string, timeout time.Duration) (func(context.Context) error, error) {
	return liveliness(page, "", timeout)
}

// EngineLiveliness returns upstream's check of a real engine: http://FQDN/ovirt-engine/services/health is answered as
// Liveliness wants it, and the first line says "DB Up".
func EngineLiveliness(fqdn string, timeout time.Duration) (func(context.Context) error, error) {
	if fqdn == "" || strings.ContainsAny(fqdn, "/?#@ ") {
		return nil, fmt.Errorf("liveliness check: %q is not a host name", fqdn)
	}
	return liveliness("http://"+fqdn+"/ovirt-engine/services/health", healthWord, timeout)
}

// liveliness makes a check; word, if not empty, must be in the first line.
func liveliness(page, word string, timeout time.Duration) (func(context.Context) error, error) {
	u, err := url.Parse(page)
	if err != nil {
		return nil, fmt.Errorf("liveliness check: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("liveliness check: %q is not a complete http or https address", page)
	}
	client := &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            dialer(timeout).DialContext,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHealthPage,
			TLSHandshakeTimeout:    timeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			return fmt.Errorf("liveliness check: %w", err)
		}
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("liveliness check: %w", err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthPage))
		if err != nil {
			return fmt.Errorf("liveliness check of %s: %w", page, err)
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("liveliness check of %s: status %s", page, response.Status)
		}
		if line, _, _ := strings.Cut(string(body), "\n"); !strings.Contains(line, word) {
			return fmt.Errorf("liveliness check of %s: the first line is %.60q and does not say %q", page, line, word)
		}
		return nil
	}, nil
}
