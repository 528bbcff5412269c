package container

import (
	"encoding/json"
	"fmt"
)

// gotgtConf is the configuration of gotgt: the form of its last versions, and beside it "targets", which older ones read.
// It listens on the address of the lab's own network.
func gotgtConf(address string) []byte {
	type storage struct {
		DeviceID int    `json:"deviceID"`
		Path     string `json:"path"`
		Online   bool   `json:"online"`
	}
	luns := map[string]int{}
	var storages []storage
	for i, name := range volumeNames() {
		storages = append(storages, storage{DeviceID: 1000 + i, Path: fmt.Sprintf("file:%s/%s.img", exportPath, name), Online: true})
		luns[fmt.Sprint(i+1)] = 1000 + i
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
