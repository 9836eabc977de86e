//go:build linux

package peers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// bigSize is that of the big body.
var bigSize = int64(amount(1 << 30))

// amount is n, or a quarter of it under the race detector: that makes everything slower, and what it watches, the proxy's decisions,
// comes with every buffer and request, so that a part of them shows it enough.
func amount(n int) int {
	if underRace {
		return n / 4
	}
	return n
}

// noise is an endless stream of bytes that does not repeat itself, the same for the same name.
func noise(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

// random are the first bytes of noise.
func random(name string, size int) []byte {
	b := make([]byte, size)
	_, _ = io.ReadFull(noise(name), b) // noise neither ends nor fails
	return b
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// sumFile is the digest of a file, which may be larger than memory.
func sumFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return digest(h)
}

// servedFile is a file in a directory that has nothing else in it.
type servedFile struct{ dir, name, digest string }

// theBigFile has bigSize. It is made for the first test that asks.
func theBigFile(t *testing.T) servedFile {
	t.Helper()
	f, err := makeBigFile()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var makeBigFile = sync.OnceValues(func() (servedFile, error) {
	f := servedFile{dir: filepath.Join(sharedDir, "served"), name: "big"}
	err := os.Mkdir(f.dir, 0o755)
	if err == nil {
		f.digest, err = writeSparse(filepath.Join(f.dir, f.name), bigSize)
	}
	return f, err
})

// writeSparse writes a file that is nearly all holes, so that it takes little of the disk. Were it all zeros, bytes in the wrong
// order would go unseen; so every 64 KiB begin with a mark of their own. It returns the file's digest.
func writeSparse(path string, size int64) (string, error) {
	const stretch, markSize = 64 << 10, 32
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	h, marks := sha256.New(), noise(filepath.Base(path))
	block := make([]byte, stretch)
	for at := int64(0); at < size && err == nil; at += stretch {
		_, _ = io.ReadFull(marks, block[:markSize]) // noise neither ends nor fails
		part := block[:min(stretch, size-at)]
		h.Write(part)
		_, err = f.WriteAt(part[:min(markSize, len(part))], at)
	}
	return digest(h), errors.Join(err, f.Truncate(size), f.Close())
}
