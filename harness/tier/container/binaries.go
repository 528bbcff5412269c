package container

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// GotgtEnv names the environment variable with the path of the user's gotgt binary, for storage iscsi:gotgt.
const GotgtEnv = "HOLDFAST_GOTGT"

// mains maps each static binary to the package that it is built from.
func mains() map[string]string {
	return map[string]string{
		"holdfast-broker":    "./daemons/cmd/holdfast-broker",
		"holdfast-agent":     "./daemons/cmd/holdfast-agent",
		"holdfast-engine":    "./fixtures/engine",
		"holdfast-attendant": "./harness/cmd/holdfast-attendant",
		"holdfast-probe":     "./harness/cmd/holdfast-probe",
		"holdfast-faultfs":   "./faults/cmd/holdfast-faultfs",
		"holdfast-standin":   "./fixtures/standin/cmd/holdfast-standin",
	}
}

func hostBinaries() []string {
	return []string{
		"holdfast-attendant", "holdfast-broker", "holdfast-agent", "holdfast-probe", "holdfast-engine", "holdfast-faultfs", "holdfast-standin",
	}
}

func storageBinaries() []string { return []string{"holdfast-attendant", "holdfast-faultfs"} }

// binary returns the path of one of the static binaries for a run.
func (o Options) binary(name string) (string, error) {
	if p, ok := o.Binaries[name]; ok {
		if err := checkStatic(p); err != nil {
			return "", fmt.Errorf("%s replaced by %s: %w", name, p, err)
		}
		return filepath.Abs(p)
	}
	var tried []string
	for _, dir := range o.binDirs() {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			if err := checkStatic(p); err != nil {
				return "", err
			}
			return filepath.Abs(p)
		}
		tried = append(tried, dir)
	}
	return "", fmt.Errorf("%s: not found in %s; cure: make build", name, strings.Join(tried, ", "))
}

func (o Options) binDirs() []string {
	if o.BinDir != "" {
		return []string{o.BinDir}
	}
	var dirs []string
	if d := os.Getenv("HOLDFAST_BIN"); d != "" {
		dirs = append(dirs, d)
	}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(exe))
	}
	if root, err := moduleRoot(); err == nil {
		dirs = append(dirs, filepath.Join(root, "bin"))
	}
	return dirs
}

// checkStatic refuses a program that needs a dynamic loader: the image does not have this machine's libraries.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: not a program: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s: dynamically linked; cure: build it with CGO_ENABLED=0 (make build)", path)
		}
	}
	return nil
}

// gotgt returns the user's gotgt binary or says clearly why there is none.
func gotgt() (string, error) {
	p := os.Getenv(GotgtEnv)
	if p == "" {
		return "", fmt.Errorf("storage iscsi:gotgt: gotgt is not part of the lab (its module cannot be had from the Go module proxy); "+
			"set %s=/path/to/gotgt to use a binary of yours, or use storage iscsi (tgt)", GotgtEnv)
	}
	p, err := filepath.Abs(p)
	if err != nil {
		return "", fmt.Errorf("storage iscsi:gotgt: %s: %w", GotgtEnv, err)
	}
	if err := checkStatic(p); err != nil {
		return "", fmt.Errorf("storage iscsi:gotgt: %s: %w", GotgtEnv, err)
	}
	return p, nil
}

// BuildBinaries builds the static binaries of the module that contains the working directory into dir ("" = bin/ of the module)
// and returns the directory. Names restricts it to some of them.
func BuildBinaries(ctx context.Context, dir string, names ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if dir == "" {
		dir = filepath.Join(root, "bin")
	}
	for _, name := range sortedKeys(mains()) {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(dir, name), mains()[name])
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", name, err, bytes.TrimSpace(out))
		}
	}
	return dir, nil
}

// moduleRoot is the nearest directory above the working directory that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", errors.New("no go.mod above " + dir)
		}
	}
}
