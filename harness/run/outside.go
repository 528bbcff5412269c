package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// askEvery is the pause between two questions of one `expect` to a broker or a host that is asked for it alone.
const askEvery = 100 * time.Millisecond

// lookOutside looks at what the probe does not watch.
func (r *runner) lookOutside(ctx context.Context, condition scenario.Condition) (func() answer, error) {
	host, err := r.cluster.Host(scenario.ConditionHost(condition))
	if err != nil {
		return nil, err
	}
	var look func(ctx context.Context) answer
	switch c := condition.(type) {
	case scenario.Monitor:
		link := brokerlink.New(host.BrokerSocket, rpcDeadline)
		look = func(ctx context.Context) answer {
			status, err := link.GetStatus(ctx)
			if err != nil {
				return answer{detail: err.Error()}
			}
			return monitorIs(c, status.Monitors)
		}
	case scenario.Metric:
		look = func(ctx context.Context) answer {
			text, err := host.OpsGet(ctx, "/metrics")
			if err != nil {
				return answer{detail: err.Error()}
			}
			return metricIs(c, samples(string(text)))
		}
	case scenario.Mail:
		path := filepath.Join(host.Dir, mailLog)
		look = func(context.Context) answer { return mailIs(c, path, r.start.Seconds()+r.ready) }
	case scenario.File:
		look = func(ctx context.Context) answer {
			info, err := host.Look(ctx, container.PathInside(c.Name))
			if err != nil {
				return answer{detail: err.Error()}
			}
			if !bytes.Contains(info.Data, []byte(c.Contains)) {
				return answer{detail: fmt.Sprintf("%s has %d bytes, and not this text", c.Name, info.Size)}
			}
			return answer{holds: true, detail: fmt.Sprintf("%s contains it", c.Name)}
		}
	case scenario.Mode:
		look = func(ctx context.Context) answer {
			info, err := host.Look(ctx, container.PathInside(c.Name))
			if err != nil {
				return answer{detail: err.Error()}
			}
			return answer{holds: int(info.Mode) == c.Mode, detail: fmt.Sprintf("%s has mode %04o, owner %d:%d", c.Name, info.Mode, info.UID, info.GID)}
		}
	default:
		return nil, fmt.Errorf("this tier cannot look at %q", condition)
	}
	return paced(func() answer {
		ctx, cancel := context.WithTimeout(ctx, rpcDeadline)
		defer cancel()
		return look(ctx)
	}), nil
}

// paced asks no more often than askEvery, and repeats the latest answer in between.
func paced(look func() answer) func() answer {
	var last answer
	var next time.Time
	return func() answer {
		if now := time.Now(); !now.Before(next) {
			last, next = look(), now.Add(askEvery)
		}
		return last
	}
}

func monitorIs(c scenario.Monitor, monitors []brokerlink.MonitorView) answer {
	var seen []string
	for _, m := range monitors {
		if m.Type != c.Type {
			seen = append(seen, m.Type)
			continue
		}
		detail := fmt.Sprintf("%s is %q, %.1f s old", m.Type, m.Text, m.Age)
		if m.Problem != "" {
			detail += ": " + m.Problem
		}
		return answer{holds: m.Text == c.Text || c.Part && strings.Contains(m.Text, c.Text), detail: detail}
	}
	return answer{detail: fmt.Sprintf("no submonitor %s runs; there are: %s", c.Type, orWord(strings.Join(seen, ", "), "none"))}
}

// mailLog is where a host's mail server keeps what it was sent, one JSON object a line.
const mailLog = "mail.jsonl"

// mailIs looks through the mails that came since a time, CLOCK_MONOTONIC seconds.
func mailIs(c scenario.Mail, path string, since float64) answer {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return answer{detail: "no mail has come"}
	}
	if err != nil {
		return answer{detail: err.Error()}
	}
	last := "no mail has come"
	for line := range bytes.Lines(data) {
		var mail struct {
			Mono    float64 `json:"mono"`
			Subject string  `json:"subject"`
			Body    string  `json:"body"`
		}
		if json.Unmarshal(line, &mail) != nil || mail.Mono < since {
			continue // also the line that is being written
		}
		text := mail.Subject
		if c.Part == "body" {
			text = mail.Body
		}
		last = fmt.Sprintf("the latest of them has the subject %q", mail.Subject)
		if strings.Contains(text, c.Text) {
			return answer{holds: true, detail: fmt.Sprintf("a mail with the subject %q", mail.Subject)}
		}
	}
	return answer{detail: last}
}
