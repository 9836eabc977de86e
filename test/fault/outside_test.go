package fault_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFromOutside runs the tests of the module in testdata/outside, which imports the kit as anyone's module would. Only that shows that
// the kit can be used from there at all: nothing that it needs may be internal.
//
// It works without a network: what that module needs, this one needs too, so all of it is in the module cache already. It may not write
// its go.mod either; so if a dependency of this module has changed, the failure asks for go mod tidy there.
func TestFromOutside(t *testing.T) {
	dir := filepath.Join("testdata", "outside")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // go test only repeats a result from its cache if the files that were opened are still the same
		if _, err := os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	test := exec.Command("go", "test", "-count=1", "./...")
	test.Dir = dir
	test.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	if said, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\nif it is about go.mod or go.sum: go -C test/fault/testdata/outside mod tidy", err, said)
	}
}
