package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/daemons/localfile"
)

// maxConfFile bounds what is read of broker.conf, in bytes.
const maxConfFile = 1 << 20

// texts are the rules and the templates in force.
type texts struct {
	config    Config
	templates map[string]Template // by event; of those that have a rule and a good template
}

// load reads broker.conf and the templates of the events that it has rules for. With an error in broker.conf it returns
// before; with one in a template, the template of before. The errors name file and line. No broker.conf means no rules.
func load(brokerConf, templateDir string, before *texts) (*texts, error) {
	t := &texts{templates: map[string]Template{}}
	if brokerConf == "" {
		return t, nil
	}
	content, err := localfile.Read(brokerConf, maxConfFile)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return before, err
	}
	if t.config, err = ParseConfig(brokerConf, content); err != nil {
		return before, err
	}
	var problems []error
	for _, event := range t.config.Events() {
		template, err := loadTemplate(filepath.Join(templateDir, event+".txt"))
		if err != nil {
			problems = append(problems, fmt.Errorf("notifications of %s: %w", event, err))
			old, ok := before.templates[event]
			if !ok {
				continue
			}
			template = old
		}
		t.templates[event] = template
	}
	return t, errors.Join(problems...)
}

func loadTemplate(path string) (Template, error) {
	content, err := localfile.Read(path, maxTemplate)
	if err != nil {
		return Template{}, err
	}
	return ParseTemplate(path, content)
}
