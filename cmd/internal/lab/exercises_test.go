package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExercises: what students are told to copy loads as it stands, and eight exercises are eight.
func TestExercises(t *testing.T) {
	text, err := os.ReadFile("../../../test/lab/EXERCISES.md")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		paths = append(paths, filepath.Join(t.TempDir(), fmt.Sprint(i, ".yaml")))
		if err := os.WriteFile(paths[i], []byte(m[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Load(paths, "mine")
	if err != nil {
		t.Error(err)
	}
	for _, x := range all {
		if len(x.Predict) == 0 {
			t.Errorf("%s predicts nothing", x.Name)
		}
	}
	if n := strings.Count(string(text), "\n## "); n != 8 || strings.Count(string(text), "**What you should see.**") != n {
		t.Errorf("%d exercises, or one that does not say what to see", n)
	}
}

// TestManual: the table of figures in the manual is the program's.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../../test/lab/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Figures {
		if row := fmt.Sprintf("\n| `%s` | %s | %s |\n", f.Name, f.Unit, f.Says); !strings.Contains(string(text), row) {
			t.Errorf("the manual has no row%s", row)
		}
	}
}
