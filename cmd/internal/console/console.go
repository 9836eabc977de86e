// Package console is the page that shows a running proxy in a browser: the supervision tree as it lives, what fails in it, and what its
// supervisors make of that. It is a reader of the admin API like any other, and knows nothing that the API does not tell: all of it runs in
// the browser, and here it is a handful of files.
//
// The page is made of ES modules without a library or a build step, so that what is served is what is read: see page/main.js.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var embedded embed.FS

// policy lets the page load its own files, and talk to the proxy that it came from; nothing else, and nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types are told by the page rather than by the system's tables, which differ: a browser runs no module of another type.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one that is served.
type file struct {
	kind, etag string
	content    []byte
}

// Handler serves the page at / and its parts below /console/. It holds no state.
func Handler() http.Handler {
	files := read()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/console/")
		if r.URL.Path == "/" {
			name = "index.html"
		}
		f, found := files[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Another version of the program may answer at the same address the next time: ask, but do not send it again.
		h.Set("Cache-Control", "no-cache")
		h.Set("Etag", f.etag)
		h.Set("Content-Type", f.kind)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.content))
	})
}

// read takes the files out of the binary, by name.
func read() map[string]file {
	files := map[string]file{}
	err := fs.WalkDir(embedded, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		sum := sha256.Sum256(content)
		files[path.Base(name)] = file{types[path.Ext(name)], `"` + hex.EncodeToString(sum[:8]) + `"`, content}
		return err
	})
	if err != nil {
		panic("the console's files are part of the program and cannot be read: " + err.Error())
	}
	return files
}
