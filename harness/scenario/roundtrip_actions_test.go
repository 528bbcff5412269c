package scenario

import (
	"time"

	"pgregory.net/rapid"
)

// anyText is short, and now and then one of the words that must not be taken for something else.
func anyText(t *rapid.T) string {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "answers", "ok", "nil", "true", "12", "-1.5", "base64:AA", "a b", `"`, "{", "}", "[1]", "a,b", "=", "~", "<", "#", "\xff", "1.", "-", "within",
	})).Draw(t, "text")
}

func anyScalar(t *rapid.T) any {
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		return rapid.Int().Draw(t, "int")
	case 1:
		return float64(rapid.IntRange(-1000000, 1000000).Draw(t, "float")) / 1000
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")...)
	}
	return anyText(t)
}

func anyArgument(t *rapid.T) any {
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, anyScalar(t))
		}
		return list
	case 1:
		members := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			members[anyName(t)] = anyScalar(t)
		}
		return members
	}
	return anyScalar(t)
}

func anyName(t *rapid.T) string {
	return rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_.-]{0,8}`).Draw(t, "name")
}

func anySettings(t *rapid.T, least int) []Setting {
	var list []Setting
	seen := map[string]bool{}
	for range rapid.IntRange(least, 3).Draw(t, "settings") {
		s := Setting{anyName(t), anyText(t)}
		if !seen[s.Key] {
			list = append(list, s)
		}
		seen[s.Key] = true
	}
	return list
}

func anyAnswer(t *rapid.T) Answer {
	kind := rapid.SampledFrom([]AnswerKind{AnswerOK, AnswerNil, AnswerAny, AnswerFault, AnswerText, AnswerPart, AnswerMembers}).Draw(t, "kind")
	switch kind {
	case AnswerText, AnswerPart:
		return Answer{Kind: kind, Text: anyText(t)}
	case AnswerMembers:
		return Answer{Kind: kind, Members: anySettings(t, 1)}
	}
	return Answer{Kind: kind}
}

func anyAction(t *rapid.T, host *rapid.Generator[string]) Statement {
	on := host.Draw(t, "host")
	program := rapid.SampledFrom(programs()).Draw(t, "program")
	number := func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "number") }
	span := time.Duration(rapid.Int64Range(int64(shortest), int64(maxLoad)).Draw(t, "duration"))
	switch number(0, 8) {
	case 0:
		return &Configure{Host: on, Settings: anySettings(t, 1)}
	case 1:
		return &Stop{Program: program, On: on, Within: span, Code: number(AnyCode, 255)}
	case 2:
		return &Kill{Program: program, On: on}
	case 3:
		return &Start{Program: program, On: on, Within: span}
	case 4:
		return &Write{Segment: number(0, maxSegment), As: Damage(rapid.SampledFrom(damages()).Draw(t, "damage"))}
	case 5:
		call := &Call{Host: on, Method: anyName(t), Answers: anyAnswer(t), Within: span}
		for range number(0, 3) {
			call.Args = append(call.Args, anyArgument(t))
		}
		return call
	case 6:
		return &Publish{Store: number(1, 2), Memory: number(1, maxMemory), Updated: rapid.Bool().Draw(t, "updated"), Torn: rapid.Bool().Draw(t, "torn")}
	case 7:
		return &Tell{Program: rapid.SampledFrom([]Program{ProgramVDSM, ProgramSMTP}).Draw(t, "stand-in"), Host: on, Settings: anySettings(t, 1)}
	}
	return &ClientLoad{
		Host: on, Clients: number(1, maxClients), Slow: number(0, maxClients), HalfOpen: number(0, maxClients), For: span,
		P99: time.Duration(number(0, 1000)) * time.Millisecond,
	}
}

func anyObserved(t *rapid.T, host *rapid.Generator[string]) Statement {
	on := host.Draw(t, "host")
	e := &Expect{Within: time.Duration(rapid.Int64Range(int64(shortest), int64(maxWait)).Draw(t, "duration"))}
	switch rapid.IntRange(0, 4).Draw(t, "condition") {
	case 0:
		e.Condition = Monitor{
			Host: on, Type: rapid.SampledFrom(MonitorTypes()).Draw(t, "type"), Part: rapid.Bool().Draw(t, "part"), Text: anyText(t),
		}
	case 1:
		e.Condition = Metric{
			Host: on, Name: anyName(t), Labels: anySettings(t, 0), Relation: rapid.SampledFrom([]string{"<", "<=", "=", ">=", ">"}).Draw(t, "relation"),
			Bound: float64(rapid.IntRange(-1000000, 1000000).Draw(t, "bound")) / 1000,
		}
	case 2:
		e.Condition = Mail{Host: on, Part: rapid.SampledFrom([]string{"subject", "body"}).Draw(t, "part"), Text: anyText(t)}
	case 3:
		e.Condition = File{Host: on, Name: anyName(t), Contains: anyText(t)}
	default:
		e.Condition = Mode{Host: on, Name: anyName(t), Mode: rapid.IntRange(0, 0o7777).Draw(t, "mode")}
		if rapid.Bool().Draw(t, "at once") {
			e.Within = 0
		}
	}
	return e
}
