package shell_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
)

// The shared configuration is read without an agent that asks for it, again and again, and broker.conf's local copy with it.
func TestSharedConfigurationIsKept(t *testing.T) {
	files := archive.Files{
		"version": []byte("1"), "fhanswers.conf": {}, "hosted-engine.conf": {}, "vm.conf": {}, "broker.conf": []byte("[email]\nsmtp-server=first\n"),
	}
	volume := filepath.Join(t.TempDir(), "conf")
	write := func() {
		data, err := archive.Encode(files, time.Now())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(volume, append(data, make([]byte, 1<<20-len(data))...), 0o600))
	}
	write()
	r := start(t, func(o *shell.Options) {
		o.Config.ConfigurationPath = volume
		o.Config.Timing.OVFPeriod = 100 * time.Millisecond
	})
	has := func(text string) func() bool {
		return func() bool {
			shared, err := r.link.GetSharedFile(t.Context(), "broker.conf")
			local, _ := os.ReadFile(r.cfg.BrokerConf)
			return err == nil && shared.Valid && shared.Age >= 0 && string(shared.Data) == text && string(local) == text
		}
	}
	r.eventually("the shared configuration was read", has("[email]\nsmtp-server=first\n"))
	files["broker.conf"] = []byte("[email]\nsmtp-server=second\n")
	write()
	r.eventually("the change was read", has("[email]\nsmtp-server=second\n"))
}
