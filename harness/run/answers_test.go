package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

func TestAnswersAreCompared(t *testing.T) {
	put := xmlrpc.Struct{{Name: "accepted", Value: true}, {Name: "durable", Value: false}, {Name: "waited", Value: 0.5}, {Name: "detail", Value: "a, b"}}
	fault := &xmlrpc.Fault{Code: 1, String: "no such method"}
	for _, c := range []struct {
		want   string
		answer any
		fault  *xmlrpc.Fault
		holds  bool
	}{
		{"ok", "ok", nil, true},
		{"ok", true, nil, true},
		{"ok", nil, nil, false},
		{"ok", "okay", nil, false},
		{"ok", int64(1), nil, false},
		{"nil", nil, nil, true},
		{"nil", "", nil, false},
		{"any", nil, nil, true},
		{"any", nil, fault, true},
		{"fault", nil, fault, true},
		{"fault", nil, nil, false},
		{"nil", nil, fault, false},
		{"2", int64(2), nil, true},
		{"2", "2", nil, true},
		{"2", 2.0, nil, true},
		{"2.5", 2.5, nil, true},
		{"2.5", int64(2), nil, false},
		{"false", false, nil, true},
		{"base64:AAE", []byte{0, 1}, nil, true},
		{`"base64:AAE="`, []byte{0, 1}, nil, true},
		{"base64:AAE", []byte{0, 2}, nil, false},
		{"AAE", []byte{0, 1}, nil, false},
		{"~b", "abc", nil, true},
		{"~x", "abc", nil, false},
		{`~"\"durable\":false"`, put, nil, true},
		{"{accepted=true,durable=false}", put, nil, true},
		{`{detail="a, b",waited=0.5}`, put, nil, true},
		{"{accepted=false}", put, nil, false},
		{"{missing=1}", put, nil, false},
		{"{accepted=true}", "text", nil, false},
	} {
		statement, err := scenario.ParseStatement("call host2 x answers " + c.want + " within=1s")
		require.NoError(t, err, c.want)
		require.Equal(t, c.holds, answerIs(statement.(*scenario.Call).Answers, c.answer, c.fault), "answers %s, got %s", c.want, shown(c.answer, c.fault))
	}
}

func TestArgumentsCanBeSent(t *testing.T) {
	statement, err := scenario.ParseStatement(`call host2 x 1 2.5 true text base64:AAE [1,a] {b=base64:AA} answers any within=1s`)
	require.NoError(t, err)
	body, err := xmlrpc.MarshalCall("x", statement.(*scenario.Call).Args...)
	require.NoError(t, err)
	_, args, err := xmlrpc.UnmarshalCall(body, 0)
	require.NoError(t, err)
	require.Equal(t, []any{int64(1), 2.5, true, "text", []byte{0, 1}, []any{int64(1), "a"}, xmlrpc.Struct{{Name: "b", Value: []byte{0}}}}, args)
}
