package vdsm

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answered returns a client whose VDSM answers every call with the result, and passes on what it was asked.
func answered(t *testing.T, result string) (*Client, <-chan received) {
	asked := make(chan received, 10)
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		for {
			r, ok := v.next()
			if !ok {
				return
			}
			asked <- r
			v.result(r.ID, result)
		}
	})
	return p.client(nil), asked
}

func TestVerbsSayAndReadWhatVDSMKnows(t *testing.T) {
	volume := VolumeID{BlankPool, "sd", "img", "vol"}
	volumeParams := `{"storagepoolID": "` + BlankPool + `", "storagedomainID": "sd", "imageID": "img", "volumeID": "vol"}`
	yes := true
	for _, verb := range []struct {
		method, params, result string
		want                   any
		call                   func(*Client) (any, error)
	}{
		{"Host.ping2", `{}`, `true`, nil, func(c *Client) (any, error) { return nil, c.Ping2(t.Context()) }},
		{
			"Host.getStats", `{}`, `{"memFree": "2048", "network": {"ovirtmgmt": {"state": "up"}}, "more": [1]}`,
			HostStats{MemFree: "2048", Network: map[string]NetworkStats{"ovirtmgmt": {"up"}}},
			func(c *Client) (any, error) { return c.HostGetStats(t.Context()) },
		},
		{
			"Host.getStorageRepoStats", `{"domains": ["sd"]}`,
			`{"sd": {"code": 0, "lastCheck": "3.1", "delay": "0.0005", "valid": true, "version": 5, "acquired": true, "actual": true}, "args": []}`,
			map[string]DomainMonitor{"sd": {Code: "0", LastCheck: "3.1", Delay: "0.0005", Valid: true, Acquired: true, Actual: &yes, Version: "5"}},
			func(c *Client) (any, error) { return c.RepoStats(t.Context(), "sd") },
		},
		{
			"Host.startMonitoringDomain", `{"sdUUID": "sd", "hostID": 7}`, `null`, nil,
			func(c *Client) (any, error) { return nil, c.StartMonitoringDomain(t.Context(), "sd", 7) },
		},
		{
			"Host.stopMonitoringDomain", `{"sdUUID": "sd"}`, `null`, nil,
			func(c *Client) (any, error) { return nil, c.StopMonitoringDomain(t.Context(), "sd") },
		},
		{
			"VM.getStats", `{"vmID": "id"}`, `[{"status": "Down", "exitReason": 4, "statusTime": 4295000000, "cpuUser": "1.5", "cpuActual": false}]`,
			VMStats{Status: "Down", ExitReason: "4", StatusTime: "4295000000", CPUUser: "1.5", CPUActual: "false"},
			func(c *Client) (any, error) { return c.VMGetStats(t.Context(), "id") },
		},
		{
			"VM.create", `{"vmID": "id", "vmParams": {"xml": "<domain/>"}}`, `{"status": "WaitForLaunch"}`, "WaitForLaunch",
			func(c *Client) (any, error) {
				return c.VMCreate(t.Context(), "id", map[string]any{"xml": "<domain/>"})
			},
		},
		{
			"VM.destroy", `{"vmID": "id"}`, `{}`, nil,
			func(c *Client) (any, error) { return nil, c.VMDestroy(t.Context(), "id") },
		},
		{
			"VM.shutdown", `{"vmID": "id", "delay": 120, "message": "bye"}`, `{}`, nil,
			func(c *Client) (any, error) {
				return nil, c.VMShutdown(t.Context(), "id", 2*time.Minute, "bye")
			},
		},
		{
			"Image.prepare", volumeParams, `{"path": "/p", "info": {}}`, "/p",
			func(c *Client) (any, error) { return c.ImagePrepare(t.Context(), volume) },
		},
		{
			"StorageDomain.getInfo", `{"storagedomainID": "sd"}`, `{"block_size": 4096, "remotePath": "s:/p", "pool": ["x"]}`,
			DomainInfo{BlockSize: "4096", RemotePath: "s:/p", Pool: []string{"x"}},
			func(c *Client) (any, error) { return c.DomainGetInfo(t.Context(), "sd") },
		},
		{
			"StorageDomain.getStats", `{"storagedomainID": "sd"}`, `{"disktotal": "10", "diskfree": 5}`,
			DomainSpace{DiskTotal: "10", DiskFree: "5"},
			func(c *Client) (any, error) { return c.DomainGetStats(t.Context(), "sd") },
		},
		{
			"StorageDomain.getImages", `{"storagedomainID": "sd"}`, `["i"]`,
			[]string{"i"},
			func(c *Client) (any, error) { return c.GetImages(t.Context(), "sd") },
		},
		{
			"StorageDomain.getVolumes", `{"storagedomainID": "sd", "storagepoolID": "p", "imageID": "i"}`, `["v"]`,
			[]string{"v"},
			func(c *Client) (any, error) { return c.GetVolumes(t.Context(), "sd", "p", "i") },
		},
		{
			"Volume.getInfo", volumeParams, `{"description": "{\"Updated\": true}", "disktype": "OVFS", "ctime": "17"}`,
			VolumeInfo{Description: `{"Updated": true}`, DiskType: "OVFS", CTime: "17"},
			func(c *Client) (any, error) { return c.VolumeGetInfo(t.Context(), volume) },
		},
		{
			"StoragePool.connectStorageServer",
			`{"storagepoolID": "p", "domainType": 1, "connectionParams": [{"id": "c", "connection": "s:/p", "user": "kvm", "password": "secret"}]}`,
			`[{"id": "c", "status": 477}]`,
			[]ConnectionStatus{{"c", 477}},
			func(c *Client) (any, error) {
				return c.ConnectStorageServer(t.Context(), "p", TypeNFS, []Connection{{ID: "c", Connection: "s:/p", User: "kvm", Password: "secret"}})
			},
		},
		{
			"StoragePool.disconnectStorageServer", `{"storagepoolID": "p", "domainType": 2, "connectionParams": []}`, `[]`,
			[]ConnectionStatus{},
			func(c *Client) (any, error) { return c.DisconnectStorageServer(t.Context(), "p", TypeFC, nil) },
		},
	} {
		t.Run(verb.method, func(t *testing.T) {
			c, asked := answered(t, verb.result)
			got, err := verb.call(c)
			require.NoError(t, err)
			require.Equal(t, verb.want, got)
			request := <-asked
			require.Equal(t, verb.method, request.Method)
			params, err := json.Marshal(request.Params)
			require.NoError(t, err)
			require.JSONEq(t, verb.params, string(params))
		})
	}
}

func TestShapesThatVerbsCannotUse(t *testing.T) {
	for _, result := range []string{`[]`, `null`, `{}`, `[{"status": []}]`, `"text"`} {
		c, _ := answered(t, result)
		_, err := c.VMGetStats(t.Context(), "id")
		require.Equal(t, KindProtocol, KindOf(err), "%s: %v", result, err)
	}
	c, _ := answered(t, `{}`)
	_, err := c.ImagePrepare(t.Context(), VolumeID{})
	require.Equal(t, KindProtocol, KindOf(err))
	c, _ = answered(t, `{"sd": {"valid": "maybe"}}`)
	_, err = c.RepoStats(t.Context())
	require.Equal(t, KindProtocol, KindOf(err))
}

func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	c := Connection{ID: "c", Password: "secret"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q", c, c, c.Password, c.Password)} {
		require.NotContains(t, text, "secret")
	}
}

func TestTextTakesWhateverVDSMSends(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Text{`"12"`: "12", `12`: "12", `1.5`: "1.5", `true`: "true", `null`: "", `"None"`: "None"} {
		var got Text
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		require.Equal(t, want, got, text)
	}
	for text, want := range map[Text]int64{"12": 12, "12.9": 12, "10000000000": 10_000_000_000, " 7 ": 7} {
		got, ok := text.Int()
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, text := range []Text{"", "None", "nan", "inf", "1e300"} {
		_, ok := text.Int()
		require.False(t, ok, "%q", text)
	}
	for _, text := range []Text{"nan", "inf", "1e999", ""} {
		_, ok := text.Float()
		require.False(t, ok, "%q", text)
	}
	yes, ok := Text("True").Bool()
	require.True(t, yes && ok)
	_, ok = Text("maybe").Bool()
	require.False(t, ok)
}

func FuzzReplies(f *testing.F) {
	f.Add([]byte(`{"jsonrpc": "2.0", "id": "a", "result": [{"status": "Up", "statusTime": "4295000000"}]}`))
	f.Add([]byte(`{"id": "a", "error": {"code": 1, "message": "no such VM"}}`))
	f.Add([]byte(`{"method": "|virt|VM_status|x", "params": {"x": {"status": "Down"}, "notify_time": 1e10}}`))
	f.Add([]byte(`{"id": null, "result": {"sd": {"valid": true, "delay": 0.1}}}`))
	f.Add([]byte(`{"id": 5, "error": null, "result": null}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		m, err := parseMessage(body)
		if err != nil {
			return
		}
		for _, target := range []any{
			new([]VMStats), new(HostStats), new(map[string]DomainMonitor), new(DomainInfo), new(VolumeInfo), new([]ConnectionStatus),
		} {
			if json.Unmarshal(m.Result, target) == nil {
				_ = fmt.Sprintf("%+v", target)
			}
		}
		if m.Error != nil {
			_ = m.Error.Error()
		}
	})
}
