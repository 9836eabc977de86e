package lab

import (
	"bytes"
	"path"
)

// Source is the text of an experiment that comes with the program, as it stands in its file; nil if there is none of that name.
func Source(name string) []byte {
	const dir = "experiments"
	files, err := experiments.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, f := range files {
		text, err := experiments.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			continue
		}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			l := loader{seen: map[string]string{}}
			if l.read(f.Name(), document) == nil && len(l.experiments) == 1 && l.experiments[0].Name == name {
				return append(bytes.TrimRight(document, "\n"), '\n')
			}
		}
	}
	return nil
}
