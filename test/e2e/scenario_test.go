//go:build linux

package e2e

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The assignment's scenario, as the demo serves it: twenty clients fetch a page without end and do not read it. Meanwhile others fetch
// a small page, each at once, and the proxy does not buffer what nobody reads.
func TestStalledDownloadsHoldNobodyUp(t *testing.T) {
	const stalled = 20
	var stdout journal
	p := startWith(t, "127.0.0.1", func(c *exec.Cmd) { c.Stdout = &stdout }, func(listen string) []string {
		return []string{"--demo", "--idle-timeout", "3s", "--hang-timeout", "3s", listen}
	})
	fetchOK(t, p)
	before := p.memory()

	type download struct {
		conn  *net.TCPConn
		began time.Time
	}
	var downloads []download
	for range stalled {
		c := p.dial(t)
		send(t, c, []byte("GET /~rtm/BIG HTTP/1.1\r\nHost: demo\r\n\r\n"))
		downloads = append(downloads, download{c, time.Now()})
	}
	for until := time.Now().Add(1500 * time.Millisecond); time.Now().Before(until); {
		fetchOK(t, p)
	}
	// A session of the proxy holds one chunk a direction. What the demo's web server in the same process holds is in here, too.
	if grown := p.memory() - before; grown > 24<<20*raceFactor() {
		t.Errorf("%d stalled downloads cost the process %d MB", stalled, grown>>20)
	}
	for _, d := range downloads { // and all of them end, about the hang timeout after the buffers on the way were full
		eventually(t, time.Until(d.began.Add(6*time.Second)), "the stalled download is reset", func() bool { return state(d.conn) == closed })
	}
	fetchOK(t, p)
	p.logged(t, stalled, "level=WARN", "cause=hung")
	if said := stdout.String(); !strings.Contains(said, p.addr+"/~rtm/BIG") || !strings.Contains(said, p.addr+"/~rtm/ok") {
		t.Errorf("the demo does not print the two commands to try: %q", said)
	}
}

// fetchOK fetches the small page, which must not take long.
func fetchOK(t *testing.T, p *proxy) {
	t.Helper()
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	response, err := client.Get("http://" + p.addr + "/~rtm/ok")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(body), "You were able to fetch the data.") {
		t.Fatalf("the small page is %q, error %v", body, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the small page took %v", took)
	}
}
