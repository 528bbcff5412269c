package monitor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxHealthPage bounds what is read of the engine's health page, in bytes.
const maxHealthPage = 64 << 10

// Liveliness returns a check of the engine's health page: a GET that is answered with status 200 within timeout, from
// connecting to the last byte. Proxies of the environment and redirects are not followed, because both would ask
// somebody else.
func Liveliness(page string, timeout time.Duration) (func(context.Context) error, error) {
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
			DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
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
		if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxHealthPage)); err != nil {
			return fmt.Errorf("liveliness check of %s: %w", page, err)
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("liveliness check of %s: status %s", page, response.Status)
		}
		return nil
	}, nil
}
