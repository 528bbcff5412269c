package vmconf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatWouldStartAnotherMachineIsRefused(t *testing.T) {
	good := string(document(t, "engine-3.6"))
	for _, c := range []struct{ name, old, replacement, want string }{
		{"no memory", "<rasd:ResourceType>4<", "<rasd:ResourceType>5<", "memSize"},
		{"memory in words", ">4096</rasd:VirtualQuantity>", ">lots</rasd:VirtualQuantity>", `VirtualQuantity "lots"`},
		{"no memory at all", ">4096</rasd:VirtualQuantity>", ">0</rasd:VirtualQuantity>", `VirtualQuantity "0"`},
		{"other units", "MegaBytes", "KiloBytes", `"KiloBytes"`},
		{"no sockets", "rasd:num_of_sockets", "rasd:num_of_pockets", "num_of_sockets"},
		{"no identity", `<Section ovf:id="6f7c1a5e-0b6c-4f0f-9c2e-0000000000aa"`, `<Section`, "vmId"},
		{"two lines in a name", "<Name>HostedEngine<", "<Name>HostedEngine\nmemSize=1<", "vmName"},
		{"unknown interface model", "<rasd:ResourceSubType>3<", "<rasd:ResourceSubType>6<", `model "6" is unknown`},
		{"disk without a volume", `ovf:fileRef="6f7c1a5e-0b6c-4f0f-9c2e-000000000001/`, `ovf:fileRef="`, "IMAGE/VOLUME"},
		{"disk without a format", "ovf:volume-format", "ovf:volume-shape", "volume-format"},
		{"boot order in words", "<BootOrder>0<", "<BootOrder>first<", `"first"`},
		{"a value that reads as two", ">ovirtmgmt</rasd:Connection>", ">a,type:disk</rasd:Connection>", "comma"},
		{"no disk", "<Device>disk</Device>", "<Device>lun</Device>", "no disk"},
		{"no content", "Content", "Contents", "no Content"},
		{"half a document", "</Content>", "", "not well-formed"},
		{"another encoding", `encoding="UTF-8"`, `encoding="UTF-16"`, "not well-formed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, good, c.old)
			_, err := Convert([]byte(strings.ReplaceAll(good, c.old, c.replacement)))
			require.ErrorContains(t, err, "convert OVF: ")
			require.ErrorContains(t, err, c.want)
		})
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "two roots": "<a/><b/>", "zeros": strings.Repeat("\x00", 512),
		"deep": strings.Repeat("<a>", 1000), "large": strings.Repeat(" ", MaxDocument+1),
	} {
		_, err := Convert([]byte(text))
		require.Error(t, err, name)
	}
	broken := strings.Replace(string(document(t, "engine-4.4-lease")), "</domain>", "", 1)
	_, err := Convert([]byte(broken))
	require.ErrorContains(t, err, "EngineXml")
}

func TestManyItemsAreBounded(t *testing.T) {
	var items, disks strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&items, "<Item><rasd:InstanceId>%d</rasd:InstanceId><Type>disk</Type><Device>disk</Device></Item>", i)
		fmt.Fprintf(&disks, `<Disk ovf:diskId="%d" ovf:fileRef="a/b" ovf:volume-format="RAW" ovf:disk-interface="IDE"/>`, i)
	}
	text := string(document(t, "engine-3.6"))
	text = strings.Replace(text, "<Disk ", disks.String()+"<Disk ", 1)
	text = strings.Replace(text, "<Item>", items.String()+"<Item>", 1)
	d, err := Convert([]byte(text))
	require.NoError(t, err)
	require.Contains(t, strings.Join(d.Remarks, "\n"), "only the first 2000 of")
	require.LessOrEqual(t, strings.Count(string(d.Body), "devices="), 2002)
}

func FuzzConvert(f *testing.F) {
	for _, name := range []string{"engine-3.6", "engine-4.2-no-lease", "engine-4.4-lease", "several-disks"} {
		f.Add(document(f, name))
	}
	f.Add([]byte("<a><Content><Section id='x'><Item/></Section></Content></a>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Convert(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, d.VMID)
		require.Positive(t, d.MemoryMiB)
		require.LessOrEqual(t, len(d.Remarks), maxRemarks)
		seen := map[string]bool{}
		for line := range strings.Lines(string(d.Body)) {
			key, _, found := strings.Cut(line, "=")
			require.True(t, found, "line %q", line)
			require.True(t, strings.HasSuffix(line, "\n"), "line %q", line)
			require.False(t, seen[key] && key != "devices", "key %s twice", key)
			seen[key] = true
		}
		for _, key := range []string{"vmId", "memSize", "smp", "devices"} {
			require.True(t, seen[key], "no %s", key)
		}
		require.Equal(t, d.HasXML, seen["xmlBase64"])
	})
}
