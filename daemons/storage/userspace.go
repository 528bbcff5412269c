package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// userspaceDriver has one qemu-storage-daemon for each volume show it as a file, through FUSE, without the kernel's clients for NFS and
// iSCSI. The daemons outlive the broker: an attachment that is there is used as it is, whoever made it.
//
// Settings.Connection says what is attached:
//
//   - SERVER:/PATH, by NFS version 3: the volumes are PATH/DOMAIN/images/IMAGE/VOLUME, or PATH/VOLUME where a volume is named without an
//     image.
//   - with Settings.IQN, the target's portals: a volume's name is its LUN's number. Of several portals the first that works is used.
//   - /PATH, a directory of this host: the same layouts as with NFS.
type userspaceDriver struct {
	*host
	volumes []attachment
	portals []iscsiPath // with Settings.IQN
}

// attachment is one volume and the file that shows it.
type attachment struct {
	Name     string // whiteboard, lockspace, configuration, domain, ids
	Source   string // a file's path on the server or on this host, or a LUN's number
	ReadOnly bool
}

func newUserspace(h *host) (Driver, error) {
	if h.UserspaceDir == "" || !path.IsAbs(h.UserspaceDir) {
		return nil, settingsError("userspace_dir", "%q, want an absolute path", h.UserspaceDir)
	}
	d := &userspaceDriver{host: h}
	if h.IQN != "" {
		var err error
		if d.portals, err = parsePortals(h.Settings); err != nil {
			return nil, err
		}
	} else if err := d.checkConnection(); err != nil {
		return nil, err
	}
	for _, v := range []struct{ name, key, image, volume, overridden string }{
		{"whiteboard", "metadata_volume", h.Metadata.Image, h.Metadata.Volume, h.WhiteboardPath},
		{"lockspace", "lockspace_volume", h.Lockspace.Image, h.Lockspace.Volume, h.LockspacePath},
		{"configuration", "configuration_volume", h.Configuration.Image, h.Configuration.Volume, cmp.Or(h.ConfigurationPath, "none")},
	} {
		if v.volume == "" && v.overridden == "" {
			return nil, settingsError(v.key, "is empty, and the driver %s needs it", h.Driver)
		}
		if v.volume == "" {
			continue
		}
		source, err := d.source(v.key, v.image, v.volume)
		if err != nil {
			return nil, err
		}
		d.volumes = append(d.volumes, attachment{Name: v.name, Source: source})
	}
	if h.IQN == "" && h.Metadata.Image != "" {
		dir := path.Join(d.directory(), h.SDUUID, "dom_md")
		d.volumes = append(d.volumes, attachment{"domain", path.Join(dir, "metadata"), true}, attachment{"ids", path.Join(dir, "ids"), false})
	}
	return d, nil
}

func (d *userspaceDriver) checkConnection() error {
	if err := checkWord("storage_connection", d.Connection); err != nil {
		return err
	}
	_, tail, ok := splitServer(normalize(d.Connection))
	if !ok && !strings.HasPrefix(d.Connection, "/") || ok && !strings.HasPrefix(tail, "/") {
		return settingsError("storage_connection", "%q, want SERVER:/PATH, /PATH, or portals and iscsi_target", d.Connection)
	}
	return nil
}

// directory is where the files are, on the server or on this host.
func (d *userspaceDriver) directory() string {
	if _, tail, ok := splitServer(normalize(d.Connection)); ok {
		return tail
	}
	return path.Clean(d.Connection)
}

// source is where a volume's bytes are.
func (d *userspaceDriver) source(key, image, volume string) (string, error) {
	if d.IQN != "" {
		if n, err := strconv.Atoi(volume); err != nil || n < 0 || n > 16383 {
			return "", settingsError(key, "%q is no LUN: want a number, as iscsi_target is given", volume)
		}
		return volume, nil
	}
	for _, name := range []string{d.SDUUID, image, volume} {
		if err := checkName(key, name); err != nil {
			return "", err
		}
	}
	if image == "" {
		return path.Join(d.directory(), volume), nil
	}
	if d.SDUUID == "" {
		return "", settingsError("sd_uuid", "is empty, and volumes with an image belong to a domain")
	}
	return path.Join(d.directory(), d.SDUUID, "images", image, volume), nil
}

// Describe names the server.
func (d *userspaceDriver) Describe() string {
	return strings.TrimSpace(d.Driver + " " + d.IQN + " " + d.Connection)
}

// Connect attaches what is not attached.
func (d *userspaceDriver) Connect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return d.connect(ctx, func(attachment) bool { return false })
}

// Reconnect attaches those volumes anew that answer with an error: a server that was restarted no longer knows what was attached. One that
// hangs is left alone; its attachment goes on by itself when the server is back.
func (d *userspaceDriver) Reconnect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return d.connect(ctx, func(a attachment) bool {
		_, err := d.program(ctx, "dd", "if="+d.at(a), "of=/dev/null", "iflag=direct", "bs=4096", "count=1", "status=none")
		return exitCode(err) > 0
	})
}

func (d *userspaceDriver) connect(ctx context.Context, isBroken func(attachment) bool) (Volumes, error) {
	if err := d.files.MkdirAll(d.UserspaceDir, 0o755); err != nil {
		return Volumes{}, d.errorOf("make the directory", d.UserspaceDir, KindLocal, err)
	}
	if err := d.files.Remove(d.secretFile()); err != nil && !isGone(err) { // of a broker that ended while it attached
		return Volumes{}, d.errorOf("remove the password in", d.secretFile(), KindLocal, err)
	}
	var v Volumes
	for _, a := range d.volumes {
		running, err := d.isAttached(a)
		if err == nil && (!running || isBroken(a)) {
			err = d.attach(ctx, a)
		}
		if err != nil {
			return Volumes{}, d.errorOf("attach", a.Name+" ("+a.Source+")", KindProgram, err)
		}
		*map[string]*string{
			"whiteboard": &v.Whiteboard, "lockspace": &v.Lockspace, "configuration": &v.Configuration, "domain": &v.Domain, "ids": &v.DomainIDs,
		}[a.Name] = d.at(a)
	}
	v.Sector = 512
	v.Domain = cmp.Or(v.Domain, v.Whiteboard)
	return d.overridden(v), nil
}

// Disconnect ends all attachments.
func (d *userspaceDriver) Disconnect(ctx context.Context) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	var errs []error
	for _, a := range slices.Backward(d.volumes) {
		if err := d.detach(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.Name, err))
			continue
		}
		for _, file := range []string{d.at(a), d.pidFile(a), d.recordFile(a)} {
			if err := d.files.Remove(file); err != nil && !isGone(err) {
				errs = append(errs, err)
			}
		}
	}
	return d.errorOf("detach", d.UserspaceDir, KindProgram, errors.Join(errs...))
}

func (d *userspaceDriver) at(a attachment) string         { return path.Join(d.UserspaceDir, a.Name) }
func (d *userspaceDriver) pidFile(a attachment) string    { return d.at(a) + ".pid" }
func (d *userspaceDriver) recordFile(a attachment) string { return d.at(a) + ".json" }
func (d *userspaceDriver) secretFile() string             { return path.Join(d.UserspaceDir, ".secret") }

// argv is the command that attaches a volume through one of the portals; portal is ignored for files. Secrets are in a file.
func (d *userspaceDriver) argv(a attachment, portal int) []string {
	node := "driver=file,node-name=n,locking=off,cache.direct=on,filename=" + comma(a.Source)
	var secret []string
	switch server, _, isNFS := splitServer(normalize(d.Connection)); {
	case len(d.portals) > 0:
		p := d.portals[portal]
		node = fmt.Sprintf("driver=iscsi,node-name=n,transport=tcp,portal=%s,target=%s,lun=%s,initiator-name=%s,cache.direct=on",
			comma(p.portal()), comma(p.IQN), a.Source, comma(initiator(a.Name)))
		if p.User != "" {
			node += ",user=" + comma(p.User) + ",password-secret=s"
			secret = []string{"--object", "secret,id=s,file=" + comma(d.secretFile())}
		}
	case isNFS:
		node = fmt.Sprintf("driver=nfs,node-name=n,server.type=inet,server.host=%s,path=%s,user=%d,group=%d,cache.direct=on",
			comma(strings.Trim(server, "[]")), comma(a.Source), os.Geteuid(), os.Getegid())
	}
	writable := "on"
	if a.ReadOnly {
		writable, node = "off", node+",read-only=on"
	}
	argv := append([]string{cmp.Or(d.UserspaceProgram, "qemu-storage-daemon"), "--daemonize", "--pidfile", d.pidFile(a)}, secret...)
	return append(argv, "--blockdev", node,
		"--export", "type=fuse,id=e,node-name=n,mountpoint="+comma(d.at(a))+",writable="+writable+",growable=off,allow-other=auto")
}

// comma doubles commas, as the program's options want it.
func comma(value string) string { return strings.ReplaceAll(value, ",", ",,") }

// initiator is this host's name towards a target.
func initiator(volume string) string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "host"
	}
	return "iqn.2026-01.io.holdfast-ha:" + strings.ToLower(name) + "-" + volume
}
