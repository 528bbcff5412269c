package config

import "fmt"

// hostedEngineOnly are the keys of hosted-engine.conf that Holdfast has no use for; they are legal.
func hostedEngineOnly() []string {
	return []string{"vm_disk_id", "vm_disk_vol_id", "vdsm_use_ssl", "console", "ca_cert", "ca_subject", "service_start_time"}
}

// hostedEngineKeys is the table of hosted-engine.conf: upstream's name -> the key of holdfast.conf that means the same.
func hostedEngineKeys() map[string]Key {
	keys := map[string]Key{}
	for _, key := range Keys() {
		if key.Upstream != "" && key.duration == nil && key.Section != scoreSection && key.Section != timesSection {
			keys[key.Upstream] = key
		}
	}
	return keys
}

// domainTypes are upstream's words for storage, the driver that each means and the NFS version that goes with it.
func domainTypes() map[string][2]string {
	return map[string][2]string{
		"nfs": {DriverNFS, ""}, "nfs3": {DriverNFS, "3"}, "nfs4": {DriverNFS, "4"}, "glusterfs": {DriverGluster, ""},
		"posixfs": {DriverPosix, ""}, "iscsi": {DriverISCSI, ""}, "fc": {DriverFC, ""},
	}
}

// hostedEngine reads upstream's hosted-engine.conf into what holdfast.conf left open. Upstream's reader takes the last of two
// equal keys, ignores lines without an equals sign and every key that it does not know; here all three are faults, except a key that
// is there twice with one value: engines write ca_cert so on hosts that they deploy.
func (p *parser) hostedEngine(name string, text []byte) {
	known := hostedEngineKeys()
	legal := map[string]bool{}
	names := make([]Key, 0, len(known))
	for _, only := range hostedEngineOnly() {
		legal[only] = true
		names = append(names, Key{Name: only})
	}
	for upstreams := range known {
		names = append(names, Key{Name: upstreams})
	}
	names = append(names, Key{Name: "configured"})
	seen := map[string]origin{}
	p.lines(name, text, func(number int, key, value string) {
		first, twice := seen[key]
		switch {
		case twice && first.value == value:
			return
		case twice:
			p.fault(name, number, key, fmt.Errorf("set twice to different values, first on line %d; keep one of the two", first.line))
			return
		}
		seen[key] = origin{name, number, key, value}
		target, there := known[key]
		switch {
		case legal[key]:
		case key == "configured":
			if value != "True" {
				p.fault(name, number, key, fmt.Errorf("is %q: this host is not configured, so no daemon runs here; deploy it, or remove the line", shorten(value)))
			}
		case !there:
			p.fault(name, number, key, fmt.Errorf("unknown key; %s", hint(key, names, "hosted-engine.conf")))
		case value == "" || value == "None":
			// Upstream writes both for "not set".
		case key == "domainType":
			p.domainType(target, origin{name, number, key, value})
		default:
			p.set(target, origin{name, number, key, value})
		}
	})
	p.implyNFSVersion()
}

// domainType takes upstream's word for the kind of storage.
func (p *parser) domainType(driver Key, from origin) {
	meant, known := domainTypes()[from.value]
	if !known {
		p.fault(from.file, from.line, from.name, fmt.Errorf("%w; expected nfs, nfs3, nfs4, glusterfs, posixfs, iscsi or fc, got %q", errBadValue, shorten(from.value)))
		return
	}
	if meant[1] != "" {
		p.impliedVersion = origin{from.file, from.line, from.name, meant[1]}
	}
	// How this host reaches the volumes without the kernel's clients is its own affair, whatever the storage is.
	if own, set := p.origins[driver.Name]; set && (own.value == DriverUserspace || own.value == DriverPath) {
		return
	}
	p.set(driver, origin{from.file, from.line, from.name, meant[0]})
}

// implyNFSVersion is for nfs3 and nfs4: as with upstream they win over the file's own nfs_version, wherever that stands, but not over
// holdfast.conf, which has to agree.
func (p *parser) implyNFSVersion() {
	if p.impliedVersion.name == "" {
		return
	}
	key := p.keys["nfs_version"]
	if first, set := p.origins[key.Name]; set && first.file == p.file {
		p.agree(key, first, p.impliedVersion)
		return
	}
	p.origins[key.Name] = p.impliedVersion
	p.config.Storage.NFSVersion = p.impliedVersion.value
}
