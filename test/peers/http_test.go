//go:build linux

package peers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// startNginx serves the files of a directory, and stores in it what is PUT. It is one process: workers would outlive a master
// that is killed.
func startNginx(t *testing.T, root string) *process {
	t.Helper()
	return listen(t, func(port string) *exec.Cmd {
		dir := t.TempDir()
		config := writeFile(t, dir, "nginx.conf", fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
events { worker_connections 1000; }
http {
	access_log off;
	sendfile on;
	keepalive_requests 1000000;
	client_max_body_size 0;
	client_body_temp_path %[1]s/incoming;
	fastcgi_temp_path %[1]s/fastcgi;
	proxy_temp_path %[1]s/proxy;
	scgi_temp_path %[1]s/scgi;
	uwsgi_temp_path %[1]s/uwsgi;
	server {
		listen %[3]s:%[4]s;
		root %[2]s;
		dav_methods PUT;
	}
}
`, dir, root, host, port))
		return exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", config)
	})
}

// curl begins a command line that no configuration of the user's changes.
func curl(args ...string) []string {
	return append([]string{"--disable", "--noproxy", "*", "--silent", "--show-error", "--fail"}, args...)
}

func TestBigDownload(t *testing.T) {
	t.Parallel()
	need(t, "curl", "nginx")
	download(t, startProxy(t, startNginx(t, theBigFile(t).dir)))
}

// download fetches the big file by curl.
func download(t *testing.T, p *process) {
	t.Helper()
	big, h := theBigFile(t), sha256.New()
	run(t, nil, h, "curl", curl("http://"+p.addr+"/"+big.name)...)
	if got := digest(h); got != big.digest {
		t.Errorf("the body's digest is %s, want %s", got, big.digest)
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	need(t, "curl", "nginx")
	root := t.TempDir()
	p := startProxy(t, startNginx(t, root))
	var args []string
	var want bytes.Buffer
	var wantReport strings.Builder
	for i, size := range []int{1, 0, 100, 1 << 20, 1, 65536, 65537, 3 << 20, 0, 7} {
		name := fmt.Sprintf("f%d", i)
		body := random(name, size)
		writeFile(t, root, name, string(body))
		want.Write(body)
		connects := 0
		if i == 0 {
			connects = 1
		}
		fmt.Fprintln(&wantReport, 200, size, connects)
		args = append(args, "http://"+p.addr+"/"+name)
	}
	var got bytes.Buffer
	report := run(t, nil, &got, "curl", curl(append(args, "--write-out", "%{stderr}%{http_code} %{size_download} %{num_connects}\n")...)...)
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("got %d bytes that differ from the %d bytes wanted", got.Len(), want.Len())
	}
	if report != wantReport.String() {
		t.Errorf("status, size, and new connections of each request are\n%swant\n%s", report, wantReport.String())
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	need(t, "curl", "nginx")
	root := t.TempDir()
	p := startProxy(t, startNginx(t, root))
	// curl announces the first body's length; it does not know the second's and sends it in chunks.
	size := int64(amount(100 << 20))
	file := filepath.Join(t.TempDir(), "upload")
	announced, err := writeSparse(file, size)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	stream := io.TeeReader(io.LimitReader(noise("chunked"), size), h)
	run(t, nil, nil, "curl", curl("--upload-file", file, "http://"+p.addr+"/announced")...)
	run(t, stream, nil, "curl", curl("--upload-file", "-", "http://"+p.addr+"/chunked")...)
	if got := sumFile(t, filepath.Join(root, "announced")); got != announced {
		t.Errorf("of the body with a length arrived %s, want %s", got, announced)
	}
	if got, want := sumFile(t, filepath.Join(root, "chunked")), digest(h); got != want {
		t.Errorf("of the body in chunks arrived %s, want %s", got, want)
	}
}

func TestManyRequests(t *testing.T) {
	t.Parallel()
	need(t, "ab", "nginx")
	root := t.TempDir()
	const size = 5000
	requests := fmt.Sprint(amount(5000))
	writeFile(t, root, "page", string(random("page", size)))
	p := startProxy(t, startNginx(t, root))
	for _, keepAlive := range []bool{true, false} {
		args := []string{"-q", "-c", "100", "-n", requests, "-s", "20"}
		want := map[string]string{
			"Complete requests": requests, "Failed requests": "0", "HTML transferred": fmt.Sprintf("%d bytes", size*amount(5000)),
		}
		if keepAlive {
			args, want["Keep-Alive requests"] = append(args, "-k"), requests
		}
		report := output(t, "ab", append(args, "http://"+p.addr+"/page")...)
		for what, value := range want {
			if !regexp.MustCompile(`(?m)^` + what + `: +` + value + `$`).MatchString(report) {
				t.Errorf("%s are not %s", what, value)
			}
		}
		if strings.Contains(report, "Non-2xx") {
			t.Error("the server refused requests")
		}
		if t.Failed() {
			t.Fatalf("ab, with keep-alive: %v\n%s", keepAlive, report)
		}
	}
}
