package ovf

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	fixture "github.com/holdfast-ha/holdfast/fixtures/ovf"
)

// useCatalog makes the room search a domain instead of reading named volumes.
func (r *rig) useCatalog(device Device, c Catalog) {
	r.options.StorePaths, r.options.Device = nil, device
	r.Room = New(r.options)
	r.Attach(Sources{Catalog: c})
	r.t.Cleanup(func() {
		r.Close()
		receive(r.t, r.Ended())
	})
}

const (
	image1 = "e0000000-1111-4222-8333-0000000000f1"
	image2 = "e0000000-1111-4222-8333-0000000000f2"
	image3 = "e0000000-1111-4222-8333-0000000000f3"
)

// On a real file system, with real direct I/O where it has it.
func TestAFileDomainIsSearched(t *testing.T) {
	r := newRig(t)
	domain := t.TempDir()
	write := func(image, volume string, data, metadata []byte) {
		dir := filepath.Join(domain, "images", image)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, volume), data, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, volume+".meta"), metadata, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, volume+".lease"), nil, 0o600))
	}
	publish := func(image string, s fixture.Spec) { write(image, "volume", fixture.Store(s), fixture.Metadata(s)) }
	publish(image1, fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(2)})
	publish(image2, fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(1)})
	write(image3, "volume", []byte("disk"), []byte("DESCRIPTION=hosted_engine\nEOF\n"))
	write("e0000000-1111-4222-8333-0000000000f4", "volume", nil, nil)
	write("lost+found", "volume", nil, nil)
	device := DirectDevice{AllowBuffered: true}
	r.useCatalog(device, FileCatalog{Device: device, Dir: domain})
	require.NoError(t, r.refresh())
	r.requireMemory("1111")
	require.Len(t, r.State().Stores, 2)

	// Known stores are asked themselves; one that has become something else leads to a new search.
	publish(image2, fixture.Spec{MemoryMiB: 3333, Updated: true, When: at(3)})
	require.NoError(t, r.refresh())
	r.requireMemory("3333")
	require.NoError(t, os.RemoveAll(filepath.Join(domain, "images", image2)))
	publish(image3, fixture.Spec{MemoryMiB: 4444, Updated: true, When: at(4)})
	require.NoError(t, r.refresh())
	r.requireMemory("4444")

	require.NoError(t, os.RemoveAll(domain))
	require.ErrorContains(t, r.refresh(), "mounted")
	r.requireMemory("4444")
}

// counting counts searches.
type counting struct {
	Catalog
	searches int
}

func (c *counting) Volumes(ctx context.Context) ([]Volume, error) {
	c.searches++
	return c.Catalog.Volumes(ctx)
}

func TestTheDomainIsNotSearchedEachTime_S38(t *testing.T) {
	r := newRig(t)
	r.publish(first, fixture.Spec{Updated: true, When: at(1)})
	c := &counting{Catalog: PathCatalog{Device: r.storage, Paths: []string{first, second}}}
	r.useCatalog(r.storage, c)
	for range 5 {
		require.NoError(t, r.refresh())
	}
	require.Equal(t, 1, c.searches)
	r.clock.Advance(11 * time.Minute)
	require.NoError(t, r.refresh())
	require.Equal(t, 2, c.searches, "the engine may have made another store")
	r.Attach(Sources{Catalog: c})
	require.NoError(t, r.refresh())
	require.Equal(t, 3, c.searches, "storage was connected anew")
}

func TestABlockDomainIsSearched(t *testing.T) {
	r := newRig(t)
	const group = "e0000000-1111-4222-8333-0000000000d0"
	meta := make([]byte, 2<<20)
	copy(meta[1<<20+7*8192:], fixture.Metadata(fixture.Spec{MemoryMiB: 1111, Updated: true, When: at(2)}))
	copy(meta[1<<20+9*8192:], "DESCRIPTION=hosted_engine\nEOF\n")
	r.storage.set("/dev/"+group+"/metadata", meta)
	r.storage.set("/dev/"+group+"/v1", fixture.Store(fixture.Spec{MemoryMiB: 1111}))
	r.storage.set("/dev/"+group+"/v2", nil)
	var ran []string
	c := BlockCatalog{Device: r.storage, Group: group, LVMConfig: "only ours", Run: func(_ context.Context, s child.Spec) (child.Output, error) {
		ran = append(ran, strings.Join(s.Argv, " "))
		return child.Output{Stdout: "  ids||MDT_LEASETIMESEC=60,MDT_VERSION=5\n" +
			"  v1|IU_" + image1 + ",MD_7,PU_0|MDT_VERSION=5\n  v2|IU_" + image2 + ",MD_9|MDT_VERSION=5\n" +
			"  v3|IU__remove_me_x,MD_8|MDT_VERSION=5\n  v4|IU_x,MD_-1|MDT_VERSION=5\n  v5|IU_x,MD_99999999999999999999|\ngarbage\n"}, nil
	}}
	require.Equal(t, []Volume{{Path: "/dev/g/a", Image: "i", ID: "a@1536"}}, BlockCatalog{Group: "g"}.parse("a|IU_i,MD_3|MDT_VERSION=4"), "older domains have small slots")
	r.useCatalog(r.storage, c)
	require.NoError(t, r.refresh())
	r.requireMemory("1111")
	require.Equal(t, []string{
		"lvs --config only ours --noheadings --separator | --readonly -o lv_name,lv_tags,vg_tags " + group,
		"lvchange --config only ours --activate y " + group + "/v1",
	}, ran, "only the store is activated, and no disk of somebody else's looked at (S20)")

	c.Run = func(context.Context, child.Spec) (child.Output, error) { return child.Output{}, child.ErrDeadline }
	r.Attach(Sources{Catalog: c})
	require.ErrorIs(t, r.refresh(), child.ErrDeadline)
	r.requireMemory("1111")
}

type fakeVDSM struct {
	descriptions map[string]string // by image
	refuse       string            // an image that VDSM does not talk about
	noImages     error             // of GetImages
}

func (f fakeVDSM) GetImages(context.Context, string) ([]string, error) {
	if f.noImages != nil {
		return nil, f.noImages
	}
	return []string{image1, image2, image3}, nil
}

func (f fakeVDSM) GetVolumes(_ context.Context, _, pool, image string) ([]string, error) {
	if image == f.refuse || pool != vdsm.BlankPool {
		return nil, errors.New("code 254")
	}
	return []string{"volume"}, nil
}

func (f fakeVDSM) VolumeGetInfo(_ context.Context, v vdsm.VolumeID) (vdsm.VolumeInfo, error) {
	return vdsm.VolumeInfo{Description: vdsm.Text(f.descriptions[v.Image])}, nil
}

func (f fakeVDSM) ImagePrepare(_ context.Context, v vdsm.VolumeID) (string, error) {
	return map[string]string{image1: first, image2: second}[v.Image], nil
}

func TestVDSMIsAskedAndOneRefusedImageDoesNotEndTheSearch_S28(t *testing.T) {
	r := newRig(t)
	s := fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(1)}
	r.publish(second, s)
	r.useCatalog(r.storage, VDSMCatalog{Domain: "d", VDSM: fakeVDSM{refuse: image1, descriptions: map[string]string{image2: fixture.Description(s), image3: "hosted_engine"}}})
	require.NoError(t, r.refresh())
	r.requireMemory("2222")
}

func TestWithoutAPoolTheImagesAreTheDirectories(t *testing.T) {
	r := newRig(t)
	s := fixture.Spec{MemoryMiB: 2222, Updated: true, When: at(1)}
	r.publish(second, s)
	domain := t.TempDir()
	for _, name := range []string{image2, "lost+found"} {
		require.NoError(t, os.MkdirAll(filepath.Join(domain, "images", name), 0o700))
	}
	refused := &vdsm.Error{Kind: vdsm.KindRefused, Code: 309, Cause: errors.New("unknown pool")}
	c := VDSMCatalog{Domain: "d", Dir: domain, VDSM: fakeVDSM{noImages: refused, descriptions: map[string]string{image2: fixture.Description(s)}}}
	r.useCatalog(r.storage, c)
	require.NoError(t, r.refresh())
	r.requireMemory("2222")

	for name, broken := range map[string]VDSMCatalog{
		"309":     {Domain: "d", VDSM: c.VDSM},
		"mounted": {Domain: "d", Dir: domain + "/not", VDSM: c.VDSM},
		"away":    {Domain: "d", Dir: domain, VDSM: fakeVDSM{noImages: errors.New("away")}},
	} {
		_, err := broken.Volumes(t.Context())
		require.Error(t, err, name)
	}
}

func TestACatalogThatHangsDoesNotHoldCloseUp(t *testing.T) {
	r := newRig(t)
	entered := make(chan struct{}, 1)
	r.useCatalog(r.storage, waiting{entered})
	ended := make(chan error, 1)
	go func() { ended <- r.refresh() }()
	receive(t, entered)
	r.Close()
	require.ErrorIs(t, receive(t, ended), ErrClosed)
}

// waiting is a Catalog that keeps to its context and to nothing else.
type waiting struct{ entered chan struct{} }

func (w waiting) Volumes(ctx context.Context) ([]Volume, error) {
	w.entered <- struct{}{}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}
func (w waiting) Describe(context.Context, Volume) (string, error) { return "", ErrNoDescription }
func (w waiting) Prepare(context.Context, Volume) (string, error)  { return "", nil }

func TestCatalogOfADomain(t *testing.T) {
	r := newRig(t)
	require.IsType(t, VDSMCatalog{}, r.CatalogOf(Domain{UUID: "d", Dir: "/d", VDSM: fakeVDSM{}}))
	block := r.CatalogOf(Domain{UUID: "d", Dir: "/d", Block: true, LVMConfig: "ours"})
	require.IsType(t, BlockCatalog{}, block)
	require.Equal(t, "ours", block.(BlockCatalog).LVMConfig)
	require.NotNil(t, block.(BlockCatalog).Ward, "a program that hangs for ever is not started again and again")
	require.IsType(t, FileCatalog{}, r.CatalogOf(Domain{UUID: "d", Dir: "/d"}))
	require.Nil(t, r.CatalogOf(Domain{UUID: "d"}))
}
