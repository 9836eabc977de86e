//go:build linux

package attack

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// weather is what happens to packets on a bad cable; the numbers are shares of them.
type weather struct {
	loss, twice, corrupted float64
	delay, jitter          time.Duration // jitter lets packets overtake each other
}

// cable joins two namespaces by a pair of TUN devices, between which the test itself carries the packets: netem, which could do the
// same, is not in every kernel.
type cable struct {
	weather weather
	carried sync.WaitGroup // packets under way, and the two that carry them
	over    atomic.Bool
	// What has happened so far.
	packets, lost, doubled, broken atomic.Int64
}

// layCable lays one until the end of the test.
func layCable(t *testing.T, a, b *namespace, addrA, addrB string, w weather, random *rand.Rand) *cable {
	t.Helper()
	c := &cable{weather: w}
	ends := []*os.File{a.tun("bad", addrA), b.tun("bad", addrB)}
	for i := range ends {
		dice := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
		c.carried.Go(func() { c.carry(ends[i], ends[1-i], dice) })
	}
	t.Cleanup(func() {
		c.over.Store(true)
		for _, end := range ends {
			_ = end.SetReadDeadline(time.Now()) // the devices stay open until the last packet is delivered
		}
		c.carried.Wait()
		for _, end := range ends {
			_ = end.Close()
		}
	})
	return c
}

// String tells what the cable did.
func (c *cable) String() string {
	return fmt.Sprintf("%d packets, %d lost, %d doubled, %d corrupted", c.packets.Load(), c.lost.Load(), c.doubled.Load(), c.broken.Load())
}

// carry takes packets from one end to the other, until the end of the test.
func (c *cable) carry(from, to *os.File, dice *rand.Rand) {
	buffer := make([]byte, 64<<10)
	for !c.over.Load() {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		c.packets.Add(1)
		copies := 1
		switch roll := dice.Float64(); {
		case roll < c.weather.loss:
			c.lost.Add(1)
			continue
		case roll < c.weather.loss+c.weather.twice:
			c.doubled.Add(1)
			copies = 2
		}
		packet := append([]byte(nil), buffer[:n]...)
		if dice.Float64() < c.weather.corrupted {
			// One bit, which every checksum finds; two could make up for each other.
			c.broken.Add(1)
			packet[dice.IntN(n)] ^= 1 << dice.IntN(8)
		}
		for range copies {
			wait := c.weather.delay
			if c.weather.jitter > 0 {
				wait += time.Duration(dice.Int64N(int64(c.weather.jitter)))
			}
			if wait == 0 {
				_, _ = to.Write(packet)
				continue
			}
			c.carried.Add(1)
			time.AfterFunc(wait, func() {
				_, _ = to.Write(packet) // a device that has no room drops it, as a cable does
				c.carried.Done()
			})
		}
	}
}

// tun makes a device whose packets this process reads and writes.
func (n *namespace) tun(name, addr string) (device *os.File) {
	n.t.Helper()
	err := n.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			_ = unix.Close(fd)
			return err
		}
		device = os.NewFile(uintptr(fd), name)
		return nil
	})
	if err != nil {
		skip(n.t, fmt.Sprintf("the test may not make a TUN device: %v", err))
	}
	n.ip("addr", "add", addr+"/24", "dev", name)
	n.ip("link", "set", name, "up")
	return device
}
