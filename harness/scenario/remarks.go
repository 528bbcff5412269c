package scenario

import (
	"fmt"
	"strings"
)

// Remark is something in a scenario that is allowed and still worth a look.
type Remark struct {
	Line int // 0: the file as a whole
	Text string
}

// Remarks looks for what `holdfast vet` mentions besides mistakes: no prose, lines that are not in canonical form, a fault
// that nothing looks at, an engine bound that is missing.
func Remarks(s *Scenario) []Remark {
	var remarks []Remark
	if len(strings.TrimSpace(strings.Join(s.Prose, ""))) == 0 {
		remarks = append(remarks, Remark{Text: "no prose: say in '#' lines above the cluster line what the scenario shows and which bug it would catch"})
	}
	claims, injected := 0, 0
	for i, statement := range s.Statements {
		switch statement.(type) {
		case *Inject, *Kill, *Stop, *Write, *ClientLoad:
			injected++
		}
		switch statement.(type) {
		case *Expect, *EngineUp, *Saw, *AlwaysEngines, *AlwaysRPC, *AlwaysAgent, *AlwaysGrowth, *NeverStart, *Call, *ClientLoad, *Stop, *Start:
			claims++
		}
		if w, ok := s.written[i]; ok {
			remarks = append(remarks, Remark{Line: statement.Line(), Text: fmt.Sprintf("%q is canonically written %q", w, statement.String())})
		}
	}
	if claims == 0 {
		remarks = append(remarks, Remark{Text: "no claim: the run can show nothing"})
	}
	if injected == 0 {
		remarks = append(remarks, Remark{Text: "no fault: the latency of RPC and the growth of threads are then judged over the healthy run"})
	}
	return remarks
}
