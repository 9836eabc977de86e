package metrics

import (
	"sync"
	"sync/atomic"
)

// tally counts by key. The library's vectors do too, but hold a lock while they are scraped, for which a loop that counts by a new key
// would wait. The zero value is ready for use, from any goroutine.
type tally[K comparable] struct {
	counts sync.Map // K → *atomic.Uint64
}

// of is the count of a key, which begins with zero.
func (t *tally[K]) of(key K) *atomic.Uint64 {
	n, found := t.counts.Load(key)
	if !found {
		n, _ = t.counts.LoadOrStore(key, new(atomic.Uint64))
	}
	return n.(*atomic.Uint64)
}

// each calls a function with every key and its count.
func (t *tally[K]) each(f func(key K, count uint64)) {
	t.counts.Range(func(key, n any) bool {
		f(key.(K), n.(*atomic.Uint64).Load())
		return true
	})
}
