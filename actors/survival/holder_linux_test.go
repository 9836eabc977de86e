package survival

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv(EnvDescriptors) != "" {
		if err := beWorker(); err != nil {
			fmt.Println("error:", err)
		}
		return
	}
	os.Exit(m.Run())
}

// beWorker is a worker that holds a file. It tells of it, and waits: a line on standard input makes it end in order.
// If the environment has an address to connect to, it holds a connection to there, and only the first worker lives.
func beWorker() error {
	w, err := Inherit()
	if err != nil {
		w.End(1)
		return err
	}
	if port, _ := strconv.Atoi(os.Getenv("CONNECT")); port != 0 {
		if !w.First() {
			os.Exit(3)
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
	}
	var held []string
	w.Sweep(func(fd int) bool {
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil || filepath.Dir(path) != os.Getenv("HELD") {
			return false
		}
		held = append(held, filepath.Base(path))
		return true
	}, func(int) {})
	if w.First() {
		if _, err := unix.Open(filepath.Join(os.Getenv("HELD"), "shared"), unix.O_RDONLY|unix.O_CREAT, 0o600); err != nil {
			return err
		}
		if _, err := unix.Open(filepath.Join(os.Getenv("HELD"), "own"), unix.O_RDONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600); err != nil {
			return err
		}
	}
	w.Established()
	s := w.Status()
	fmt.Println(s.Generation, s.Worker, s.Holder, strings.Join(held, ","))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	w.End(0)
	return nil
}

// A worker is killed, and the holder goes on as the next one, with the descriptors that are not close-on-exec and no others; and so
// several times. A worker that ends in order takes the holder with it. The test is the keeper: both processes are its children.
func TestHolderGoesOn(t *testing.T) {
	m, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	in, out, orders, news := pipe(t), pipe(t), pipe(t), pipe(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first, err := syscall.ForkExec(binary, []string{binary}, &syscall.ProcAttr{
		Env:   append(os.Environ(), EnvDescriptors+"=3,4,5", "HELD="+t.TempDir()),
		Files: []uintptr{in[0].Fd(), out[1].Fd(), 2, uintptr(m.FD()), orders[0].Fd(), news[1].Fd()},
	})
	if err != nil {
		t.Fatal(err)
	}
	out[1].Close()
	_ = out[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	lines := bufio.NewReader(out[0])
	worker, holder := first, 0
	for generation := 1; generation <= 5; generation++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var n, pid, next int
		var held string
		_, _ = fmt.Sscan(line, &n, &pid, &next, &held)
		if n != generation || pid != worker || next == worker || next == 0 || held != map[bool]string{false: "shared"}[n == 1] {
			t.Fatalf("generation %d, worker %d: %q", generation, worker, line)
		}
		if generation == 5 {
			holder = next
			break
		}
		if err := unix.Kill(worker, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		status := wait(t, worker)
		if status.Signal() != unix.SIGKILL {
			t.Errorf("the worker: %v", status)
		}
		m.NoteStatus(worker, syscall.WaitStatus(status))
		// A spare that has done its part was killed by the worker that it stood by for.
		worker = next
	}
	if _, err := in[1].WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if status := wait(t, worker); status.ExitStatus() != 0 {
		t.Errorf("the worker: %v", status)
	}
	if status := wait(t, holder); status.Signal() != unix.SIGKILL {
		t.Errorf("the holder: %v", status)
	}
	for { // the spares
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil {
			break
		}
	}
	if m.Final.Load() != 1 || m.Generation.Load() != 5 || m.Deaths.Load() != 4 || m.Spare.Load() != 0 {
		t.Errorf("final %d, generation %d, deaths %d, spare %d", m.Final.Load(), m.Generation.Load(), m.Deaths.Load(), m.Spare.Load())
	}
}

// When workers die one after the other, the last holder gives up, and the peers of the connections see that they did not end well.
func TestHolderGivesUp(t *testing.T) {
	m, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	peer, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	in, orders, news := pipe(t), pipe(t), pipe(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	worker, err := syscall.ForkExec(binary, []string{binary}, &syscall.ProcAttr{
		Env:   append(os.Environ(), EnvDescriptors+"=3,4,5", fmt.Sprintf("CONNECT=%d", peer.Addr().(*net.TCPAddr).Port)),
		Files: []uintptr{in[0].Fd(), 2, 2, uintptr(m.FD()), orders[0].Fd(), news[1].Fd()},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = peer.SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := peer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := unix.Kill(worker, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the peer read %d, %v", n, err)
	}
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil {
			break
		}
	}
	if m.Launches.Load() != launchesUnlessTold+1 || m.Final.Load() != 0 {
		t.Errorf("launches %d, final %d", m.Launches.Load(), m.Final.Load())
	}
}

func pipe(t *testing.T) [2]*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return [2]*os.File{r, w}
}

func wait(t *testing.T, pid int) (status unix.WaitStatus) {
	t.Helper()
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err == nil {
			return status
		} else if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}
