package storage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// filePreparer makes the links through which volumes of a file domain are opened.
type filePreparer struct {
	*host
	domainDir string
}

// Prepare links RUN/DOMAIN/IMAGE to the image's directory, as VDSM does.
func (p filePreparer) Prepare(ctx context.Context, image, volume string) (string, error) {
	link := p.runLink(image)
	if err := (localLinks{p.host}).link(ctx, path.Join(p.domainDir, "images", image), link); err != nil {
		return "", err
	}
	return path.Join(link, volume), nil
}

// metadataSize is how much of a domain's metadata is read, in bytes.
const metadataSize = 4096

// domainSector reads the domain's metadata, which shows that the domain is there, and returns its sector size. The read is a program's
// with a deadline, and around the page cache.
func (h *host) domainSector(ctx context.Context, metadata string) (int, error) {
	out, err := h.run(ctx, child.Spec{
		Argv:     []string{"dd", "if=" + metadata, "iflag=direct", "bs=" + strconv.Itoa(metadataSize), "count=1", "status=none"},
		Deadline: h.SubprocessTimeout, MaxOutput: metadataSize, Ward: h.ward,
	})
	if err != nil && strings.Contains(err.Error(), "Invalid argument") {
		// A file system without direct I/O. What the page cache has will do for what never changes.
		out, err = h.run(ctx, child.Spec{
			Argv:     []string{"dd", "if=" + metadata, "bs=" + strconv.Itoa(metadataSize), "count=1", "status=none"},
			Deadline: h.SubprocessTimeout, MaxOutput: metadataSize, Ward: h.ward,
		})
	}
	if err != nil {
		kind := KindProgram
		if isMissing(err) {
			kind = KindMissing
		}
		return 0, h.errorOf("read the domain's metadata", metadata, kind, err)
	}
	sector, err := parseMetadata(out.Stdout, h.SDUUID)
	return sector, h.errorOf("read the domain's metadata", metadata, KindForeign, err)
}

// isMissing says whether a program complained of a file that is not there. Its words are those of the C locale.
func isMissing(err error) bool {
	return strings.Contains(err.Error(), "No such file or directory") || strings.Contains(err.Error(), "Not a directory")
}

// parseMetadata returns the sector size that a domain's metadata, KEY=VALUE lines, speaks of: 512 where it says nothing, as older
// domains. Metadata of another domain is an error.
func parseMetadata(text, domain string) (int, error) {
	sector := 512
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "SDUUID":
			if value != domain {
				return 0, fmt.Errorf("it is the storage domain %.64q, want %s", value, domain)
			}
		case "BLOCK_SIZE", "MDT_BLOCK_SIZE":
			n, err := strconv.Atoi(value)
			if err != nil || n != 512 && n != 4096 {
				return 0, fmt.Errorf("%s=%.20q, want 512 or 4096", key, value)
			}
			sector = n
		}
	}
	return sector, nil
}

// volumesExist makes sure that the volumes are on the storage, so that what is missing is named now.
func (h *host) volumesExist(ctx context.Context, v Volumes) error {
	argv := []string{"stat", "--dereference", "--format=%F", "--"}
	for _, volume := range []string{v.Whiteboard, v.Lockspace, v.Configuration} {
		if volume != "" {
			argv = append(argv, volume)
		}
	}
	out, err := h.program(ctx, argv...)
	if err != nil {
		kind := KindProgram
		if isMissing(err) {
			kind = KindMissing
		}
		return h.errorOf("look for the volumes", h.SDUUID, kind, err)
	}
	for line := range strings.Lines(out) {
		// An empty file is "regular empty file".
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "regular") && !strings.HasPrefix(line, "block") {
			return h.errorOf("look for the volumes", strings.Join(argv[4:], ", "), KindMissing, errors.New("one of them is a "+line))
		}
	}
	return nil
}
