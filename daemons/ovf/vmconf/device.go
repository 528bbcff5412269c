package vmconf

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// The pool is left blank: the VM may start while the host is connected to none.
	blankUUID = "00000000-0000-0000-0000-000000000000"
	// cdromID and cdromAddress are fixed for the one CD drive.
	cdromID      = "8c3179ac-b322-4f5c-9449-c52e3665e0ae"
	cdromAddress = "{ controller:0, target:0,unit:0, bus:1, type:drive}"
	cdromIndex   = 2
)

// maxItems bounds the devices; a VM has some dozens.
const maxItems = 2000

// interfaceModels are the engine's numbers of network interface models.
var interfaceModels = [...]string{"rtl8139_pv", "rtl8139", "e1000", "pv", "spaprVlan", "pciPassthrough"}

// devices converts all Items that describe a device.
func (c *conversion) devices(content *element) []dictionary {
	var devices []dictionary
	disks := 0
	hasCDROM, hasRNG, hasConsole := false, false, false
	items := content.within("Item")
	if len(items) > maxItems {
		c.remark("only the first %d of %d Items are used", maxItems, len(items))
		items = items[:maxItems]
	}
	for _, item := range items {
		kind := item.get("Type")
		switch {
		case kind.text == "disk" && item.get("Device").text == "disk":
			found := c.disks(item, disks)
			disks += len(found)
			devices = append(devices, found...)
		case kind.text == "disk" && item.get("Device").text == "cdrom" && !hasCDROM:
			devices = append(devices, cdrom(item))
			hasCDROM = true
		case kind.text == "interface":
			if nic, ok := c.networkInterface(item); ok {
				devices = append(devices, nic)
			}
		case kind.text == "controller":
			devices = append(devices, controller(item))
		case kind.text == "console":
			devices = append(devices, device(item))
			hasConsole = true
		case kind.text == "video":
			video := device(item)
			video.set("alias", "video0")
			devices = append(devices, video)
		case kind.text == "rng":
			devices = append(devices, randomSource(item))
			hasRNG = true
		case kind.text == "graphics":
			devices = append(devices, device(item))
		}
	}
	if disks == 0 {
		c.doubt("there is no disk that the VM could start from")
	}
	if !hasRNG {
		devices = append(devices, defaultRandomSource())
	}
	if !hasConsole {
		var console dictionary
		console.set("type", "console")
		console.set("device", "console")
		devices = append(devices, console)
	}
	return devices
}

// device converts what all kinds have in common.
func device(item *element) dictionary {
	var d dictionary
	d.set("type", item.get("Type"))
	d.set("device", item.get("Device"))
	d.set("deviceId", item.get("rasd:InstanceId"))
	d.set("address", address(item))
	if params := item.child("SpecParams"); params != nil {
		var spec dictionary
		for _, p := range params.children {
			if p.text != "" {
				spec.set(p.name.Local, known(p.text))
			}
		}
		if len(spec) > 0 {
			d.set("specParams", spec)
		}
	}
	return d
}

// address is a dictionary's text in the engine's notation, {slot=0x06, bus=0x00}.
func address(item *element) value {
	a := item.get("rasd:Address")
	a.text = strings.ReplaceAll(a.text, "=", ":")
	return a
}

// disks converts an Item and the Disk elements that it refers to; before is the number of disks converted earlier.
func (c *conversion) disks(item *element, before int) []dictionary {
	id := item.get("rasd:InstanceId")
	var found []dictionary
	if c.byDiskID == nil {
		c.byDiskID = map[string][]*element{}
		for _, disk := range c.root.all("Section", "Disk") {
			key := disk.attr("diskId").text
			c.byDiskID[key] = append(c.byDiskID[key], disk)
		}
	}
	for _, disk := range c.byDiskID[id.text] {
		if !id.known {
			break
		}
		image, volume, isPair := strings.Cut(disk.attr("fileRef").text, "/")
		if !isPair || image == "" || volume == "" {
			c.doubt("disk %q: fileRef %q is not IMAGE/VOLUME", id.text, disk.attr("fileRef").text)
			continue
		}
		var d dictionary
		d.set("index", strconv.Itoa(diskIndex(before+len(found))))
		d.set("type", item.get("Type"))
		d.set("device", item.get("Device"))
		d.set("iface", c.lower(disk, "disk-interface", id))
		d.set("format", c.lower(disk, "volume-format", id))
		d.set("poolID", blankUUID)
		d.set("domainID", item.get("rasd:StorageId"))
		d.set("imageID", image)
		d.set("volumeID", strings.SplitN(volume, "/", 2)[0])
		d.set("deviceId", image)
		d.set("readonly", item.get("IsReadOnly"))
		d.set("address", address(item))
		if order := item.get("BootOrder"); order.known {
			n, err := strconv.Atoi(strings.TrimSpace(order.text))
			if err != nil || n < 0 || n > 1000 {
				c.doubt("disk %q: BootOrder %q is not a number from 0 to 1000", id.text, order.text)
			} else {
				d.set("bootOrder", strconv.Itoa(n+1))
			}
		}
		d.set("propagateErrors", "off")
		d.set("shared", "exclusive")
		found = append(found, d)
	}
	if len(found) == 0 {
		c.remark("disk %q has no Disk element with its id and is left out", id.text)
	}
	return found
}

// diskIndex is the index of the n-th disk, counted from 0. One index belongs to the CD drive.
func diskIndex(n int) int {
	if n >= cdromIndex {
		return n + 1
	}
	return n
}

func (c *conversion) lower(disk *element, attribute string, id value) value {
	v := disk.attr(attribute)
	if !v.known {
		c.doubt("disk %q has no %s", id.text, attribute)
	}
	v.text = strings.ToLower(v.text)
	return v
}

func cdrom(item *element) dictionary {
	d := device(item)
	d.set("index", strconv.Itoa(cdromIndex))
	d.set("iface", "ide")
	d.set("address", cdromAddress)
	d.set("readonly", "true")
	d.set("deviceId", cdromID)
	d.set("path", "")
	d.set("device", "cdrom")
	d.set("shared", "false")
	d.set("type", "disk")
	return d
}

// networkInterface converts an interface; one without a MAC address is left out.
func (c *conversion) networkInterface(item *element) (dictionary, bool) {
	d := device(item)
	mac := item.get("rasd:MACAddress")
	if !mac.known || mac.text == "None" {
		c.remark("interface %q has no MAC address and is left out", item.get("rasd:InstanceId").text)
		return nil, false
	}
	if model := item.get("rasd:ResourceSubType"); model.known {
		n, err := strconv.Atoi(strings.TrimSpace(model.text))
		if err != nil || n < 0 || n >= len(interfaceModels) {
			c.doubt("interface %s: model %q is unknown; known are 0 to %d", mac.text, model.text, len(interfaceModels)-1)
		} else {
			d.set("nicModel", interfaceModels[n])
		}
	}
	d.set("macAddr", mac)
	d.set("network", item.get("rasd:Connection"))
	d.set("linkActive", item.get("rasd:Linked"))
	return d, true
}

func controller(item *element) dictionary {
	d := device(item)
	if d.get("device").text == "virtio-scsi" {
		d.set("device", "scsi")
	}
	if d.get("device").text == "scsi" {
		d.set("model", "virtio-scsi")
	}
	return d
}

func randomSource(item *element) dictionary {
	d := device(item)
	d.set("alias", item.get("Alias"))
	d.set("model", d.get("device")) // the engine stores the model as the device
	return d
}

func defaultRandomSource() dictionary {
	var d, params dictionary
	d.set("type", "rng")
	d.set("device", "virtio")
	d.set("model", "virtio")
	params.set("source", "urandom")
	d.set("specParams", params)
	return d
}

// checkDevices finds values that would read as something else in a device line, which has no quotes.
func (c *conversion) checkDevices(devices []dictionary) {
	for _, d := range devices {
		for _, p := range d {
			if v, ok := p.value.(value); ok && !isPlain(v.text) {
				c.doubt("%s %s: the value %q has a comma or brace that a device line cannot hold", d.get("type").or("device"), p.key, v.text)
			}
			if nested, ok := p.value.(dictionary); ok {
				for _, q := range nested {
					if v, ok := q.value.(value); ok && !isPlain(v.text) {
						c.doubt("%s %s.%s: the value %q has a comma or brace that a device line cannot hold", d.get("type").or("device"), p.key, q.key, v.text)
					}
				}
			}
		}
	}
}

// isPlain tells that a text keeps its meaning without quotes: it has no comma and no brace, or it is one dictionary of such texts.
func isPlain(text string) bool {
	inner := strings.TrimSpace(text)
	if strings.HasPrefix(inner, "{") && strings.HasSuffix(inner, "}") && len(inner) >= 2 {
		return !strings.ContainsAny(inner[1:len(inner)-1], "{}")
	}
	return !strings.ContainsAny(text, ",{}")
}

// doubt notes something that makes the device lines unusable.
func (c *conversion) doubt(format string, args ...any) {
	c.doubts = append(c.doubts, fmt.Sprintf(format, args...))
}

// remark notes something odd that does no harm.
func (c *conversion) remark(format string, args ...any) {
	c.remarks = append(c.remarks, fmt.Sprintf(format, args...))
}
