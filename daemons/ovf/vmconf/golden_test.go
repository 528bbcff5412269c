package vmconf

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func document(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".ovf"))
	require.NoError(t, err)
	return text
}

func TestGoldenFiles(t *testing.T) {
	documents, err := filepath.Glob("testdata/*.ovf")
	require.NoError(t, err)
	require.NotEmpty(t, documents)
	for _, path := range documents {
		name := strings.TrimSuffix(filepath.Base(path), ".ovf")
		t.Run(name, func(t *testing.T) {
			d, err := Convert(document(t, name))
			require.NoError(t, err)
			got := string(d.Body)
			for _, r := range d.Remarks {
				got += "REMARK " + r + "\n"
			}
			golden := filepath.Join("testdata", name+".conf")
			if *rewrite {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestSeveralDisksHaveAnIndexEach_S28(t *testing.T) {
	d, err := Convert(document(t, "several-disks"))
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(d.Body)) {
		if rest, ok := strings.CutPrefix(line, "devices={index:"); ok {
			index, _, _ := strings.Cut(rest, ",")
			_, image, _ := strings.Cut(rest, "imageID:")
			image, _, _ = strings.Cut(image, ",")
			found = append(found, index+"="+image)
		}
	}
	require.Equal(t, []string{"0=image-2", "1=image-1", "3=image-3", "4=image-4"}, found, "2 belongs to the CD drive")
}

func TestXMLIsUsedOnlyWhereItKeepsTwoHostsApart(t *testing.T) {
	withLease := string(document(t, "engine-4.4-lease"))
	for _, c := range []struct {
		name, old, replacement string
		used                   bool
	}{
		{"lease and exclusive disk", "", "", true},
		{"no lease", "<lease>", "<notlease>", false},
		{"lease in the wrong place", "<devices>", "<devices/><other>", false},
		{"shared disk", ">exclusive<", ">shared<", false},
		{"the first disk that says it counts", `<ovirt-vm:managed type="bool">False</ovirt-vm:managed>`, `<ovirt-vm:shared>transient</ovirt-vm:shared>`, false},
		{"no disk", `devtype="disk"`, `devtype="lun"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := withLease
			switch c.name {
			case "no lease":
				text = strings.ReplaceAll(strings.ReplaceAll(text, "<lease>", "<notlease>"), "</lease>", "</notlease>")
			case "lease in the wrong place":
				text = strings.Replace(strings.Replace(text, "<devices>", "<devices/><other>", 1), "</devices>", "</other>", 1)
			default:
				if c.old != "" {
					require.Contains(t, text, c.old)
					text = strings.ReplaceAll(text, c.old, c.replacement)
				}
			}
			// The interface's model is one that only the XML can express, so without it the document is refused.
			text = strings.Replace(text, "<rasd:ResourceSubType>6<", "<rasd:ResourceSubType>3<", 1)
			d, err := Convert([]byte(text))
			require.NoError(t, err)
			require.Equal(t, c.used, d.HasXML)
			require.Equal(t, c.used, strings.HasPrefix(string(d.Body), "xmlBase64="), "first key or absent")
			if !c.used {
				require.NotEmpty(t, d.Remarks)
			}
		})
	}
}

func TestOnlyThePtyAliasIsCut_1560666(t *testing.T) {
	d, err := Convert(document(t, "engine-4.4-lease"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(d.Body), "\n")
	got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first, "xmlBase64="))
	require.NoError(t, err)
	source := string(document(t, "engine-4.4-lease"))
	_, source, _ = strings.Cut(source, "<![CDATA[")
	source, _, _ = strings.Cut(source, "]]>")
	require.Contains(t, source, `<alias name="ua-c0000000-1111-4222-8333-000000000c01"/></console>`)
	want := strings.Replace(source, `<alias name="ua-c0000000-1111-4222-8333-000000000c01"/></console>`, `<alias name="ua-c0000000-1111-4222-83"/></console>`, 1)
	require.Equal(t, want, string(got), "every other byte is the engine's")
}

func TestPtyAliasCut(t *testing.T) {
	const long = "ua-0123456789012345678901234567890"
	for _, c := range []struct{ name, in, want string }{
		{"other kinds of console", `<d><console type="unix"><alias name="` + long + `"/></console></d>`, `<d><console type="unix"><alias name="` + long + `"/></console></d>`},
		{"short", `<d><console type="pty"><alias name="ua-1"/></console></d>`, `<d><console type="pty"><alias name="ua-1"/></console></d>`},
		{"deeper is another thing", `<d><console type="pty"><x><alias name="` + long + `"/></x></console></d>`, `<d><console type="pty"><x><alias name="` + long + `"/></x></console></d>`},
		{"after a console", `<d><console type="pty"></console><alias name="` + long + `"/></d>`, `<d><console type="pty"></console><alias name="` + long + `"/></d>`},
		{
			"two", `<d><console type="pty"><alias name="` + long + `"/></console><console type='pty'><alias a="b" name='` + long + `'></alias></console> </d>`,
			`<d><console type="pty"><alias name="` + long[:24] + `"/></console><console type='pty'><alias a="b" name='` + long[:24] + `'></alias></console> </d>`,
		},
		{"letters, not bytes", `<d><console type="pty"><alias name="` + strings.Repeat("é", 30) + `"/></console></d>`, `<d><console type="pty"><alias name="` + strings.Repeat("é", 24) + `"/></console></d>`},
	} {
		require.Equal(t, c.want, string(cutPtyAliases([]byte(c.in))), c.name)
	}
}

func TestTextHasThreeLinesInFront(t *testing.T) {
	d, err := Convert(document(t, "engine-3.6"))
	require.NoError(t, err)
	text := d.Text(time.Date(2017, 12, 3, 4, 5, 6, 0, time.UTC))
	lines := strings.Split(string(text), "\n")
	require.True(t, strings.HasPrefix(lines[0], "# "))
	require.Equal(t, "# This file was generated at Sun Dec  3 04:05:06 2017", lines[1])
	require.Empty(t, lines[2])
	require.Equal(t, "vmId=6f7c1a5e-0b6c-4f0f-9c2e-0000000000aa", lines[3])
	require.Equal(t, d.Body, Body(text))
	require.Empty(t, Body([]byte("# cut")))
	require.Empty(t, Body(nil))
}
