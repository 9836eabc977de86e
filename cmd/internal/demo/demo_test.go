package demo

import (
	"io"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, s *Server, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A download that nobody reads does not keep the small page waiting.
func TestOKBesideAStalledDownload(t *testing.T) {
	s := start(t)
	get(t, s, "/~rtm/BIG")
	body, err := io.ReadAll(get(t, s, "/~rtm/ok").Body)
	if err != nil || string(body) != "You were able to fetch the data." {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestBigGoesOn(t *testing.T) {
	const much = 64 << 20
	if n, err := io.CopyN(io.Discard, get(t, start(t), "/~rtm/BIG").Body, much); err != nil {
		t.Errorf("the download ended after %d bytes: %v", n, err)
	}
}

func TestCloseEndsDownloads(t *testing.T) {
	s := start(t)
	download := get(t, s, "/~rtm/BIG")
	s.Close()
	if _, err := io.Copy(io.Discard, download.Body); err == nil {
		t.Error("the download ended as if it were complete")
	}
}

func TestOtherPagesAreMissing(t *testing.T) {
	if status := get(t, start(t), "/").StatusCode; status != http.StatusNotFound {
		t.Errorf("status %d, want 404", status)
	}
}
