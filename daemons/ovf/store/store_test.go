package store

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

const vm = "6f7c1a5e-0b6c-4f0f-9c2e-0000000000aa"

func TestDescriptions(t *testing.T) {
	at := time.Date(2017, 10, 25, 11, 4, 41, 0, time.UTC)
	for _, c := range []struct {
		name, text string
		want       Description
	}{
		{"complete", `{"Updated":true,"Size":20480,"Last Updated":"Wed Oct 25 11:04:41 UTC 2017","Storage Domains":[{"uuid":"1"}],"Disk Description":"OVF_STORE"}`, Description{true, at, 20480}},
		{"plain list of domains", ` {"Updated":true,"Last Updated":"Wed Oct 25 11:04:41 UTC 2017","Storage Domains":["1"],"Disk Description":"OVF_STORE"} `, Description{true, at, 0}},
		{"being written", `{"Updated":false,"Last Updated":null,"Storage Domains":[],"Disk Description":"OVF_STORE"}`, Description{}},
		{"a new kind of time", `{"Updated":true,"Last Updated":"2017-10-25T11:04:41Z","Disk Description":"OVF_STORE"}`, Description{true, at, 0}},
		{"without Updated it is not", `{"Disk Description":"OVF_STORE"}`, Description{}},
		{"a time that cannot be read", `{"Updated":true,"Last Updated":"yesterday","Size":null,"Disk Description":"OVF_STORE"}`, Description{Updated: true}},
	} {
		got, err := ParseDescription(c.text)
		require.NoError(t, err, c.name)
		require.True(t, c.want.Published.Equal(got.Published), "%s: want %s, got %s", c.name, c.want.Published, got.Published)
		c.want.Published, got.Published = time.Time{}, time.Time{}
		require.Equal(t, c.want, got, c.name)
	}
	got, err := ParseDescription(`{"Updated":true,"Last Updated":1508929481000,"Disk Description":"OVF_STORE"}`)
	require.NoError(t, err)
	require.True(t, at.Equal(got.Published))

	for _, text := range []string{
		"", "hosted_engine", "{", "{}", "[]", `{"Disk Description":"he_metadata"}`, `{"Disk Description":3}`, `{"DiskAlias":"a","DiskDescription":"OVF_STORE"}`,
		`{"Disk Description":"OVF_STORE","x":"` + strings.Repeat("x", maxDescription) + `"}`,
	} {
		_, err := ParseDescription(text)
		require.ErrorIs(t, err, ErrOther, "%.60q", text)
	}
	for _, text := range []string{`{"Disk Description":"OVF_STORE","Updated":"yes"}`, `{"Disk Description":"OVF_STORE","Size":-1}`} {
		_, err := ParseDescription(text)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrOther)
	}
}

// An engine names its zone by letters that mean nothing elsewhere; two times of one engine must still be in order.
func TestTimesOfOneEngineAreComparableWhateverItsZone(t *testing.T) {
	earlier := published([]byte(`"Tue Oct 24 23:59:59 IDT 2017"`))
	later := published([]byte(`"Wed Oct 25 00:00:00 IDT 2017"`))
	require.False(t, earlier.IsZero())
	require.Equal(t, time.Second, later.Sub(earlier))
}

func TestDescriptionInTheMetadataOfAVolume(t *testing.T) {
	got, ok := FromMetadata([]byte("CAP=134217728\nCTIME=1571669201\nDESCRIPTION={\"Updated\":true}\nDISKTYPE=OVFS\nEOF\nDESCRIPTION=old\n\x00\x00"))
	require.True(t, ok)
	require.Equal(t, `{"Updated":true}`, got)
	_, ok = FromMetadata([]byte("CTIME=1\nEOF\n"))
	require.False(t, ok)
	_, ok = FromMetadata(nil)
	require.False(t, ok)
}

type member struct {
	name, content string
	kind          byte
}

func tarball(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if m.kind == 0 {
			m.kind = tar.TypeReg
		}
		h := &tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o640, Typeflag: m.kind}
		if m.kind == tar.TypeSymlink {
			h.Linkname = "/etc/passwd"
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, m.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func sampleStore(t testing.TB) []byte {
	return tarball(t, member{"info.json", "{\n  \"Storage Domains\" : [ ],\n  \"Last Updated\" : \"Wed Oct 25 11:04:41 UTC 2017\"\n}", 0},
		member{"0000.ovf", "another", 0}, member{vm + ".ovf", "<ovf/>", 0}, member{"metadata.json", "{}", 0})
}

func TestReadFindsTheVMAndStopsAtTheEndMark(t *testing.T) {
	whole := sampleStore(t)
	// Behind the end mark comes what must not be touched: a volume has gigabytes of it.
	input := io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(errors.New("read behind the end mark")))
	c, err := Read(iotest.OneByteReader(input), vm)
	require.NoError(t, err)
	require.Equal(t, "<ovf/>", string(c.OVF))
	require.True(t, time.Date(2017, 10, 25, 11, 4, 41, 0, time.UTC).Equal(c.Published))

	_, err = Read(bytes.NewReader(whole), "1111")
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "1111.ovf")
}

func TestTornStoresAreDetected_S28(t *testing.T) {
	whole := sampleStore(t)
	for cut := range len(whole) {
		_, err := Read(bytes.NewReader(whole[:cut]), vm)
		var torn *TornError
		require.ErrorAs(t, err, &torn, "cut at %d of %d", cut, len(whole))
	}
	for name, data := range map[string][]byte{
		"old rest":       append(bytes.Clone(whole[:2048]), bytes.Repeat([]byte{'x'}, 4096)...),
		"not a tar":      bytes.Repeat([]byte("no"), 4096),
		"no end in 1 GB": bytes.Repeat(tarball(t, member{"a", "", 0})[:512], MaxVolume/512+10),
	} {
		_, err := Read(bytes.NewReader(data), vm)
		var torn *TornError
		require.ErrorAs(t, err, &torn, name)
	}
	_, err := Read(bytes.NewReader(make([]byte, 1<<20)), vm)
	var missing *MissingError
	require.ErrorAs(t, err, &missing, "a volume of zeros is an empty tar")
	_, err = Read(bytes.NewReader(tarball(t, member{vm + ".ovf", "", tar.TypeSymlink})), vm)
	require.ErrorAs(t, err, &missing, "a link is not a document")
}

func TestErrorsOfStorageAreNotTakenForATornStore(t *testing.T) {
	broken := errors.New("input/output error")
	_, err := Read(io.MultiReader(bytes.NewReader(sampleStore(t)[:1000]), iotest.ErrReader(broken)), vm)
	require.ErrorIs(t, err, broken)
	var torn *TornError
	require.NotErrorAs(t, err, &torn)
}

func TestOrderIsTheNewestUpdatedFirst_S28(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2017, 1, 1, hour, 0, 0, 0, time.UTC) }
	stores := []Candidate{
		{"/last-found", Description{Updated: true, Published: at(3)}},
		{"/half-written", Description{Updated: false, Published: at(9)}},
		{"/newest", Description{Updated: true, Published: at(5)}},
		{"/undated", Description{Updated: true}},
		{"/a-twin", Description{Updated: true, Published: at(3)}},
	}
	var got []string
	for _, s := range Order(stores) {
		got = append(got, s.Path)
	}
	require.Equal(t, []string{"/newest", "/a-twin", "/last-found", "/undated", "/half-written"}, got)
	require.Equal(t, "/last-found", stores[0].Path, "the input stays as it is")
}

func FuzzDescription(f *testing.F) {
	f.Add(`{"Updated":true,"Size":20480,"Last Updated":"Wed Oct 25 11:04:41 UTC 2017","Storage Domains":[{"uuid":"1"}],"Disk Description":"OVF_STORE"}`)
	f.Add("DESCRIPTION={}\nEOF\n")
	f.Fuzz(func(t *testing.T, text string) {
		if inner, ok := FromMetadata([]byte(text)); ok {
			text = inner
		}
		d, err := ParseDescription(text)
		if err != nil {
			require.Zero(t, d)
			return
		}
		require.GreaterOrEqual(t, d.Size, int64(0))
	})
}

func FuzzRead(f *testing.F) {
	f.Add(sampleStore(f))
	f.Add(tarball(f, member{vm + ".ovf", strings.Repeat("x", 3000), 0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Read(bytes.NewReader(data), vm)
		if err != nil {
			require.Zero(t, c)
			return
		}
		require.LessOrEqual(t, len(c.OVF), len(data)+maxMember)
	})
}
