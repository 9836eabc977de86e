package wire

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

// truthSeed is what a random test decides by. It prints its seed, and takes it back in TRUTH_SEED.
func truthSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TRUTH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TRUTH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestTruthAtRandom does at random what two ends may do, and asks both after every step.
func TestTruthAtRandom(t *testing.T) {
	random := truthSeed(t)
	for range 400 {
		meeting(t, random)
	}
}

func meeting(t *testing.T, random *rand.Rand) {
	us, peer := observedPair(t, [...]string{"127.0.0.1:0", "[::1]:0"}[random.IntN(2)], random.IntN(2) == 0)
	ends := []*observed{us, peer}
	defer func() {
		for _, o := range ends {
			o.close()
		}
	}()
	if random.IntN(2) == 0 {
		cramp(us.fd, peer.fd)
	}
	if random.IntN(2) == 0 {
		cramp(peer.fd, us.fd)
	}
	for range 5 + random.IntN(40) {
		o := ends[random.IntN(len(ends))]
		switch random.IntN(12) {
		case 0, 1, 2:
			o.write(1 + random.IntN(3000))
		case 3:
			o.write(1 + random.IntN(len(junk)))
		case 4:
			o.urgent()
		case 5, 6, 7:
			o.read(1 + random.IntN(3000))
		case 8, 9:
			o.read(1 + random.IntN(len(scratch)))
		case 10:
			if random.IntN(2) == 0 {
				o.end()
			}
		case 11:
			if len(ends) == 2 && random.IntN(6) == 0 {
				at := random.IntN(2)
				gone := ends[at]
				ends = []*observed{ends[1-at]}
				if random.IntN(2) == 0 {
					ResetDescriptor(gone.fd)
				} else {
					gone.close()
				}
			}
		}
		for _, o := range ends {
			o.check()
		}
	}
}

// TestTruthAtFullSpeed asks between reads and writes while the peer sends, reads and acknowledges as fast as it can, in both directions,
// and ends or resets at last.
func TestTruthAtFullSpeed(t *testing.T) {
	random := truthSeed(t)
	for round := range 6 {
		us, peer := observedPair(t, "127.0.0.1:0", round%2 == 0)
		chunk := 1 + random.IntN(1<<10)<<(random.IntN(8))
		var done sync.WaitGroup
		quit := make(chan struct{})
		done.Add(1)
		go func() { // the peer, which nobody asks
			defer done.Done()
			buf := make([]byte, chunk)
			for {
				select {
				case <-quit:
					if round%3 == 0 {
						ResetDescriptor(peer.fd)
					} else {
						peer.close()
					}
					return
				default:
					_, _ = send(peer.fd, buf)
					_, _ = recv(peer.fd, buf)
				}
			}
		}()
		closed := false
		for steps := 0; !closed; steps++ {
			if steps == 3000 {
				close(quit)
			}
			us.read(1 + random.IntN(1<<16))
			us.check()
			us.write(1 + random.IntN(1<<16))
			closed = us.check().Closed
			if steps > 3000 && steps%64 == 0 {
				us.end() // so that an orderly end is one of both directions
			}
		}
		done.Wait()
		us.check()
		us.close()
	}
}

// BenchmarkAsk asks of a live connection, and of one that was reset.
func BenchmarkAsk(b *testing.B) {
	for _, reset := range []bool{false, true} {
		for _, unread := range []int{0, 1000} {
			b.Run("reset="+strconv.FormatBool(reset)+"/unread="+strconv.Itoa(unread), func(b *testing.B) {
				us, peer := observedPair(b, "127.0.0.1:0", true)
				defer us.close()
				if unread > 0 {
					peer.write(unread)
				}
				if reset {
					ResetDescriptor(peer.fd)
				} else {
					defer peer.close()
				}
				us.until("there", func(truth Truth) bool { return truth.Closed == reset && truth.Unread == unread })
				for b.Loop() {
					if _, err := Ask(us.fd, true); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
