package agent

import (
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// The words of an engine status, as whiteboard.EngineStatus.Check knows them.
const (
	vmUp             = "up"
	vmDown           = "down"
	vmDownUnexpected = "down_unexpected"
	vmUnknown        = "unknown"
	healthGood       = "good"
	healthBad        = "bad"
	detailPaused     = "Paused"
)

// rank orders engine statuses; the highest is the best engine. It is total: what upstream refuses, which ended its loop,
// ranks as unknown (S13).
func rank(e whiteboard.EngineStatus) int {
	switch {
	case e.Check() != nil || e.VM == vmUnknown:
		return 0
	case e.VM != vmUp:
		return 1
	case e.Detail == detailPaused:
		return 2
	case e.Health == healthBad:
		return 3
	default:
		return 4
	}
}

// Longest texts that are copied from a submonitor's result to the whiteboard, in bytes. The machine part has 512 for all.
const (
	longestDetail = 48
	longestReason = 100
)

// presentable makes any status fit for the whiteboard: words that peers can rank, printable ASCII, short.
func presentable(e whiteboard.EngineStatus) whiteboard.EngineStatus {
	if err := e.Check(); err != nil {
		return whiteboard.UnknownEngineStatus("unusable engine status")
	}
	e.Detail = plainText(e.Detail, longestDetail)
	e.Reason = plainText(e.Reason, longestReason)
	return e
}

// plainText replaces everything but printable ASCII, and what JSON would have to escape, by a question mark and cuts the
// text at limit bytes.
func plainText(text string, limit int) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() == limit {
			break
		}
		if r < ' ' || r > '~' || r == '|' || r == '"' || r == '\\' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
