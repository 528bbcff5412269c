package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// nodeDirs are where iscsiadm keeps its records of targets: on most systems the first, on older Debians the second.
func nodeDirs() []string { return []string{"/var/lib/iscsi/nodes", "/etc/iscsi/nodes"} }

// setCHAP writes user and password into the path's record, mode 0600. The program that could do it takes the password as an argument,
// which every user of the machine can read.
func (i iscsi) setCHAP(p iscsiPath) error {
	tried := 0
	for _, dir := range nodeDirs() {
		for _, record := range p.records(dir) {
			text, err := i.h.files.ReadFile(record)
			if errors.Is(err, fs.ErrNotExist) || isGone(err) || isDirectory(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("CHAP: %w", err)
			}
			// The temporary file must not lie among the records: iscsiadm would take it for one.
			if err := i.h.files.WriteFile(record, path.Dir(dir), []byte(withCHAP(string(text), p)), 0o600); err != nil {
				return fmt.Errorf("CHAP: write %s: %w", record, err)
			}
			tried++
		}
	}
	if tried == 0 {
		return fmt.Errorf("CHAP: iscsiadm's record of %s is not in %s", p, strings.Join(nodeDirs(), " nor in "))
	}
	return nil
}

// records are where the path's record may be: beside those of other interfaces, or, with no portal group, a file of its own.
func (p iscsiPath) records(dir string) []string {
	address := strings.Trim(p.Address, "[]")
	iface := p.Iface
	if iface == "" {
		iface = "default"
	}
	at := path.Join(dir, p.IQN, address+","+p.Port)
	if p.Tpgt == "" {
		return []string{at}
	}
	return []string{path.Join(at+","+p.Tpgt, iface), at}
}

// withCHAP returns a record with the path's user and password in it. Other lines stay as they are.
func withCHAP(text string, p iscsiPath) string {
	set := []struct{ name, value string }{
		{"node.session.auth.authmethod", "CHAP"},
		{"node.session.auth.username", p.User},
		{"node.session.auth.password", p.Password.Reveal()},
	}
	var b strings.Builder
	write := func() {
		for _, s := range set {
			fmt.Fprintf(&b, "%s = %s\n", s.name, s.value)
		}
		set = nil
	}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "=")
		switch name = strings.TrimSpace(name); {
		case name == "node.session.auth.authmethod", name == "node.session.auth.username", name == "node.session.auth.password":
			continue
		case strings.HasPrefix(name, "# END RECORD"):
			write()
		}
		b.WriteString(line)
	}
	if set != nil {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
		write()
	}
	return b.String()
}
