package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// deployed is hosted-engine.conf as upstream's deployment leaves it.
const deployed = `fqdn=engine.example.com
vm_disk_id=6b7f7f66-64e6-4f3b-9d5b-2d1a55f6fbd0
vm_disk_vol_id=3a3c9cb5-4c5f-4f0d-a86b-1d3f0a9ff6c1
vmid=4d1d9ca0-6f70-4b3c-9d3f-3a6f0c0d7a11
storage=nas.example.com:/exports/he
nfs_version=v4_1
mnt_options=
conf=/var/run/ovirt-hosted-engine-ha/vm.conf
host_id=2
console=vnc
domainType=nfs
spUUID=00000000-0000-0000-0000-000000000000
sdUUID=8f1d3b52-5a0e-4c0a-9f0e-686f6c646661
connectionUUID=e29cf818-5ee5-46e1-85c1-8aeefa33e95d
ca_cert=/etc/pki/vdsm/libvirt-vnc/ca-cert.pem
ca_subject="C=EN, L=Test, O=Test, CN=Test"
vdsm_use_ssl=true
gateway=192.168.122.1
bridge=ovirtmgmt
network_test=dns
tcp_t_address=
tcp_t_port=
metadata_volume_UUID=11111111-4c5f-4f0d-a86b-1d3f0a9ff6c1
metadata_image_UUID=22222222-4c5f-4f0d-a86b-1d3f0a9ff6c1
lockspace_volume_UUID=33333333-4c5f-4f0d-a86b-1d3f0a9ff6c1
lockspace_image_UUID=44444444-4c5f-4f0d-a86b-1d3f0a9ff6c1
conf_volume_UUID=55555555-4c5f-4f0d-a86b-1d3f0a9ff6c1
conf_image_UUID=66666666-4c5f-4f0d-a86b-1d3f0a9ff6c1

# The following are used only for iSCSI storage
iqn=
portal=
user=
password=
port=
`

// install writes files under a root of their own, holdfast.conf among them, and returns the root.
func install(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

const (
	atHoldfast = "etc/holdfast/holdfast.conf"
	atEngine   = "etc/ovirt-hosted-engine/hosted-engine.conf"
	atAgent    = "etc/ovirt-hosted-engine-ha/agent.conf"
)

func load(t *testing.T, files map[string]string) (config.Config, string, error) {
	t.Helper()
	root := install(t, files)
	c, err := config.LoadUnder(root, filepath.Join(root, atHoldfast))
	return c, root, err
}

func TestADeployedHostNeedsNothingInHoldfastConf(t *testing.T) {
	c, root, err := load(t, map[string]string{
		atHoldfast: "# nothing\n",
		atEngine:   deployed,
		atAgent:    "[score]\nbase-score=3000\ngateway-score-penalty=100\ncpu-load-penalty-max: 0.8\n",
	})
	require.NoError(t, err)
	require.Equal(t, 2, c.HostID)
	require.Equal(t, "8f1d3b52-5a0e-4c0a-9f0e-686f6c646661", c.SDUUID)
	require.Equal(t, "4d1d9ca0-6f70-4b3c-9d3f-3a6f0c0d7a11", c.VMID)
	require.Equal(t, "nfs", c.Storage.Driver)
	require.Equal(t, "nas.example.com:/exports/he", c.Storage.Connection)
	require.Equal(t, "4.1", c.Storage.NFSVersion)
	require.Equal(t, "22222222-4c5f-4f0d-a86b-1d3f0a9ff6c1", c.Storage.Metadata.Image)
	require.True(t, c.Storage.Lockspace.Known())
	require.Equal(t, config.Network{FQDN: "engine.example.com", Gateway: "192.168.122.1", Bridge: "ovirtmgmt", Test: "dns"}, c.Network)
	require.Equal(t, 3000, c.Score.Base)
	require.Equal(t, 100, c.Score.NetworkPenalty, "as version 2.2 called it")
	require.InDelta(t, 0.8, c.Score.CPULoadPenaltyMax, 1e-9)
	require.Equal(t, filepath.Join(root, "var/run/ovirt-hosted-engine-ha/vm.conf"), c.VMConf)
}

func TestRootMovesEveryPath(t *testing.T) {
	c, root, err := load(t, map[string]string{atHoldfast: "host_id = 1\nwhiteboard_path = /w\novf_store_paths = /o1, /o2\n"})
	require.NoError(t, err)
	text := fmt.Sprintf("%+v", c)
	for _, word := range strings.Fields(text) {
		at := strings.Index(word, "/")
		if at < 0 || strings.Contains(word, "userspaceProgram") {
			continue
		}
		if strings.Contains(word, "qemu-storage-daemon") {
			continue // a program of the machine's, not a file of the broker's
		}
		require.Contains(t, word, root, "a path that is not under the root")
	}
	require.Equal(t, root+"/run/ovirt-hosted-engine-ha/ops.socket", c.OpsSocket)
	require.Equal(t, []string{root + "/o1", root + "/o2"}, c.OVFStorePaths)
	require.Equal(t, config.DriverPath, c.Storage.Driver, "meant when only paths are given")
}

func TestFaultsOfUpstreamsFilesNameTheirOrigin(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"unknown key":       {map[string]string{atEngine: "host_id=1\nsdUID=x\n"}, `hosted-engine.conf:2: key "sdUID": unknown key; the nearest known key is "sdUUID"`},
		"bad host id":       {map[string]string{atEngine: "host_id=0\n"}, `hosted-engine.conf:1: key "host_id": bad value; expected a whole number from 1 to 2000`},
		"twice":             {map[string]string{atEngine: "host_id=1\nbridge=a\nbridge=b\n"}, `hosted-engine.conf:3: key "bridge": set twice to different values, first on line 2`},
		"two versions":      {map[string]string{atHoldfast: "host_id = 1\nnfs_version = 4.1\n", atEngine: "domainType=nfs3\n"}, `key "domainType": is "3", but `},
		"two drivers":       {map[string]string{atHoldfast: "host_id = 1\nstorage_driver = nfs\n", atEngine: "domainType=iscsi\n"}, `key "domainType": is "iscsi", but `},
		"no driver at all":  {map[string]string{atHoldfast: "host_id = 1\nstorage_driver = userspace\n", atEngine: "domainType=cifs\n"}, `key "domainType": bad value`},
		"score as text":     {map[string]string{atEngine: "host_id=1\n", atAgent: "[score]\nwhatever-penalty = many\n"}, `agent.conf:2: key "whatever-penalty": unknown key`},
		"no VDSM to run it": {map[string]string{atHoldfast: "host_id = 1\nvm_driver = vdsm\nvmid = x\nvdsm = off\n"}, `holdfast.conf:2: key "vm_driver": vm_driver = vdsm needs VDSM`},
		"no VM to run":      {map[string]string{atHoldfast: "host_id = 1\nvm_driver = vdsm\n"}, `holdfast.conf:2: key "vm_driver": vm_driver = vdsm needs vmid`},
		"not configured":    {map[string]string{atEngine: "host_id=1\nconfigured=False\n"}, `key "configured": is "False": this host is not configured`},
		"old layout":        {map[string]string{atEngine: "host_id=1\nspUUID=11111111-0000-0000-0000-000000000000\n"}, "the storage layout of version 3.5"},
		"unknown storage":   {map[string]string{atEngine: "host_id=1\ndomainType=cifs\n"}, `key "domainType": bad value; expected nfs, nfs3`},
		"two host ids":      {map[string]string{atHoldfast: "host_id = 3\n", atEngine: "\nhost_id=1\n"}, `hosted-engine.conf:2: key "host_id": is "1", but `},
		"no host id at all": {map[string]string{atEngine: "bridge=b\n"}, `key "host_id": required and missing`},
		"score":             {map[string]string{atEngine: "host_id=1\n", atAgent: "[score]\nbase-score = many\n"}, `agent.conf:2: key "base-score": bad value`},
		"unknown score":     {map[string]string{atEngine: "host_id=1\n", atAgent: "[score]\nbase-scor = 1\n"}, `the nearest known key is "base-score"`},
		"other section":     {map[string]string{atEngine: "host_id=1\n", atAgent: "[scores]\nbase-score = 1\n"}, "unknown section [scores]"},
		"no ini":            {map[string]string{atEngine: "host_id=1\n", atAgent: "base-score = 1\n"}, "stands before the first [section]"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, there := tc.files[atHoldfast]; !there {
				tc.files[atHoldfast] = ""
			}
			_, _, err := load(t, tc.files)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// byEngine is what an engine writes on a host that it deploys: in no order, and with ca_cert twice.
const byEngine = `ca_cert=/etc/pki/vdsm/libvirt-spice/ca-cert.pem
gateway=192.0.2.1
iqn=
conf_image_UUID=66666666-4c5f-4f0d-a86b-1d3f0a9ff6c1
ca_cert=/etc/pki/vdsm/libvirt-spice/ca-cert.pem
sdUUID=8f1d3b52-5a0e-4c0a-9f0e-686f6c646661
host_id=3
mnt_options=backup-volfile-servers=192.0.2.2:192.0.2.3
domainType=glusterfs
storage=192.0.2.4:/engine
ca_subject="C=EN, L=Test, O=Test, CN=Test"
service_start_time=0
`

func TestAHostDeployedByAnEngineIsUnderstood(t *testing.T) {
	c, _, err := load(t, map[string]string{atHoldfast: "", atEngine: byEngine})
	require.NoError(t, err)
	require.Equal(t, 3, c.HostID)
	require.Equal(t, "backup-volfile-servers=192.0.2.2:192.0.2.3", c.Storage.MountOptions)
}

func TestTheDomainTypeNamesTheVersionOfNFS(t *testing.T) {
	for _, text := range []string{"domainType=nfs3\n", "domainType=nfs3\nnfs_version=auto\n", "nfs_version=auto\ndomainType=nfs3\n", "domainType=nfs3\nnfs_version=v4\n"} {
		c, _, err := load(t, map[string]string{atHoldfast: "host_id = 1\n", atEngine: text})
		require.NoError(t, err, text)
		require.Equal(t, "3", c.Storage.NFSVersion, text)
	}
	c, _, err := load(t, map[string]string{atHoldfast: "host_id = 1\nnfs_version = 3\n", atEngine: "domainType=nfs3\n"})
	require.NoError(t, err)
	require.Equal(t, "3", c.Storage.NFSVersion)
}

func TestWeightsOfAnotherVersionArePassedOver(t *testing.T) {
	c, _, err := load(t, map[string]string{atHoldfast: "host_id = 1\n", atAgent: "[score]\nbase-score=3000\nmoon-phase-penalty=12.5\n"})
	require.NoError(t, err)
	require.Equal(t, 3000, c.Score.Base)
}

func TestTwoFilesMaySayTheSame(t *testing.T) {
	c, _, err := load(t, map[string]string{atHoldfast: "host_id = 2\nnfs_version = 4.1\n", atEngine: deployed})
	require.NoError(t, err)
	require.Equal(t, "4.1", c.Storage.NFSVersion, "v4_1 and 4.1 are the same")

	c, _, err = load(t, map[string]string{atHoldfast: "storage_driver = userspace\n", atEngine: deployed})
	require.NoError(t, err)
	require.Equal(t, config.DriverUserspace, c.Storage.Driver, "how this host reaches the storage is its own affair")
}

func TestSecretsAreNotShown_S39(t *testing.T) {
	const secret = "correcthorse"
	c, _, err := load(t, map[string]string{atHoldfast: "host_id = 1\n", atEngine: "domainType=iscsi\npassword=" + secret + "\n"})
	require.NoError(t, err)
	require.Equal(t, secret, c.Storage.Password.Reveal())
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "password", c.Storage.Password, "config", c)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Storage.Password)+log.String(), secret)

	_, _, err = load(t, map[string]string{atHoldfast: "host_id = 1\niscsi_password = other\n", atEngine: "password=" + secret + "\n"})
	require.ErrorContains(t, err, "keep one of the two")
	require.NotContains(t, err.Error(), secret)
	_, _, err = load(t, map[string]string{atHoldfast: "host_id = 1\n", atEngine: "password=" + secret + "\x01 x\n"})
	require.ErrorContains(t, err, "a value that is not shown")
	require.NotContains(t, err.Error(), secret)
}

func FuzzHostedEngineConf(f *testing.F) {
	f.Add(deployed)
	f.Add("a\n=b\n \n\xff")
	f.Add("domainType=nfs3\nnfs_version=v3\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		engine, own := filepath.Join(dir, "hosted-engine.conf"), filepath.Join(dir, "holdfast.conf")
		require.NoError(t, os.WriteFile(engine, []byte(text), 0o600))
		require.NoError(t, os.WriteFile(own, []byte("hosted_engine_conf = "+engine+"\nagent_conf =\n"), 0o600))
		c, err := config.Load(own)
		if err == nil {
			require.Positive(t, c.HostID)
		}
	})
}
