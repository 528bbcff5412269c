package verdict

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FileName is the verdict's name in a run directory.
const FileName = "verdict.json"

// maxFile bounds a verdict file that is read, in bytes.
const maxFile = 32 << 20

// Write puts v into dir as verdict.json, whole or not at all. Lists and maps that are empty are written as [] and {}.
func Write(dir string, v Verdict) error {
	v.fill()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	path := filepath.Join(dir, FileName)
	half := path + ".new"
	if err := os.WriteFile(half, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	if err := os.Rename(half, path); err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	return nil
}

// Read reads dir's verdict.json. Members that this version does not know are ignored.
func Read(dir string) (Verdict, error) {
	f, err := os.Open(filepath.Join(dir, FileName))
	if err != nil {
		return Verdict{}, fmt.Errorf("read the verdict: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return Verdict{}, fmt.Errorf("read the verdict: %w", err)
	}
	var v Verdict
	if err := json.Unmarshal(data, &v); err != nil {
		return Verdict{}, fmt.Errorf("read the verdict %s: %w", f.Name(), err)
	}
	v.fill()
	return v, nil
}

// fill replaces nil lists and maps by empty ones, so that readers of the JSON never meet null there.
func (v *Verdict) fill() {
	if v.Faults == nil {
		v.Faults = []Fault{}
	}
	if v.Claims == nil {
		v.Claims = []Claim{}
	}
	if v.RPC == nil {
		v.RPC = map[string]map[string]Phases{}
	}
	if v.Lanes == nil {
		v.Lanes = map[string][]Lane{}
	}
	if v.Agent == nil {
		v.Agent = map[string]AgentTicks{}
	}
}
