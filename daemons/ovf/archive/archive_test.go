package archive

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var written = time.Date(2017, 12, 1, 10, 0, 0, 0, time.UTC)

func sample() Files {
	return Files{
		Version: []byte("2.2.1-1.el7"), Answers: []byte("[environment:default]\nOVEHOSTED_VM/vmid=str:1\n"), HostedConf: []byte("fqdn=engine.example.com\n"),
		BrokerConf: []byte("[email]\nsmtp-server=localhost\n"), VMConf: []byte("memSize=4096\nvmName=Двигатель\n"),
	}
}

func encode(t testing.TB, f Files) []byte {
	t.Helper()
	data, err := Encode(f, written)
	require.NoError(t, err)
	return data
}

func TestArchiveIsExactly20480BytesWithFiveMembers_C9(t *testing.T) {
	data := encode(t, sample())
	require.Len(t, data, 20480)
	require.Equal(t, "ustar  \x00", string(data[257:265]), "GNU tar's magic")
	files, err := Decode(data)
	require.NoError(t, err)
	require.Equal(t, sample(), files)
	again, err := Decode(append(data, bytes.Repeat([]byte{0xff}, 100)...))
	require.NoError(t, err, "what follows on the volume does not matter")
	require.True(t, files.Equal(again))
}

// The program that upstream's hosts read archives with.
func TestTarReadsOurArchivesAndWeReadTars(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("MISSING in CI: tar (%v)", err)
		}
		t.Skipf("SKIPPED, NOT TESTED: this test needs tar (%v)", err)
	}
	path := filepath.Join(t.TempDir(), "volume")
	require.NoError(t, os.WriteFile(path, append(encode(t, sample()), make([]byte, 10*Size)...), 0o600))
	listing, err := exec.CommandContext(t.Context(), program, "-tf", path).CombinedOutput()
	require.NoError(t, err, "%s", listing)
	require.Equal(t, strings.Join(Names(), "\n")+"\n", string(listing))
	for name, content := range sample() {
		out, err := exec.CommandContext(t.Context(), program, "-xOf", path, name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, string(content), string(out), name)
	}

	dir := t.TempDir()
	for name, content := range sample() {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	// Deployment's order.
	theirs, err := exec.CommandContext(t.Context(), program, "--record-size=20480", "-C", dir, "-cf", "-", VMConf, BrokerConf, HostedConf, Answers, Version).Output()
	require.NoError(t, err)
	require.Len(t, theirs, Size)
	files, err := Decode(theirs)
	require.NoError(t, err)
	require.Equal(t, sample(), files)
}

func TestWhatDoesNotFitIsRefusedByHowMuch(t *testing.T) {
	f := sample()
	empty := f.Clone()
	for name := range empty {
		empty[name] = nil
	}
	free := Size - room(empty)
	empty[Answers] = make([]byte, free)
	data := encode(t, empty)
	files, err := Decode(data)
	require.NoError(t, err, "filled to the last byte, without room for a checksum")
	require.Len(t, files[Answers], free)

	empty[Answers] = make([]byte, free+1)
	_, err = Encode(empty, written)
	var tooLarge *TooLargeError
	require.ErrorAs(t, err, &tooLarge)
	require.Equal(t, 512, tooLarge.Over, "tar counts in blocks")
	require.ErrorContains(t, err, "512 bytes too large")
}

func TestAnIncompleteSetIsNotWritten(t *testing.T) {
	f := sample()
	delete(f, BrokerConf)
	_, err := Encode(f, written)
	require.ErrorContains(t, err, "broker.conf is missing")
	f = sample()
	f["../etc/passwd"] = nil
	_, err = Encode(f, written)
	require.ErrorContains(t, err, "none of the five")
}

// A write that a hang or crash cut short leaves some blocks of the new archive and some of the old one.
func TestTornArchivesAreDetected_S27(t *testing.T) {
	before := sample()
	after := before.Clone()
	after[BrokerConf] = []byte("[email]\nsmtp-server=localhosT\n") // the same length, so all tar headers stay right
	after[Version] = []byte("2.2.2-1.el7")
	after[VMConf] = bytes.Repeat([]byte("m"), 6000)
	before[VMConf] = bytes.Repeat([]byte("n"), 6000)
	a, b := encode(t, before), encode(t, after)
	for size := 512; size < Size; size += 512 {
		for _, torn := range [][]byte{append(bytes.Clone(a[:size]), b[size:]...), append(bytes.Clone(b[:size]), a[size:]...)} {
			if bytes.Equal(torn, a) || bytes.Equal(torn, b) {
				continue
			}
			_, err := Decode(torn)
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged, "torn at %d", size)
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	good := encode(t, sample())
	lacking := func(edit func(w *tar.Writer)) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		edit(w)
		require.NoError(t, w.Close())
		return append(b.Bytes(), make([]byte, Size)...)
	}
	add := func(w *tar.Writer, h tar.Header) {
		h.Mode = 0o600
		require.NoError(t, w.WriteHeader(&h))
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"short", good[:Size-1], "20479 bytes"},
		{"nothing", nil, "0 bytes"},
		{"zeros", make([]byte, Size), "no version"},
		{"no tar", bytes.Repeat([]byte("x"), Size), "before byte"},
		{"a member less", lacking(func(w *tar.Writer) { add(w, tar.Header{Name: Version}) }), "no fhanswers.conf"},
		{"twice", lacking(func(w *tar.Writer) { add(w, tar.Header{Name: Version}); add(w, tar.Header{Name: Version}) }), "twice"},
		{"a link", lacking(func(w *tar.Writer) {
			add(w, tar.Header{Name: Version, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
		}), "not a regular file"},
		{"bit flip", func() []byte { d := bytes.Clone(good); d[600] ^= 1; return d }(), "checksum"},
	} {
		_, err := Decode(c.data)
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Files{}
		for _, name := range Names() {
			f[name] = rapid.SliceOfN(rapid.Byte(), 0, 6000).Draw(t, name)
		}
		data, err := Encode(f, written)
		if room(f) > Size {
			if err == nil {
				t.Fatal("want too large")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil || !got.Equal(f) {
			t.Fatalf("got %v, %v", got, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add(make([]byte, Size))
	plain := encode(f, sample())
	clear(plain[Size-sealSize:])
	f.Add(plain)
	f.Fuzz(func(t *testing.T, data []byte) {
		// The fuzzer works on the front of an archive; the rest is zeros.
		files, err := Decode(append(data, make([]byte, Size)...))
		if err != nil {
			return
		}
		require.Len(t, files, 5)
		again, err := Encode(files, written)
		if err != nil {
			var tooLarge *TooLargeError
			require.ErrorAs(t, err, &tooLarge)
			return
		}
		got, err := Decode(again)
		require.NoError(t, err)
		require.True(t, got.Equal(files))
	})
}
