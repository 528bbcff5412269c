package whiteboard_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func TestEngineStatusIsPrintedAsPythonDoes(t *testing.T) {
	require.Equal(t, `{"vm": "up", "health": "good", "detail": "Up"}`,
		whiteboard.EngineStatus{VM: "up", Health: "good", Detail: "Up"}.JSON())
	require.Equal(t, `{"vm": "down", "health": "bad", "detail": "a \"b\" \\ \u007c \u00e9 \ud83d\ude00\n\u0001/", "reason": "x"}`,
		whiteboard.EngineStatus{VM: "down", Health: "bad", Detail: "a \"b\" \\ | é 😀\n\x01/", Reason: "x"}.JSON())
}

func TestEngineStatusRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := whiteboard.EngineStatus{
			VM:     rapid.SampledFrom([]string{"up", "down", "down_unexpected", "down_missing", "unknown"}).Draw(t, "vm"),
			Health: rapid.SampledFrom([]string{"good", "bad"}).Draw(t, "health"),
			Detail: rapid.String().Draw(t, "detail"), Reason: rapid.String().Draw(t, "reason"),
		}
		text := want.JSON()
		require.NotContains(t, text, "|", "it must fit a token")
		require.True(t, json.Valid([]byte(text)), "not JSON: %s", text)
		got, err := whiteboard.ParseEngineStatus(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// A status with the right checksum and the wrong content ended upstream's agents, wherever it was read.
func TestAnUnreadableEngineStatusIsUnknown_S13(t *testing.T) {
	for name, raw := range map[string]string{
		"null":             `null`,
		"empty":            ``,
		"list":             `[1]`,
		"text":             `"up"`,
		"no vm":            `{"health": "good", "detail": "Up"}`,
		"vm null":          `{"vm": null, "health": "good", "detail": "Up"}`,
		"vm a number":      `{"vm": 1, "health": "good", "detail": "Up"}`,
		"vm a word":        `{"vm": "maybe", "health": "good", "detail": "Up"}`,
		"health a word":    `{"vm": "up", "health": "fine", "detail": "Up"}`,
		"up, health unset": `{"vm": "up", "health": "unknown", "detail": "Up"}`,
		"reason a list":    `{"vm": "up", "health": "good", "detail": "Up", "reason": []}`,
		"upper case":       `{"VM": "up", "HEALTH": "good", "DETAIL": "Up"}`,
		"half":             `{"vm": "up", "health": "go`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := whiteboard.ParseEngineStatus(raw)
			require.ErrorContains(t, err, "engine status: ")
			require.Equal(t, whiteboard.EngineStatus{VM: "unknown", Health: "unknown", Detail: "serialization error"}, got)
			require.NoError(t, got.Check())
		})
	}
	got, err := whiteboard.ParseEngineStatus(` {"x": {}, "detail":"Paused","health":"bad","vm":"up"} `)
	require.NoError(t, err)
	require.Equal(t, whiteboard.EngineStatus{VM: "up", Health: "bad", Detail: "Paused"}, got)
}
