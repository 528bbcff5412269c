package report

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/harness/events"
)

// awayBands shows what the scenario stopped or killed on a host: from the signal until the program served again, or the end.
func awayBands(log []events.Event, host string, end float64) []band {
	open := map[string]int{}
	var bands []band
	for _, e := range log {
		if e.Program == nil || e.Host != host {
			continue
		}
		name := e.Program.Name
		i, away := open[name]
		switch e.Program.Event {
		case events.ProgramStopping, events.ProgramKilled:
			how := "stopped"
			if e.Program.Event == events.ProgramKilled {
				how = "killed"
			}
			open[name] = len(bands)
			bands = append(bands, band{from: e.T, to: end, name: name + " " + how, title: fmt.Sprintf("%s %s at %.1f s", name, how, e.T)})
			continue
		case events.ProgramServes:
			delete(open, name)
		case events.ProgramEnded, events.ProgramStarting:
		}
		if !away {
			continue
		}
		bands[i].title += fmt.Sprintf("\n%s at %.1f s", e.Program.Event, e.T)
		if e.Program.Detail != "" {
			bands[i].title += ": " + e.Program.Detail
		}
		if e.Program.Event == events.ProgramServes {
			bands[i].to = e.T
		}
	}
	return bands
}
