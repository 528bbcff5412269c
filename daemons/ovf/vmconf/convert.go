package vmconf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Definition is the content of a vm.conf.
type Definition struct {
	// VMID and Name are those of the VM; MemoryMiB is its memory, in MiB, at least 1.
	VMID, Name string
	MemoryMiB  int
	// HasXML tells that the VM is defined by the engine's libvirt XML, so that the device lines are there for older readers only.
	HasXML bool
	// Body is the text, lines of key=value, without the comment in front.
	Body []byte
	// Remarks are oddities that did no harm, one sentence each; at most 20.
	Remarks []string
}

const maxRemarks = 20

// spiceChannels is fixed: the OVF does not tell them.
const spiceChannels = "smain,sdisplay,sinputs,scursor,splayback,srecord,ssmartcard,susbredir"

// conversion is one document being converted.
type conversion struct {
	root     *element
	byDiskID map[string][]*element // the Disk elements
	doubts   []string              // what makes the device lines unusable
	remarks  []string
}

// Convert makes a vm.conf of an OVF document, at most MaxDocument bytes. It fails, and says why, where the VM could not be started from
// the result, or would come up with other hardware than the engine meant.
func Convert(document []byte) (Definition, error) {
	root, err := parse(document)
	if err != nil {
		return Definition{}, fmt.Errorf("convert OVF: %w", err)
	}
	c := conversion{root: root}
	d, err := c.definition()
	if err != nil {
		return Definition{}, fmt.Errorf("convert OVF: %w", err)
	}
	return d, nil
}

// line is one key of vm.conf.
type line struct {
	key   string
	value value
}

func (c *conversion) definition() (Definition, error) {
	content := c.root.child("Content")
	if content == nil {
		return Definition{}, fmt.Errorf("root element %s has no Content: this is not an OVF document of an engine", c.root.name.Local)
	}
	d := Definition{Name: content.get("Name").text}
	vmID := identity(content)
	if !vmID.known || vmID.text == "" {
		return Definition{}, errors.New("the operating system section has no ovf:id, so the VM has no vmId")
	}
	d.VMID = vmID.text
	memory, err := c.memory()
	if err != nil {
		return Definition{}, err
	}
	d.MemoryMiB = memory
	processors, err := processors(content)
	if err != nil {
		return Definition{}, err
	}
	libvirt, err := c.libvirtXML()
	if err != nil {
		return Definition{}, err
	}
	d.HasXML = libvirt.known

	lines := []line{
		{"xmlBase64", libvirt},
		{"vmId", vmID},
		{"vmName", content.get("Name")},
		{"display", display(content)},
		{"cpuType", content.get("CustomCpuName")},
		{"emulatedMachine", content.get("CustomEmulatedMachine")},
		{"smp", known(strconv.Itoa(processors))},
		{"maxVCpus", setting(content, "rasd:max_num_of_vcpus")},
		{"memSize", known(strconv.Itoa(memory))},
		{"spiceSecureChannels", known(spiceChannels)},
	}
	devices := c.devices(content)
	c.checkDevices(devices)
	if len(c.doubts) > 0 && !d.HasXML {
		return Definition{}, errors.New(strings.Join(c.doubts[:min(len(c.doubts), maxRemarks)], "; "))
	}
	for _, v := range devices {
		lines = append(lines, line{"devices", known(v.String())})
	}
	d.Remarks = append(c.remarks, c.doubts...)
	d.Remarks = d.Remarks[:min(len(d.Remarks), maxRemarks)]
	d.Body, err = body(lines)
	return d, err
}

// body writes the lines that have a value.
func body(lines []line) ([]byte, error) {
	var b strings.Builder
	for _, l := range lines {
		if !l.value.known {
			continue
		}
		if strings.ContainsFunc(l.value.text, unicode.IsControl) {
			return nil, fmt.Errorf("%s has a control character, which cannot stand in a line of vm.conf: %q", l.key, l.value.text)
		}
		fmt.Fprintf(&b, "%s=%s\n", l.key, l.value.text)
	}
	return []byte(b.String()), nil
}

// identity is the VM's UUID: the id of the section that describes the operating system, which is the first one in Content.
func identity(content *element) value {
	sections := content.all("Section")
	for _, s := range sections {
		kind := s.attr("type").text
		if kind[strings.LastIndexByte(kind, ':')+1:] == "OperatingSystemSection_Type" {
			return s.attr("id")
		}
	}
	if len(sections) > 0 {
		return sections[0].attr("id")
	}
	return value{}
}

// memory finds the Item of resource type 4.
func (c *conversion) memory() (int, error) {
	for _, item := range c.root.within("Item") {
		if strings.TrimSpace(item.get("rasd:ResourceType").text) != "4" {
			continue
		}
		quantity := item.get("rasd:VirtualQuantity")
		n, err := strconv.Atoi(strings.TrimSpace(quantity.text))
		if err != nil || n < 1 || n > 1<<30 {
			return 0, fmt.Errorf("VirtualQuantity %q of the memory is not a number of MiB", quantity.text)
		}
		if units := item.get("rasd:AllocationUnits"); units.known && !strings.EqualFold(units.text, "MegaBytes") {
			return 0, fmt.Errorf("the memory is given in %q; want MegaBytes", units.text)
		}
		return n, nil
	}
	return 0, errors.New("there is no Item of resource type 4, so the VM has no memSize")
}

// setting is the first value of this name in any Item of the hardware section.
func setting(content *element, name string) value {
	for _, item := range content.all("Section", "Item") {
		if item.child(name) != nil {
			return item.get(name)
		}
	}
	return value{}
}

func processors(content *element) (int, error) {
	product := 1
	for _, name := range []string{"num_of_sockets", "cpu_per_socket"} {
		v := setting(content, "rasd:"+name)
		n, err := strconv.Atoi(strings.TrimSpace(v.text))
		if err != nil || n < 1 || n > 1<<14 {
			return 0, fmt.Errorf("%s is %q, want a number from 1 on", name, v.text)
		}
		product *= n
	}
	return product, nil
}

// display is the name of the engine's display type: cirrus, qxl and vga.
func display(content *element) value {
	switch strings.TrimSpace(content.get("DefaultDisplayType").text) {
	case "0", "2":
		return known("vnc")
	case "1":
		return known("qxl")
	}
	return value{}
}

// Text is the whole file: comments that say where it comes from, a blank line, and the body.
func (d Definition) Text(generated time.Time) []byte {
	head := "# The engine VM is edited in the engine only; this file is overwritten.\n" +
		"# This file was generated at " + generated.Format(time.ANSIC) + "\n\n"
	return append([]byte(head), d.Body...)
}

// Body returns the text of a vm.conf without the comments and blank lines in front: two files with equal bodies define the same VM.
func Body(text []byte) []byte {
	rest := string(text)
	for rest != "" && (rest[0] == '#' || rest[0] == '\n') {
		_, after, found := strings.Cut(rest, "\n")
		if !found {
			return nil
		}
		rest = after
	}
	return []byte(rest)
}
