package actors

import (
	"testing"
	"unsafe"
)

// TestConnectionFitsItsSizeClass: the runtime has room for 1,024 bytes or for 1,152, of which it takes 8 for itself. A field too many would
// cost every idle session an eighth of a kilobyte.
func TestConnectionFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(connection{}); size > 1024-8 {
		t.Errorf("a connection takes %d bytes, 1,016 at most", size)
	}
}
