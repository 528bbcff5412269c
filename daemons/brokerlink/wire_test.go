package brokerlink

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

var (
	words = rapid.StringMatching(`[ -~äß日]{0,20}`)
	ages  = rapid.Float64Range(-1, 1e9)
	whole = rapid.IntRange(-1, 1<<40)
	bools = rapid.Bool()
	bytes = rapid.SliceOfN(rapid.Byte(), 0, 600)
)

// draw fills each field of a wire type, so that a new field cannot be forgotten in the codec.
func draw[T any](t *rapid.T) T {
	var value T
	fill(t, reflect.ValueOf(&value).Elem(), "value")
	return value
}

func fill(t *rapid.T, v reflect.Value, name string) {
	switch v.Interface().(type) {
	case []byte:
		v.SetBytes(bytes.Draw(t, name))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 4).Draw(t, name+" length")
		if n == 0 {
			return // stays nil, as decoding leaves it
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), name)
		}
	case reflect.String:
		v.SetString(words.Draw(t, name))
	case reflect.Float64:
		v.SetFloat(ages.Draw(t, name))
	case reflect.Int:
		v.SetInt(int64(whole.Draw(t, name)))
	case reflect.Bool:
		v.SetBool(bools.Draw(t, name))
	default:
		t.Fatalf("field %s: the test does not know kind %s", name, v.Kind())
	}
}

// checkRoundTrip sends a value through XML and back.
func checkRoundTrip[T any](t *testing.T, encode func(T) xmlrpc.Struct, decode func(any) (T, error)) {
	rapid.Check(t, func(t *rapid.T) {
		want := draw[T](t)
		body, err := xmlrpc.MarshalResponse(encode(want))
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		answer, err := xmlrpc.UnmarshalResponse(body, 0)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		got, err := decode(answer)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v\nwant %#v", got, want)
		}
	})
}

func TestViewRoundTrip(t *testing.T)   { checkRoundTrip(t, View.Value, DecodeView) }
func TestLanesRoundTrip(t *testing.T)  { checkRoundTrip(t, Lanes.Value, DecodeLanes) }
func TestHealthRoundTrip(t *testing.T) { checkRoundTrip(t, Health.Value, DecodeHealth) }
func TestStatusRoundTrip(t *testing.T) { checkRoundTrip(t, Status.Value, DecodeStatus) }
func TestPutRoundTrip(t *testing.T)    { checkRoundTrip(t, PutAnswer.Value, DecodePutAnswer) }
func TestFileRoundTrip(t *testing.T)   { checkRoundTrip(t, SharedFile.Value, DecodeSharedFile) }

// sample returns the decoded answer of a full view, to be damaged by a test.
func sample(t *testing.T) xmlrpc.Struct {
	t.Helper()
	body, err := xmlrpc.MarshalResponse(View{Segments: make([]SegmentView, 2)}.Value())
	require.NoError(t, err)
	answer, err := xmlrpc.UnmarshalResponse(body, 0)
	require.NoError(t, err)
	return answer.(xmlrpc.Struct)
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	without := sample(t)[1:]
	_, err := DecodeView(without)
	require.EqualError(t, err, "view.now: expected a value, got no such member")

	wrong := sample(t)
	segments := wrong[2].Value.([]any)
	segments[1].(xmlrpc.Struct)[0].Value = "3"
	_, err = DecodeView(wrong)
	require.EqualError(t, err, "view.segments[1].host_id: expected an int, got string")

	for _, v := range []any{nil, "ok", []any{}, xmlrpc.Struct{}} {
		_, err := DecodeLanes(v)
		require.Error(t, err)
		_, err = DecodeHealth(v)
		require.Error(t, err)
		_, err = DecodeStatus(v)
		require.Error(t, err)
	}
}

// TestDecodeTakesMoreThanItKnows: a newer broker may say more.
func TestDecodeTakesMoreThanItKnows(t *testing.T) {
	newer := append(sample(t), xmlrpc.Member{Name: "new", Value: "member"})
	_, err := DecodeView(newer)
	require.NoError(t, err)
}

// Every field has a name, for RPC and JSON alike.
func TestEveryFieldHasAName(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		seen := map[string]bool{}
		for i := range typ.NumField() {
			tag := typ.Field(i).Tag.Get("json")
			require.Regexp(t, name, tag, "%s.%s", typ, typ.Field(i).Name)
			require.False(t, seen[tag], "%s has two members %s", typ, tag)
			seen[tag] = true
			walk(typ.Field(i).Type)
		}
	}
	for _, wire := range []any{View{}, Lanes{}, Health{}, Status{}, PutAnswer{}, SharedFile{}} {
		walk(reflect.TypeOf(wire))
	}
}
