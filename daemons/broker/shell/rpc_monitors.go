package shell

import (
	"context"
	"errors"

	"github.com/holdfast-ha/holdfast/daemons/monitor"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// startMonitor: type, options -> id; nil if the type is not known or the options are wrong.
func (s *shell) startMonitor(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 2); err != nil {
		return nil, err
	}
	typ, err := xmlrpc.Text(args[0], "type")
	if err != nil {
		return nil, err
	}
	members, err := xmlrpc.Members(args[1], "options")
	if err != nil {
		return nil, err
	}
	options := monitor.Options{}
	for _, m := range members {
		options[m.Name] = m.Value
	}
	return s.monitors.Start(typ, options)
}

// stopMonitor: id -> "ok"; nil if it does not run.
func (s *shell) stopMonitor(_ context.Context, args []any) (any, error) {
	id, err := oneText(args, "id")
	if err != nil {
		return nil, err
	}
	if !s.monitors.Stop(id) {
		return nil, nil
	}
	return accepted, nil
}

// statusMonitor: id -> text; nil if it does not run, which is how agents notice that the broker was restarted.
func (s *shell) statusMonitor(_ context.Context, args []any) (any, error) {
	id, err := oneText(args, "id")
	if err != nil {
		return nil, err
	}
	text, running := s.monitors.Status(id)
	if !running {
		return nil, nil
	}
	return text, nil
}

// notify: event, detail, options -> "sent" if it was queued, "ignored" if no rule asks for it.
func (s *shell) notify(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 3); err != nil {
		return nil, err
	}
	event, eventErr := xmlrpc.Text(args[0], "event_type")
	detail, detailErr := xmlrpc.Text(args[1], "detail")
	options, optionsErr := xmlrpc.Members(args[2], "options")
	if err := errors.Join(eventErr, detailErr, optionsErr); err != nil {
		return nil, err
	}
	fields := make(map[string]string, len(options))
	for _, m := range options {
		if text, ok := m.Value.(string); ok {
			fields[m.Name] = text
		}
	}
	if !s.courier.Offer(event, detail, fields) {
		return "ignored", nil
	}
	return "sent", nil
}
