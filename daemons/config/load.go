package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/daemons/localfile"
)

// maxFile bounds what is read of one file, in bytes: a path that names a device or a log file by mistake must not fill the memory.
const maxFile = 1 << 20

// Load reads and checks the file at path, and upstream's files where it is silent. All faults found are reported together
// (errors.Join); each is an *Error unless a file cannot be read at all.
func Load(path string) (Config, error) { return LoadUnder("", path) }

// LoadUnder is Load for a daemon whose every path is under root: those in the files, and those of upstream's files. path is
// taken as it is. An empty root is the machine's own.
func LoadUnder(root, path string) (Config, error) {
	if root != "" && !filepath.IsAbs(root) {
		return Config{}, fmt.Errorf("root %s: expected an absolute path", root)
	}
	text, err := localfile.Read(path, maxFile)
	if err != nil {
		cure := "check the path and its permissions"
		if errors.Is(err, os.ErrNotExist) {
			cure = "copy the commented example holdfast.conf there and set host_id"
		}
		return Config{}, fmt.Errorf("read configuration: %w (%s)", err, cure)
	}
	p := newParser(path, root)
	p.read(text)
	p.upstreamFiles()
	return p.result()
}

// upstreamFiles reads hosted-engine.conf and agent.conf, if they are there, into what holdfast.conf left open.
func (p *parser) upstreamFiles() {
	for _, f := range []struct {
		path string
		read func(name string, text []byte)
	}{
		{p.config.HostedEngineConf, p.hostedEngine},
		{p.config.AgentConf, p.agentConf},
	} {
		if f.path == "" {
			continue
		}
		path := filepath.Join(p.config.Root, f.path)
		text, err := localfile.Read(path, maxFile)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			p.faults = append(p.faults, fmt.Errorf("read configuration: %w (check its permissions)", err))
		default:
			f.read(path, text)
		}
	}
}
