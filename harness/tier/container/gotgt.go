package container

import (
	"encoding/json"
	"fmt"
)

// gotgtConf is the configuration of gotgt: the form of its last versions, and beside it "targets", which older ones read.
// It listens on the address of the lab's own network.
func gotgtConf(address string, c *Cluster) []byte {
	type storage struct {
		DeviceID int    `json:"deviceID"`
		Path     string `json:"path"`
		Online   bool   `json:"online"`
	}
	luns := map[string]int{}
	var storages []storage
	for _, h := range c.Hosts {
		for i, name := range c.volumeNames() {
			lun := h.lun(i)
			storages = append(storages, storage{DeviceID: 1000 + lun, Path: fmt.Sprintf("file:%s/%s.img", exportOf(h.Name), name), Online: true})
			luns[fmt.Sprint(lun)] = 1000 + lun
		}
	}
	portal := fmt.Sprintf("%s:%d", address, iscsiPort)
	b, err := json.MarshalIndent(map[string]any{
		"storages":     storages,
		"iscsiportals": []any{map[string]any{"id": 0, "portal": portal}},
		"iscsitargets": map[string]any{targetName: map[string]any{"tpgts": map[string]any{"1": []int{0}}, "luns": luns}},
		"targets":      map[string]any{targetName: map[string]any{"portals": []string{portal}, "luns": luns}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return b
}
