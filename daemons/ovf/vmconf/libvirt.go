package vmconf

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxAlias is the length, in characters, that the alias of a pty console is cut to: with a longer one the console's name did not fit
// (bug 1560666).
const maxAlias = 24

// libvirtXML returns the engine's libvirt XML in base64 if the VM may be started from it: it must carry the storage lease, and its first
// disk must be marked exclusive. Otherwise two hosts could run the VM at once, and the device lines are used instead.
func (c *conversion) libvirtXML() (value, error) {
	elements := c.root.within("EngineXml")
	if len(elements) == 0 || strings.TrimSpace(elements[0].text) == "" {
		return value{}, nil
	}
	text := strings.TrimSpace(elements[0].text)
	domain, err := parse([]byte(text))
	if err != nil {
		return value{}, fmt.Errorf("EngineXml: %w", err)
	}
	switch {
	case len(domain.all("devices", "lease")) == 0:
		c.remark("EngineXml has no lease, so it is not used")
		return value{}, nil
	case firstShared(domain) != "exclusive":
		c.remark("the first disk in EngineXml is shared %q, not exclusive, so it is not used", firstShared(domain))
		return value{}, nil
	}
	return known(base64.StdEncoding.EncodeToString(cutPtyAliases([]byte(text)))), nil
}

// firstShared is the sharing of the first disk in the engine's metadata that has one.
func firstShared(domain *element) string {
	for _, device := range domain.within("device") {
		if device.attr("devtype").text != "disk" {
			continue
		}
		if shared := device.child("shared"); shared != nil {
			return strings.TrimSpace(shared.text)
		}
	}
	return ""
}

// cutPtyAliases shortens the aliases of pty consoles in a well-formed document and changes nothing else, not a byte.
func cutPtyAliases(document []byte) []byte {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	var out []byte
	copied := int64(0) // document[:copied] is in out
	depth, console := 0, -1
	for {
		start := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil {
			return append(out, document[copied:]...)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			e := element{attrs: token.Attr}
			if token.Name.Local == "console" && e.attr("type").text == "pty" && console < 0 {
				console = depth
			}
			alias := e.attr("name").text
			if console < 0 || depth != console+1 || token.Name.Local != "alias" || utf8.RuneCountInString(alias) <= maxAlias {
				continue
			}
			end := decoder.InputOffset()
			tag := document[start:end]
			if at := bytes.Index(tag, []byte(alias)); at >= 0 { // absent only if it is written with entities
				cut := []byte(string([]rune(alias)[:maxAlias]))
				out = append(out, document[copied:start]...)
				out = append(out, tag[:at]...)
				out = append(out, cut...)
				out = append(out, tag[at+len(alias):]...)
				copied = end
			}
		case xml.EndElement:
			if depth == console {
				console = -1
			}
			depth--
		}
	}
}
