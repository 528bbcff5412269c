package vdsm

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefinitionOfSingleSettings(t *testing.T) {
	t.Parallel()
	got, err := parseDefinition(`# Editing this file is of no use.
# This file was generated at Sun Nov 22 17:00:00 2026

vmId=abc
memSize=4096
spiceSecureChannels=smain,sdisplay
custom={}
devices={index:0,type:disk,address:{ type:pci, slot:0x06 , bus:0x00},optional:false,specParams:{}}
devices={type:console,address:None,deviceId:c1}
`)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"vmId": "abc", "memSize": "4096", "spiceSecureChannels": "smain,sdisplay", "custom": map[string]any{},
		"devices": []any{
			map[string]any{
				"index": "0", "type": "disk", "address": map[string]any{"type": "pci", "slot": "0x06", "bus": "0x00"},
				"optional": "false", "specParams": map[string]any{},
			},
			map[string]any{"type": "console", "deviceId": "c1"},
		},
	}, got)
}

func TestDefinitionOfXMLIsTheXMLAlone(t *testing.T) {
	t.Parallel()
	xml := "<domain type='kvm'>\n</domain>"
	got, err := parseDefinition("xmlBase64=" + base64.StdEncoding.EncodeToString([]byte(xml)) + "\nvmId=abc\nmemSize=1\n")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"xml": xml}, got)
}

func TestBadDefinitionsNameTheLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "empty",
		"vmId=a\nnonsense": "line 2: want KEY=VALUE",
		"=a":               "line 1",
		"xmlBase64=*":      "xmlBase64",
		"devices={a:b":     "line 1: devices: a closing brace is missing",
		"devices={a}":      "want key:value",
		"devices={a:b}c":   "after the closing brace",
		"devices={":        "want key:value or a closing brace",
		strings.Repeat("devices={a:", 1) + strings.Repeat("{a:", 20): "braces within braces",
	} {
		_, err := parseDefinition(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add("vmId=abc\ndevices={index:0,address:{ type:pci, slot:0x06 },optional:false}\n")
	f.Add("xmlBase64=PGRvbWFpbi8+\n")
	f.Add("devices={a:{b:{c:None}}}\n#\n=\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseDefinition(text) })
}
