//go:build linux

package survive

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"tcpproxy/actors/survival"
	"tcpproxy/test/fault"
	"tcpproxy/test/program"
)

// kept is what outlives the process of one session, as bytes that a test may change.
type kept struct{ record, up, down []byte }

// keptOf finds the record of a session, and its notes.
func keptOf(t *testing.T, m *survival.Memory, id uint64) kept {
	t.Helper()
	for loop := range int(m.Loops.Load()) {
		table := m.Table(loop)
		for _, i := range table.Live() {
			if table.Records[i].ID == id {
				return kept{bytesOf(&table.Records[i]), bytesOf(&table.Notes[2*i]), bytesOf(&table.Notes[2*i+1])}
			}
		}
	}
	t.Fatalf("session %d has no record", id)
	return kept{}
}

func bytesOf[T any](p *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)) }

// damages are what may happen to what is kept of a session.
var damages = []struct {
	name string
	mild bool // it may be found out to do no harm, or to be nobody's, so that no error need be told
	do   func(k kept, r *rand.Rand)
}{
	{"a bit of the client's part", false, func(k kept, r *rand.Rand) { flip(k.record[:offsetServer], r) }},
	{"a bit of the server's part", false, func(k kept, r *rand.Rand) { flip(k.record[offsetServer:offsetMarks], r) }},
	{"a bit of the marks", false, func(k kept, r *rand.Rand) { flip(k.record[offsetMarks:offsetMarks+8], r) }},
	{"another layout", false, func(k kept, r *rand.Rand) { shift(k.record) }},
	{"noise", false, func(k kept, r *rand.Rand) { noise(k.record, r) }},
	{"zeros", true, func(k kept, _ *rand.Rand) { clear(k.record) }},
	{"a bit of a note", true, func(k kept, r *rand.Rand) { flip(k.down, r) }},
	{"noise in a note", true, func(k kept, r *rand.Rand) { noise(k.down, r) }},
	{"zeros in a note", false, func(k kept, _ *rand.Rand) { clear(k.down) }},
}

// Where the parts of a record begin.
var (
	offsetServer = int(unsafe.Offsetof(survival.Record{}.ServerFD)) - 24 // an address comes before it
	offsetMarks  = int(unsafe.Offsetof(survival.Record{}.Moved)) - 8
)

func flip(b []byte, r *rand.Rand) { b[r.IntN(len(b))] ^= 1 << r.IntN(8) }

func noise(b []byte, r *rand.Rand) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// shift moves the fields by one word, but for the marks: as a program would that knows another layout.
func shift(b []byte) { copy(b[8:offsetMarks], append([]byte(nil), b[:offsetMarks-8]...)) }

// TestDamagedRecord changes what is kept of one session in the midst of a transfer, and kills the worker. That session is reset. Of all
// others not a byte may be missing, and nobody may be given a byte of another's.
func TestDamagedRecord(t *testing.T) {
	rounds := 3
	switch {
	case full():
		rounds = 100
	case program.UnderRace():
		rounds = 1
	}
	random := chance(t)
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			for range rounds {
				damageOne(t, random, damage.mild, damage.do)
			}
		})
	}
}

func damageOne(t *testing.T, random *rand.Rand, mild bool, damage func(kept, *rand.Rand)) {
	const others, big = 8, 20 << 20
	d := startSource(t)
	p := program.Start(t, plain, nil, d.addr(), "--survive", "--loops", "1", "--idle-timeout", "0", "--hang-timeout", "0")
	m := state(t, p)
	var all []net.Conn
	var streams []*fault.Stream
	for i := range others {
		c := dial(t, p.Addr)
		seed := random.Uint64()
		_ = binary.Write(c, binary.BigEndian, seed)
		s := fault.NewStream(seed)
		if err := s.Expect(c, 1+random.IntN(100)); err != nil { // it is a session, in this order; some go on as bulk, and hold pipes
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := s.Expect(c, 8<<20); err != nil {
				t.Fatal(err)
			}
		}
		all, streams = append(all, c), append(streams, s)
	}
	victim := random.IntN(others)
	stopAtRest(t, m)
	damage(keptOf(t, m, uint64(victim+1)), random)
	killAndAwait(t, p, m)
	unharmed := false
	for i, c := range all {
		switch err := streams[i].Expect(c, big); {
		case i != victim && err != nil:
			t.Errorf("session %d, when session %d was damaged: %v", i+1, victim+1, err)
		case i == victim && err == nil && mild:
			unharmed = true
		case i == victim && !errors.Is(err, syscall.ECONNRESET):
			t.Errorf("session %d was damaged, and its client got %v", i+1, err)
		}
	}
	if told := p.Log.Count("record of a session is damaged") + p.Log.Count("not restored"); told != 1 && !mild {
		t.Errorf("the log tells %d times of the damage", told)
	}
	if !unharmed {
		if err := d.wasReset(); err != nil {
			t.Errorf("the destination's side of session %d: %v", victim+1, err)
		}
	}
	if restarts := p.Log.Count("worker restarted"); restarts != 1 {
		t.Errorf("the worker was restarted %d times", restarts)
	}
	for _, c := range all {
		c.Close()
	}
	drainAndEnd(t, p)
}

// stopAtRest stops the worker when all flows are full, since nobody reads: they hold bytes then, and notes matter.
func stopAtRest(t *testing.T, m *survival.Memory) {
	t.Helper()
	stopsMoving(t, m, 200*time.Millisecond)
	if err := syscall.Kill(int(m.Worker.Load()), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// source is a server that sends an endless stream of the seed that a client asks for.
type source struct {
	listener
	ended chan error // how each connection ended
}

func startSource(t *testing.T) source {
	ended := make(chan error, 100)
	return source{startListener(t, func(c *net.TCPConn) {
		var seed uint64
		if binary.Read(c, binary.BigEndian, &seed) != nil {
			return
		}
		s := fault.NewStream(seed)
		for {
			if err := s.Send(c, 64<<10); err != nil {
				ended <- err
				return
			}
		}
	}), ended}
}

// wasReset waits for the first connection to end, and reports if that was not by a reset.
func (s source) wasReset() error {
	select {
	case err := <-s.ended:
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			return nil
		}
		return err
	case <-time.After(patience):
		return os.ErrDeadlineExceeded
	}
}

// dial connects to the proxy until the end of the test.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

// TestDeadlySession has each worker die that restores a certain session. That session is reset after three deaths, and the others live.
func TestDeadlySession(t *testing.T) {
	const sessions = 5
	p := program.Start(t, withSeams, []string{"TCPPROXY_SEAM=restore: about to restore=5"}, startEcho(t).addr(), "--survive", "--loops", "1")
	m := state(t, p)
	all := openIdle(t, p.Addr, sessions)
	killAndAwait(t, p, m)
	all[:sessions-1].use(t)
	if _, err := all[sessions-1].Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client of the session that is to blame got %v", err)
	}
	if got, want := m.Generation.Load(), uint64(1+1+3); got != want {
		t.Errorf("this is worker %d, want %d: three die of the session", got, want)
	}
	if told := p.Log.Count("restoring it ended the process"); told != 1 {
		t.Errorf("the log tells %d times why the session was reset", told)
	}
	killAndAwait(t, p, m)
	all[:sessions-1].use(t)
	more := openIdle(t, p.Addr, 1)
	more.close()
	all.close()
	drainAndEnd(t, p)
}
