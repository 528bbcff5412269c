package xmlrpc

import (
	"sync"
	"time"
)

// How many errors of one method are reported in which time.
const (
	quotaErrors = 5
	quotaTime   = 10 * time.Second
)

// quotas bounds what is reported for each method. There are no more entries
// than registered methods, and one for "".
type quotas struct {
	mu     sync.Mutex
	method map[string]*quota
}

type quota struct {
	began  time.Time
	used   int
	missed int
}

// take says whether an error of a method may be reported now, and if so how many before it were not.
func (q *quotas) take(method string, now time.Time) (hear bool, missed int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.method == nil {
		q.method = map[string]*quota{}
	}
	m, ok := q.method[method]
	if !ok {
		m = &quota{began: now}
		q.method[method] = m
	}
	if now.Sub(m.began) >= quotaTime {
		m.began, m.used = now, 0
	}
	if m.used >= quotaErrors {
		m.missed++
		return false, 0
	}
	m.used++
	missed, m.missed = m.missed, 0
	return true, missed
}
