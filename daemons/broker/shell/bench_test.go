package shell_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard/segmentfile"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// written is storage that tells when a write has reached it.
type written struct {
	*storage
	done chan time.Time
}

func (w written) Write(segment int, data *whiteboard.Segment) error {
	err := w.storage.Write(segment, data)
	w.done <- time.Now()
	return err
}

// BenchmarkPutStatsToDurable is the way of one record: from the call of put_stats, through RPC, core and lane, until
// the O_DIRECT write has returned. raw-us/op is that write alone, on the same file in the same run; added-us is the
// difference of the medians.
func BenchmarkPutStatsToDurable(b *testing.B) {
	done := make(chan time.Time, 1)
	r := start(b, func(o *shell.Options) {
		o.Config.Timing.StorageDelay = time.Hour // no passes in between
		o.Storage = written{o.Storage.(*storage), done}
	})
	put := maintenanceOn()
	segment := segmentOf(put)
	volume := segmentfile.Volume{Path: r.storage.Path, AllowBuffered: true}
	var through, raw []time.Duration
	for b.Loop() {
		began := time.Now()
		r.put(0, put)
		through = append(through, (<-done).Sub(began))

		began = time.Now()
		require.NoError(b, volume.Write(1, segment))
		raw = append(raw, time.Since(began))
	}
	us := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Nanoseconds()) / 1e3
	}
	b.ReportMetric(us(through), "p50-us/op")
	b.ReportMetric(us(raw), "raw-us/op")
	b.ReportMetric(us(through)-us(raw), "added-us")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGetStats is one caller, then several, for clusters of several sizes.
func BenchmarkGetStats(b *testing.B) {
	for _, hosts := range []int{3, 64, 250} {
		r := startWith(b, hosts)
		b.Run(fmt.Sprintf("hosts=%d", hosts), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := r.link.GetStats(b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkLargeAnswers are answers of 2,000 hosts as they leave the server, to a client that only reads them: plain, and packed
// as Python's client asks for them. first-ms is the first answer after all segments have changed.
func BenchmarkLargeAnswers(b *testing.B) {
	const hosts = 2000
	r := startWith(b, hosts)
	for _, method := range []string{"get_stats", "get_view"} {
		for _, encoding := range []string{"identity", "gzip"} {
			b.Run(method+"/"+encoding, func(b *testing.B) {
				body, err := xmlrpc.MarshalCall(method)
				require.NoError(b, err)
				var all []time.Duration
				var size int64
				for b.Loop() {
					began := time.Now()
					size = r.exchange(b, body, encoding)
					all = append(all, time.Since(began))
				}
				slices.Sort(all)
				ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
				b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
				b.ReportMetric(ms(all[len(all)*99/100]), "p99-ms")
				b.ReportMetric(float64(size), "bytes")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
	b.Run("first", func(b *testing.B) {
		body, err := xmlrpc.MarshalCall("get_stats")
		require.NoError(b, err)
		var all []time.Duration
		stamp := int64(1)
		for b.Loop() {
			stamp++
			volume := r.storage.Volume
			for id := 1; id <= hosts; id++ {
				require.NoError(b, volume.Write(id, segmentOf(record(b, id, stamp))))
			}
			newest := record(b, hosts, stamp)
			r.eventually("read", func() bool { return bytes.Equal(r.segment(hosts).Data, newest) })
			began := time.Now()
			r.exchange(b, body, "gzip")
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1e3, "first-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// exchange posts a request and reads the answer away; it returns its length as it was sent.
func (r *rig) exchange(t testing.TB, body []byte, encoding string) int64 {
	t.Helper()
	conn, err := net.Dial("unix", r.cfg.BrokerSocket)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /RPC2 HTTP/1.0\r\nAccept-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", encoding, len(body), body)
	require.NoError(t, err)
	size, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	return size
}

// startWith returns a broker that has read so many hosts.
func startWith(b *testing.B, hosts int) *rig {
	b.Helper()
	r := start(b, func(o *shell.Options) {
		s := o.Storage.(*storage)
		for id := 1; id <= hosts; id++ {
			require.NoError(b, s.Volume.Write(id, segmentOf(record(b, id, 1))))
		}
	})
	r.eventually("all hosts are read", func() bool { return len(r.view().Segments) == hosts })
	return r
}

// BenchmarkPass is what one pass of the reader costs storage: upstream reads 8,196,096 bytes each time (S38).
func BenchmarkPass(b *testing.B) {
	for _, hosts := range []int{3, 64, 250} {
		for _, full := range []bool{false, true} {
			b.Run(fmt.Sprintf("hosts=%d/full=%t", hosts, full), func(b *testing.B) {
				s := newStorage(newVolume(b))
				for id := 1; id <= hosts; id++ {
					require.NoError(b, s.Volume.Write(id, segmentOf(record(b, id, 1))))
				}
				_, err := s.Pass(true)
				require.NoError(b, err)
				var bytes int64
				for b.Loop() {
					pass, err := s.Pass(full)
					if err != nil {
						b.Fatal(err)
					}
					bytes = pass.Bytes
				}
				b.ReportMetric(float64(bytes), "bytes/pass")
			})
		}
	}
}
