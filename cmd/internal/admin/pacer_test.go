package admin

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPacer: large answers take their time, all together; small ones do not wait for them.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		begun := time.Now()
		large := bytes.Repeat([]byte("0123456789abcdef"), paceBytes/4/16) // a quarter of a second's
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				var got bytes.Buffer
				p.write(&got, large)
				if !bytes.Equal(got.Bytes(), large) {
					t.Errorf("%d of %d bytes, or others, were written", got.Len(), len(large))
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		asked := time.Now()
		var got bytes.Buffer
		p.write(&got, large[:paceChunk])
		if waited := time.Since(asked); waited != 0 || got.Len() != paceChunk {
			t.Errorf("a small answer of %d bytes waited for %v", got.Len(), waited)
		}
		all.Wait()
		if took := time.Since(begun); took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("a second's bytes took %v", took)
		}
		// A caller who has gone is not written to any more.
		begun = time.Now()
		p.write(broken{}, large)
		if took := time.Since(begun); took > 50*time.Millisecond {
			t.Errorf("writing to somebody who had gone took %v", took)
		}
	})
}

// broken is a caller who has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }
