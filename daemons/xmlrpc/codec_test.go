package xmlrpc

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// callOf wraps the inside of <params>.
func callOf(params string) []byte {
	return []byte("<?xml version='1.0'?>\n<methodCall>\n<methodName>m</methodName>\n<params>\n" + params + "\n</params>\n</methodCall>\n")
}

func argOf(value string) []byte { return callOf("<param>\n<value>" + value + "</value></param>") }

// sampleCalls are requests as Python 3.11's client really sends them.
var sampleCalls = []string{
	"<?xml version='1.0'?>\n<methodCall>\n<methodName>lock_host_id</methodName>\n<params>\n<param>\n<value><int>1</int></value></param>\n</params>\n</methodCall>\n",
	string(callOf(`<param><value><string>network</string></value></param>
<param><value><struct>
<member><name>addr</name><value><string>192.168.122.1</string></value></member>
<member><name>network_test</name><value><nil/></value></member>
<member><name>tcp_t_address</name><value><nil/></value></member>
<member><name>tcp_t_port</name><value><nil/></value></member>
</struct></value></param>`)),
	string(callOf("<param><value><int>1</int></value></param><param><value><base64>\nMXwxfAAAAAAAAAAA\n</base64></value></param>")),
	string(argOf("<i8>1099511627776</i8>")),
}

// sampleResponses are replies as upstream's broker really sends them, but for the line breaks.
var sampleResponses = []string{
	"<?xml version='1.0'?><methodResponse><params><param><value><string>ok</string></value></param></params></methodResponse>",
	"<?xml version='1.0'?><methodResponse><params><param><value><nil/></value></param></params></methodResponse>",
	"<?xml version='1.0'?><methodResponse><params><param><value><array><data></data></array></value></param></params></methodResponse>",
	"<?xml version='1.0'?><methodResponse><params><param><value><struct></struct></value></param></params></methodResponse>",
	`<?xml version='1.0'?><methodResponse><fault><value><struct>
<member><name>faultCode</name><value><int>1</int></value></member>
<member><name>faultString</name><value><string>&lt;class 'Exception'&gt;:method "nosuch" is not supported</string></value></member>
</struct></value></fault></methodResponse>`,
}

func TestCallsAsPythonSendsThem(t *testing.T) {
	want := []struct {
		method string
		args   []any
	}{
		{"lock_host_id", []any{int64(1)}},
		{"m", []any{"network", Struct{{"addr", "192.168.122.1"}, {"network_test", nil}, {"tcp_t_address", nil}, {"tcp_t_port", nil}}}},
		{"m", []any{int64(1), []byte("1|1|\x00\x00\x00\x00\x00\x00\x00\x00")}},
		{"m", []any{int64(1) << 40}},
	}
	for i, body := range sampleCalls {
		method, args, err := UnmarshalCall([]byte(body), 0)
		require.NoError(t, err, body)
		require.Equal(t, want[i].method, method)
		require.Equal(t, want[i].args, args)
	}
}

func TestResponsesAsUpstreamSendsThem(t *testing.T) {
	for i, want := range []any{"ok", nil, []any{}, Struct{}} {
		got, err := UnmarshalResponse([]byte(sampleResponses[i]), 0)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := UnmarshalResponse([]byte(sampleResponses[4]), 0)
	require.Equal(t, NotSupported("nosuch"), err)
}

func TestDecodeTypes(t *testing.T) {
	for _, tc := range []struct {
		value string
		want  any
	}{
		{"<i1>-5</i1>", int64(-5)},
		{"<i2>5</i2>", int64(5)},
		{"<i4> 7\n</i4>", int64(7)},
		{"<int>+7</int>", int64(7)},
		{"<i8>-9223372036854775808</i8>", int64(math.MinInt64)},
		{"<biginteger>12</biginteger>", int64(12)},
		{"<nil/>", nil},
		{"<nil></nil>", nil},
		{"<ex:nil/>", nil},
		{`<ex:nil xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"/>`, nil},
		{"<boolean>0</boolean>", false},
		{"<boolean>1</boolean>", true},
		{"<double>-1.5e3</double>", -1500.0},
		{"<float>0.8</float>", 0.8},
		{"", ""},
		{" untyped ", " untyped "},
		{"a &lt;b&gt; &amp;&#32;&#x1F600;", "a <b> & 😀"},
		{"<![CDATA[<raw>]]> and more", "<raw> and more"},
		{"a<!-- comment -->b", "ab"},
		{"<string/>", ""},
		{"\n<string> kept </string>\n", " kept "},
		{"<base64/>", []byte{}},
		{"<base64>\n  AAEC\r\n\tAw==\n</base64>", []byte{0, 1, 2, 3}},
		{"<array><data/></array>", []any{}},
		{"\n<array>\n<data>\n<value>x</value>\n<value><int>1</int></value>\n</data>\n</array>\n", []any{"x", int64(1)}},
		{"<struct/>", Struct{}},
		{"<struct><member><name>a b</name><value/></member></struct>", Struct{{"a b", ""}}},
	} {
		_, args, err := UnmarshalCall(argOf(tc.value), 0)
		require.NoError(t, err, tc.value)
		require.Equal(t, []any{tc.want}, args, tc.value)
	}
}

func TestMalformedCallsAreSyntaxErrors(t *testing.T) {
	deep := strings.Repeat("<array><data><value>", 33) + strings.Repeat("</value></data></array>", 33)
	for _, body := range []string{
		"", " ", "x", "<", "<methodCall>", "<methodCall/>", "<methodCall></methodCall>", "<methodResponse/>",
		"<methodCall><methodName>m</methodName>", "<methodCall><methodName></methodName></methodCall>",
		"<methodCall><methodName>m</wrong></methodCall>", "<methodCall><methodName>m</methodName><other/></methodCall>",
		"<methodCall><methodName>m<b/></methodName></methodCall>", "<methodCall><methodName>m</methodName></methodCall><more/>",
		"<methodCall><methodName>m</methodName></methodCall>junk", "</methodCall>",
		"<methodCall><methodName>m</methodName><params><value/></params></methodCall>",
		"<methodCall><methodName>m</methodName><params><param/></params></methodCall>",
		"<methodCall><methodName>\xff</methodName></methodCall>",
		`<?xml version="1.0" encoding="latin1"?><methodCall><methodName>m</methodName></methodCall>`,
		`<!DOCTYPE x [<!ENTITY e "expand">]><methodCall><methodName>&e;</methodName></methodCall>`,
		string(argOf("<int>x</int>")), string(argOf("<int></int>")), string(argOf("<int>99999999999999999999</int>")),
		string(argOf("<int>1</int><int>2</int>")), string(argOf("<int>1</i4>")), string(argOf("text<int>1</int>")),
		string(argOf("<int>1</int>text")), string(argOf("<int><b/></int>")), string(argOf("<boolean>2</boolean>")),
		string(argOf("<boolean>true</boolean>")), string(argOf("<double>x</double>")), string(argOf("<nil>x</nil>")),
		string(argOf("<base64>*</base64>")), string(argOf("<base64>AAA</base64>")), string(argOf("<unknown/>")),
		string(argOf("<array/>")), string(argOf("<array><data><x/></data></array>")), string(argOf("<array>x</array>")),
		string(argOf("<struct><x/></struct>")), string(argOf("<struct><member/></struct>")),
		string(argOf("<struct><member><name>a</name></member></struct>")), string(argOf("<string>\x00</string>")),
		string(argOf(deep)),
	} {
		_, _, err := UnmarshalCall([]byte(body), 0)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", body)
	}
	_, _, err := UnmarshalCall(argOf(deep), 33)
	require.NoError(t, err, "one level more is allowed")
}

func TestMalformedResponsesAreSyntaxErrors(t *testing.T) {
	for _, body := range []string{
		"", "<html></html>", "<methodResponse/>", "<methodResponse><params/></methodResponse>",
		"<methodResponse><params><param><value/></param><param><value/></param></params></methodResponse>",
		"<methodResponse><fault><value/></fault></methodResponse>", "<methodResponse><fault/></methodResponse>",
		"<methodResponse><fault><value><struct/></value></fault></methodResponse>",
		"<methodResponse><params><param><value/></param></params><fault/></methodResponse>",
	} {
		_, err := UnmarshalResponse([]byte(body), 0)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", body)
	}
}

// TestErrorsDoNotRepeatArguments_S39 keeps secrets of arguments out of logs.
func TestErrorsDoNotRepeatArguments_S39(t *testing.T) {
	for _, body := range []string{"<int>hunter2</int>", "<double>hunter2</double>", "<base64>hunter2</base64>", "<boolean>hunter2</boolean>"} {
		_, _, err := UnmarshalCall(argOf(body), 0)
		require.ErrorContains(t, err, "near byte")
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := MarshalCall("m", Struct{{"password", "hunter2\x00"}})
	require.ErrorContains(t, err, "args[0].password")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestEncodeNumbersAsPythonDoes(t *testing.T) {
	for _, tc := range []struct {
		value any
		want  string
	}{
		{1<<31 - 1, "<int>2147483647</int>"},
		{1 << 31, "<i8>2147483648</i8>"},
		{-1<<31 + 1, "<int>-2147483647</int>"},
		{-1 << 31, "<i8>-2147483648</i8>"},
		{uint8(7), "<int>7</int>"},
		{uint64(7), "<int>7</int>"},
		{1.0, "<double>1.0</double>"},
		{1e21, "<double>1e+21</double>"},
		{math.Inf(1), "<double>inf</double>"},
		{math.Inf(-1), "<double>-inf</double>"},
		{math.NaN(), "<double>nan</double>"},
		{float32(0.5), "<double>0.5</double>"},
		{true, "<boolean>1</boolean>"},
	} {
		body, err := MarshalResponse(tc.value)
		require.NoError(t, err)
		require.Contains(t, string(body), "<value>"+tc.want+"</value>")
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	loop := []any{nil}
	loop[0] = loop
	for _, v := range []any{
		"\x00", "\x1b", "\xff", "\uffff", uint64(math.MaxUint64), make(chan int),
		struct{}{},
		&struct{}{},
		loop,
		Struct{{"\x00", 1}},
		[]any{"\x01"},
		map[string]any{"k": func() {}},
	} {
		_, err := MarshalResponse(v)
		var value *ValueError
		require.ErrorAs(t, err, &value, "%T", v)
	}
	_, err := MarshalCall("\x00")
	require.Error(t, err)
}

// TestFaultAlwaysHasABody: a fault's text may come from anywhere.
func TestFaultAlwaysHasABody(t *testing.T) {
	_, err := UnmarshalResponse(MarshalFault(&Fault{-3, "bad \x00\xff <text>"}), 0)
	require.Equal(t, &Fault{-3, "bad \ufffd\ufffd <text>"}, err)
}

func TestLastMemberOfANameCounts(t *testing.T) {
	got, ok := Struct{{"a", 1}, {"a", 2}}.Get("a")
	require.True(t, ok)
	require.Equal(t, 2, got)
	_, ok = Struct{}.Get("a")
	require.False(t, ok)
}

// xmlText draws text that XML can carry.
var xmlText = rapid.StringOf(rapid.Rune().Filter(inXML))

// drawValue draws a value in the form that decoding yields.
func drawValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "double")
	case 4:
		return xmlText.Draw(t, "string")
	case 5:
		return rapid.SliceOf(rapid.Byte()).Draw(t, "base64")
	case 6:
		items := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawValue(t, depth-1))
		}
		return items
	}
	s := Struct{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		s = append(s, Member{xmlText.Draw(t, "name"), drawValue(t, depth-1)})
	}
	return s
}

func TestWhatIsEncodedDecodesToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := drawValue(t, 4)
		body, err := MarshalCall("m", value)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		_, args, err := UnmarshalCall(body, 0)
		if err != nil {
			t.Fatalf("decode: %v\n%s", err, body)
		}
		if !reflect.DeepEqual([]any{value}, args) {
			t.Fatalf("got %#v, want %#v", args, value)
		}
		body, err = MarshalResponse(value)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		result, err := UnmarshalResponse(body, 0)
		if err != nil || !reflect.DeepEqual(value, result) {
			t.Fatalf("got %#v, %v, want %#v", result, err, value)
		}
	})
}

func TestArgumentReaders(t *testing.T) {
	ints, err := Ints([]any{int64(1), int64(2)}, "ids")
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, ints)
	_, err = Ints([]any{int64(1), "2"}, "ids")
	require.EqualError(t, err, "ids[1]: expected an int, got string")
	data, err := Data("text", "data")
	require.NoError(t, err)
	require.Equal(t, []byte("text"), data)
	_, err = Int(true, "id")
	require.EqualError(t, err, "id: expected an int, got boolean")
	f, err := Float(int64(2), "f")
	require.NoError(t, err)
	require.InDelta(t, 2.0, f, 0)
	for _, err := range []error{
		second(Text(nil, "x")), second(Data(nil, "x")), second(Array("", "x")), second(Members(nil, "x")),
		second(Float("", "x")), second(Bool(int64(1), "x")), Count([]any{1}, 2),
	} {
		var argument *ArgumentError
		require.True(t, errors.As(err, &argument), "%v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// The error of a request goes to the log: it must not carry what a client chose to send, 1 MiB of it.
func TestErrorsDoNotRepeatLongNames(t *testing.T) {
	long := strings.Repeat("n", 100_000)
	for _, body := range []string{
		"<" + long + "/>",
		"<methodCall></" + long + ">",
		"<methodCall><methodName>x</methodName><" + long + "/></methodCall>",
		"<methodCall><methodName>x</methodName><params><param><value><" + long + ">1</" + long + "></value></param></params></methodCall>",
		"<methodCall><methodName>x</methodName><params><param><value><" + long + ">1",
		"<methodCall><methodName>x</methodName><params><param><value><int>1</" + long + "></value></param></params></methodCall>",
	} {
		_, _, err := UnmarshalCall([]byte(body), 0)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 400, "%.60q gives %.200q...", body, err.Error())
	}
}
