package config

import (
	"errors"
	"fmt"
	"strconv"
)

// scoreSection is the title of the score weights in the table of keys, which are agent.conf's.
const scoreSection = "Score weights, in points; equal on all hosts of a cluster"

// agentConf reads upstream's agent.conf into the score weights that holdfast.conf left open. Its one section is [score]. As upstream does
// it passes over weights that it does not know, which are some other version's; but not over what looks like a typing error.
func (p *parser) agentConf(name string, text []byte) {
	ini, err := ParseINI(name, text)
	if err != nil {
		p.faults = append(p.faults, err)
		return
	}
	known := map[string]Key{"gateway-score-penalty": {}} // as version 2.2 called it
	var names []Key
	for _, key := range Keys() {
		if key.Section == scoreSection {
			known[key.Upstream] = key
			names = append(names, Key{Name: key.Upstream})
		}
	}
	known["gateway-score-penalty"] = known["network-score-penalty"]
	for _, section := range ini.Sections() {
		if section != "score" {
			p.fault(name, 0, "", fmt.Errorf("unknown section [%s]; agent.conf has [score] only", shorten(section)))
		}
	}
	for _, key := range ini.Keys("score") {
		value, line, _, err := ini.Get("score", key)
		target, there := known[key]
		var fault *Error
		switch {
		case errors.As(err, &fault):
			p.faults = append(p.faults, err)
		case !there && nearestKey(key, names) == "" && isNumber(value):
		case !there:
			p.fault(name, line, key, fmt.Errorf("unknown key; %s", hint(key, names, "agent.conf")))
		default:
			p.set(target, origin{name, line, key, value})
		}
	}
}

func isNumber(value string) bool {
	_, err := strconv.ParseFloat(value, 64)
	return err == nil
}
