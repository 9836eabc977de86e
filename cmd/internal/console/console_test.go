package console

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	handler := Handler()
	for _, test := range []struct {
		path, kind string
		status     int
	}{
		{"/", "text/html; charset=utf-8", 200},
		{"/console/main.js", "text/javascript; charset=utf-8", 200},
		{"/console/console.css", "text/css; charset=utf-8", 200},
		{"/console/icon.svg", "image/svg+xml", 200},
		{"/console/", "", 404},
		{"/console/none.js", "", 404},
		{"/console/../console.go", "", 404},
		{"/main.go", "", 404},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
		if w.Code != test.status {
			t.Errorf("%s: status %d, want %d", test.path, w.Code, test.status)
		}
		if test.status != 200 {
			continue
		}
		h := w.Header()
		if h.Get("Content-Type") != test.kind || h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || w.Body.Len() == 0 {
			t.Errorf("%s: headers %v, %d bytes", test.path, h, w.Body.Len())
		}
		again := httptest.NewRequest("GET", test.path, nil)
		again.Header.Set("If-None-Match", h.Get("Etag"))
		w = httptest.NewRecorder()
		if handler.ServeHTTP(w, again); w.Code != 304 {
			t.Errorf("%s, seen before: status %d, want 304", test.path, w.Code)
		}
	}
}

// The policy would stop such code; better that there is none.
func TestNoInlineCodeAndNoOtherHost(t *testing.T) {
	for name, f := range read() {
		text := string(f.content)
		for _, bad := range []string{
			"https://", "//cdn", "eval(", "innerHTML", " onclick=", " style=\"", "<script>", "localStorage", "sessionStorage", "cookie",
		} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q in it", name, bad)
			}
		}
		if rest := strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""); strings.Contains(rest, "http://") {
			t.Errorf("%s names another host", name)
		}
	}
}
