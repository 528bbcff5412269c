package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/config"
	vmvdsm "github.com/holdfast-ha/holdfast/daemons/vm/vdsm"
)

func TestEngineDriver(t *testing.T) {
	dir := t.TempDir()
	parsed := func(driver string) config.Config {
		cfg, err := config.Parse("holdfast.conf", []byte("host_id = 1\nvmid = x\nvm_driver = "+driver+"\nvm_command = /bin/true\nrun_dir = "+dir+
			"\nvdsm_address = 127.0.0.1:1\nvdsm_certificate = "+dir+"/c\nvdsm_key = "+dir+"/k\nvdsm_authority = "+dir+"/a\n"))
		require.NoError(t, err)
		return cfg
	}
	for _, name := range []string{"c", "k"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	_, _, err := EngineDriver(parsed("vdsm"))
	require.ErrorContains(t, err, "vm_driver = vdsm: VDSM cannot be talked to: vdsm_authority: open "+dir+"/a")
	require.ErrorContains(t, err, "check the path")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))

	engine, closeDriver, err := EngineDriver(parsed("vdsm"))
	require.NoError(t, err, "a VDSM that does not run yet is no fault of the configuration")
	require.IsType(t, &vmvdsm.Driver{}, engine)
	closeDriver()

	engine, closeDriver, err = EngineDriver(parsed("command"))
	require.NoError(t, err)
	require.NotNil(t, engine)
	closeDriver()
	engine, closeDriver, err = EngineDriver(parsed("none"))
	require.NoError(t, err)
	require.Nil(t, engine)
	closeDriver()
}

func TestUsesVDSM(t *testing.T) {
	there := filepath.Join(t.TempDir(), "certificate")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	require.True(t, UsesVDSM(config.VDSM{Mode: "auto", Certificate: there}))
	require.False(t, UsesVDSM(config.VDSM{Mode: "auto", Certificate: there + ".not"}))
	require.True(t, UsesVDSM(config.VDSM{Mode: "on", Certificate: there + ".not"}))
	require.False(t, UsesVDSM(config.VDSM{Mode: "off", Certificate: there}))
}
