package admin

import (
	"io"
	"net/http"
	"testing"
)

// Metrics and console are served where they should be, the one behind the token, the other before it, and are 404 if there are none.
func TestMountedHandlers(t *testing.T) {
	says := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, what+r.URL.Path) })
	}
	const token = "Authorization: Bearer s3cret"
	with := Config{Metrics: says("metrics"), Console: says("console")}
	guarded := with
	guarded.TokenFile = tokenFile(t, "s3cret")
	for name, test := range map[string]struct {
		config       Config
		method, path string
		headers      []string
		status       int
		body         string
	}{
		"metrics":                      {config: with, path: "/metrics", status: 200, body: "metrics/metrics"},
		"metrics, written to":          {config: with, method: "POST", path: "/metrics", status: 405},
		"metrics under a strange name": {config: with, path: "/metrics", headers: []string{"Host: evil.example"}, status: 403},
		"metrics without the token":    {config: guarded, path: "/metrics", status: 401},
		"metrics with the token":       {config: guarded, path: "/metrics", headers: []string{token}, status: 200, body: "metrics/metrics"},
		"no metrics":                   {path: "/metrics", status: 404},
		"page":                         {config: with, path: "/", status: 200, body: "console/"},
		"page, written to":             {config: with, method: "POST", path: "/", status: 405},
		"part of the page":             {config: with, path: "/console/tree.js", status: 200, body: "console/console/tree.js"},
		"page under a strange name":    {config: with, path: "/", headers: []string{"Host: evil.example"}, status: 403},
		"page without the token":       {config: guarded, path: "/", status: 200, body: "console/"},
		"its part without the token":   {config: guarded, path: "/console/a.css", status: 200, body: "console/console/a.css"},
		"rest without the token":       {config: guarded, path: "/api/tree", status: 401},
		"no way round the token":       {config: guarded, path: "/console/../api/tree", status: 401},
		"neither page nor API":         {config: with, path: "/tree", status: 404},
		"no page":                      {path: "/", status: 404},
		"no part of a page":            {path: "/console/tree.js", status: 404},
	} {
		server := newFake().serve(t, test.config)
		if test.method == "" {
			test.method = "GET"
		}
		status, body := call(t, server, test.method, test.path, "", test.headers...)
		if status != test.status || test.body != "" && body != test.body {
			t.Errorf("%s: status %d, body %q; want %d, %q", name, status, body, test.status, test.body)
		}
	}
}
