package shell

import (
	"context"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// getSharedFile: name -> a file of the shared configuration archive, from memory.
func (s *shell) getSharedFile(_ context.Context, args []any) (any, error) {
	name, err := oneText(args, "name")
	if err != nil {
		return nil, err
	}
	data, age, err := s.room.SharedFile(name)
	file := brokerlink.SharedFile{Data: data, Age: -1, Valid: err == nil}
	if data != nil {
		file.Age = max(age.Seconds(), 0)
	}
	if err != nil {
		file.Detail = err.Error()
	}
	return file.Value(), nil
}

// putSharedFile: name, data[, seconds] -> "ok" only if it is on storage and was read back.
func (s *shell) putSharedFile(ctx context.Context, args []any) (any, error) {
	wait, err := waits(args, 2, s.Config.Timing.PutWait)
	if err != nil {
		return nil, err
	}
	name, err := xmlrpc.Text(args[0], "name")
	if err != nil {
		return nil, err
	}
	data, err := xmlrpc.Data(args[1], "data")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := s.room.PutSharedFile(ctx, name, data); err != nil {
		return nil, err
	}
	return accepted, nil
}
