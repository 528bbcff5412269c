package storage

import (
	"path"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// escape makes one name of a connection, as VDSM does: underscores are doubled, then slashes become underscores.
func escape(source string) string {
	return strings.ReplaceAll(strings.ReplaceAll(source, "_", "__"), "/", "_")
}

// normalize gives a connection its one spelling, so that nas:/he/ and nas://he do not become two mounts (upstream's bug 1300749).
// A source without a server, such as a device, is a path; one that is neither is left as it is.
func normalize(source string) string {
	host, tail, ok := splitServer(source)
	switch {
	case ok && strings.HasPrefix(tail, "/"):
		return host + ":" + path.Clean(tail)
	case ok:
		return host + ":" + strings.TrimRight(tail, "/")
	case strings.HasPrefix(source, "/"):
		return path.Clean(source)
	}
	return source
}

// splitServer splits SERVER:PATH; a server may be an IPv6 address in brackets.
func splitServer(source string) (server, tail string, ok bool) {
	if strings.HasPrefix(source, "/") {
		return "", source, false
	}
	if strings.HasPrefix(source, "[") {
		server, tail, ok = strings.Cut(source, "]:")
		return server + "]", tail, ok
	}
	server, tail, ok = strings.Cut(source, ":")
	return server, tail, ok && server != ""
}

// mountSource is the connection of a file domain in its one spelling.
func (s Settings) mountSource() (string, error) {
	if s.Connection == "" {
		return "", settingsError("storage_connection", "is empty, and the driver %s needs it", s.Driver)
	}
	if err := checkWord("storage_connection", s.Connection); err != nil {
		return "", err
	}
	source := normalize(s.Connection)
	server, tail, ok := splitServer(source)
	switch s.Driver {
	case config.DriverNFS:
		if !ok || !strings.HasPrefix(tail, "/") {
			return "", settingsError("storage_connection", "%q, want SERVER:/PATH", s.Connection)
		}
	case config.DriverGluster:
		if !ok || strings.Trim(tail, "/") == "" || strings.Contains(server, "/") {
			return "", settingsError("storage_connection", "%q, want SERVER:/VOLUME", s.Connection)
		}
	}
	return source, nil
}

// mountPoint is where a file domain's file system belongs.
func (s Settings) mountPoint(source string) string {
	if s.Driver == config.DriverGluster {
		return path.Join(s.MountParent, "glusterSD", escape(source))
	}
	return path.Join(s.MountParent, escape(source))
}
