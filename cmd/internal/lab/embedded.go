package lab

import (
	"bytes"
	"embed"
	"path"
)

// The experiments that come with the program, in the order in which a course would take them.
//
//go:embed experiments/*.yaml
var experiments embed.FS

//go:embed template.yaml
var template []byte

// Embedded are the experiments that come with the program.
func Embedded() ([]Experiment, error) {
	const dir = "experiments"
	files, err := experiments.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	l := loader{seen: map[string]string{}}
	for _, f := range files {
		name := path.Join(dir, f.Name())
		text, err := experiments.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := l.read(name, text); err != nil {
			return nil, err
		}
	}
	return l.experiments, l.err()
}

// Template is a commented experiment file to start from. It loads as it stands, if the name is a word with hyphens.
func Template(name string) []byte {
	return bytes.ReplaceAll(template, []byte("NAME"), []byte(name))
}
