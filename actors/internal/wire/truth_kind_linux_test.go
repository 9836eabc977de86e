package wire

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTruthBeforeTheConnection asks of sockets that are not connected yet, never were or will never be.
func TestTruthBeforeTheConnection(t *testing.T) {
	fresh, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fresh)
	if truth, err := Ask(fresh, true); err != nil || truth != (Truth{Closed: true}) {
		t.Errorf("a socket of no connection: %+v, %v", truth, err)
	}
	listening, err := bindOne("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := LocalAddr(listening)
	if _, err := Ask(listening, false); err == nil {
		t.Error("a listening socket was answered")
	}
	closeDescriptor(listening)

	refused, err := connect(addr) // nobody listens there any more
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(refused)
	for wait := patience(t); state(t, refused) != tcpClose; wait() {
	}
	if truth, err := Ask(refused, true); err != nil || truth != (Truth{Closed: true, Failing: true}) {
		t.Errorf("a refused socket: %+v, %v", truth, err)
	}

	full, err := bindOne("127.0.0.1:0") // its backlog of one is full: further SYNs are not answered
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(full)
	if err := unix.Listen(full, 0); err != nil {
		t.Fatal(err)
	}
	for wait, tried := patience(t), 0; ; wait() {
		fd, err := connect(LocalAddr(full))
		if err != nil {
			t.Fatal(err)
		}
		defer closeDescriptor(fd)
		if tried++; tried < 3 {
			continue
		}
		if truth, err := Ask(fd, true); err != nil || truth != (Truth{Connecting: true}) {
			t.Errorf("a socket that is connecting: %+v, %v", truth, err)
		}
		if _, _, ok := IsConnected(fd); ok {
			t.Error("a socket that is connecting is taken for connected")
		}
		return
	}
}

// TestTruthTakesNoErrorAway: whoever reads after Ask is told what would have been told without.
func TestTruthTakesNoErrorAway(t *testing.T) {
	for path, want := range map[string]syscall.Errno{"": syscall.ECONNRESET, "W": syscall.ECONNRESET, "E": 0, "WE": 0} {
		us, peer := observedPair(t, "127.0.0.1:0", false)
		if strings.Contains(path, "W") {
			peer.write(10)
		}
		if strings.Contains(path, "E") {
			peer.end()
		}
		us.until("arrived", func(truth Truth) bool { return truth.FinIn == peer.shut && truth.Unread == int(peer.given) })
		ResetDescriptor(peer.fd)
		us.until("reset", func(truth Truth) bool { return truth.Closed })
		for range 3 {
			if !us.check().Failing {
				t.Errorf("%q: no error pending", path)
			}
		}
		us.need(int(peer.given))
		if !us.check().Failing {
			t.Errorf("%q: no error pending after the bytes", path)
		}
		if _, errno := recv(us.fd, scratch[:1]); errno != want {
			t.Errorf("%q: reading said %v, want %v", path, errno, want)
		}
		if us.check().Failing != (want == 0) {
			t.Errorf("%q: error pending after it was told: %v", path, want != 0)
		}
		us.close()
	}
}

// TestTruthSettled: what the system leaves open, the caller's own knowledge settles, and nothing else does.
func TestTruthSettled(t *testing.T) {
	open := Truth{Taken: 10, Given: 20, Closed: true, TakenUnsure: true, GivenUnsure: true}
	for n, want := range map[uint64]bool{8: false, 9: true, 10: true, 11: false} {
		if got, ok := open.KnowingTaken(n); ok != want || got.FinIn != (n == 9) || got.TakenUnsure == ok || ok && got.Taken != n {
			t.Errorf("%d taken: %+v, %v", n, got, ok)
		}
		if got, ok := open.KnowingGiven(n + 10); ok != want || got.FinOut != (n == 9) || got.GivenUnsure == ok || ok && got.Given != n+10 {
			t.Errorf("%d given: %+v, %v", n+10, got, ok)
		}
	}
	sure := Truth{Taken: 10, Given: 20, Closed: true}
	if got, ok := sure.KnowingTaken(9); ok || got != sure {
		t.Errorf("%+v was overruled: %+v", sure, got)
	}
	if got, ok := sure.KnowingGiven(19); ok || got != sure {
		t.Errorf("%+v was overruled: %+v", sure, got)
	}
	ended := sure.KnowingFinOut(true)
	if ended.Given != 19 || !ended.FinOut || ended.KnowingFinOut(false) != sure || ended.KnowingFinOut(true) != ended {
		t.Errorf("ended: %+v", ended)
	}
	sure.Closed = false
	if got := sure.KnowingFinOut(true); got != sure {
		t.Errorf("%+v was overruled: %+v", sure, got)
	}
}

// TestTruthOfAFinInferred: what cannot be told is not guessed.
func TestTruthOfAFinInferred(t *testing.T) {
	for _, c := range []struct {
		queued, sent, unsent uint64
		fin, known           bool
	}{
		{queued: 0, sent: 0, known: true},
		{queued: 5, sent: 5, known: true},
		{queued: 1, sent: 0, fin: true, known: true},
		{queued: 6, sent: 5, fin: true, known: true},
		{queued: 6, sent: 5, unsent: 1}, // one byte or the FIN
		{queued: 9, sent: 5, unsent: 4},
		{queued: 7, sent: 5}, // the counts disagree
		{queued: 5, sent: 7},
	} {
		a := answer{sent: c.sent, unsent: c.unsent}
		if fin, known := a.finQueued(c.queued); fin != c.fin || known != c.known {
			t.Errorf("%+v: FIN %v, known %v", c, fin, known)
		}
	}
}

// TestTruthOfKinds tells connections, also ended ones, from other descriptors.
func TestTruthOfKinds(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		us, peer := observedPair(t, addr, true)
		wantLocal, wantPeer := LocalAddr(us.fd), LocalAddr(peer.fd)
		is := func(when string) {
			t.Helper()
			if local, peer, ok := IsConnected(us.fd); !ok || local != wantLocal || peer != wantPeer || IsListening(us.fd) {
				t.Errorf("%s: %v, %v, %v; want %v, %v", when, local, peer, ok, wantLocal, wantPeer)
			}
		}
		is("connected")
		us.end()
		is("half closed")
		ResetDescriptor(peer.fd)
		us.until("reset", func(truth Truth) bool { return truth.Closed })
		is("reset")
		us.read(1)
		is("reset, and told")
		us.close()
	}
	listening, err := bindOne("[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(listening)
	fresh, _ := newSocket(unix.AF_INET6)
	defer closeDescriptor(fresh)
	a, b := localPair(0)
	defer closeDescriptor(a)
	defer closeDescriptor(b)
	r, w, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(r)
	defer closeDescriptor(w)
	for name, fd := range map[string]int{"listening": listening, "fresh": fresh, "unix": a, "pipe": r, "none": 1 << 20} {
		if _, _, ok := IsConnected(fd); ok {
			t.Errorf("%s: is connected", name)
		}
		if IsListening(fd) != (name == "listening") {
			t.Errorf("%s: listens: %v", name, IsListening(fd))
		}
		if _, err := PipeHolds(fd); (err == nil) != (name == "pipe") {
			t.Errorf("%s: as a pipe: %v", name, err)
		}
		if _, err := Ask(fd, false); (err == nil) != (name == "fresh") {
			t.Errorf("%s: asked: %v", name, err)
		}
	}
	if n, _ := unix.Write(w, junk[:777]); n != 777 {
		t.Fatal(n)
	}
	for _, fd := range []int{r, w} {
		if n, err := PipeHolds(fd); n != 777 || err != nil {
			t.Errorf("the pipe holds %d, %v", n, err)
		}
	}
}

// TestTruthOfCookies asks of connections that were made of SYN cookies: nothing may count differently. It runs itself in a network of its
// own, in which every connection is made so.
func TestTruthOfCookies(t *testing.T) {
	if os.Getenv("TRUTH_COOKIES") == "" {
		again := exec.Command("/proc/self/exe", "-test.run=^TestTruthOfCookies$")
		again.Env = append(os.Environ(), "TRUTH_COOKIES=1")
		again.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		text, err := again.CombinedOutput()
		if again.ProcessState == nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("no network of its own: ", err)
			}
			t.Skip("no network of its own: ", err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return
	}
	ask, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	ask.SetUint16(unix.IFF_UP)
	fd, _ := newSocket(unix.AF_INET)
	defer closeDescriptor(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ask); err != nil {
		t.Fatal(err)
	}
	const always = "2"
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_syncookies", []byte(always), 0); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no cookies: ", err)
		}
		t.Skip("no cookies: ", err)
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, opener := range []bool{false, true} {
			for _, path := range []string{"wWrDd", "WErwe=close", "weE=close", "WErR", "fER", "feWE=closingdD=close"} {
				t.Run(path, func(t *testing.T) { walk(t, addr, opener, path) })
			}
		}
	}
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil || cookiesReceived(string(text)) == "0" {
		t.Error("no connection was made of a cookie: ", err)
	}
}

// cookiesReceived is how many connections were made of cookies.
func cookiesReceived(netstat string) string {
	lines := strings.Split(netstat, "\n")
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i, name := range names {
		if name == "SyncookiesRecv" {
			return values[i]
		}
	}
	return "0"
}
