package vdsm

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/localfile"
)

// maxDefinition limits vm.conf, in bytes.
const maxDefinition = 1 << 20

// readDefinition reads vm.conf and returns what VM.create wants.
func readDefinition(path string) (map[string]any, error) {
	if path == "" {
		return nil, errors.New("no vm.conf is named: set vm_conf in holdfast.conf")
	}
	text, err := localfile.Read(path, maxDefinition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the engine's definition has not been read from shared storage yet", err)
	}
	if err != nil {
		return nil, err
	}
	params, err := parseDefinition(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return params, nil
}

// parseDefinition makes VDSM's parameters of vm.conf's text: lines KEY=VALUE, and # comments. With an xmlBase64 the
// domain XML in it is all; otherwise every key goes over as it is, and the devices lines as a list.
func parseDefinition(text string) (map[string]any, error) {
	params := make(map[string]any)
	var devices []any
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fmt.Errorf("line %d: want KEY=VALUE, got %.40q", i+1, line)
		}
		value = strings.TrimSpace(value)
		if !strings.HasPrefix(value, "{") {
			params[key] = value
			continue
		}
		structure, err := parseStructure(value)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", i+1, key, err)
		}
		if key == "devices" {
			devices = append(devices, structure)
		} else {
			params[key] = structure
		}
	}
	if encoded, ok := params["xmlBase64"].(string); ok {
		xml, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("xmlBase64: %w", err)
		}
		return map[string]any{"xml": string(xml)}, nil
	}
	if len(params) == 0 {
		return nil, errors.New("it is empty")
	}
	if devices != nil {
		params["devices"] = devices
	}
	return params, nil
}

// maxNesting limits braces within braces; vm.conf has two levels.
const maxNesting = 8

// parseStructure reads {key:value,...}: a Python dictionary without quotes. A value may be such a thing itself. A value
// None means that the key is not there.
func parseStructure(text string) (map[string]any, error) {
	structure, rest, err := structureAt(text, 1)
	if err != nil {
		return nil, err
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return nil, fmt.Errorf("text after the closing brace: %.40q", rest)
	}
	return structure, nil
}

func structureAt(text string, depth int) (map[string]any, string, error) {
	if depth > maxNesting {
		return nil, "", fmt.Errorf("more than %d braces within braces", maxNesting)
	}
	result := make(map[string]any)
	rest := text[1:]
	for {
		rest = strings.TrimLeft(rest, " ,")
		if after, ok := strings.CutPrefix(rest, "}"); ok {
			return result, after, nil
		}
		end := strings.IndexAny(rest, ":,{}")
		if end < 0 || rest[end] != ':' {
			return nil, "", fmt.Errorf("want key:value or a closing brace at %.40q", rest)
		}
		key := strings.TrimSpace(rest[:end])
		rest = strings.TrimLeft(rest[end+1:], " ")
		if strings.HasPrefix(rest, "{") {
			inner, after, err := structureAt(rest, depth+1)
			if err != nil {
				return nil, "", err
			}
			result[key], rest = inner, after
			continue
		}
		end = strings.IndexAny(rest, ",}")
		if end < 0 {
			return nil, "", errors.New("a closing brace is missing")
		}
		if value := strings.TrimSpace(rest[:end]); value != "None" {
			result[key] = value
		}
		rest = rest[end:]
	}
}
