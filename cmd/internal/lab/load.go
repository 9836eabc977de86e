package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Load reads experiment files. A file holds one experiment, or a list of them, or several documents of either form, with --- between. What
// a file leaves out gets its default. strategies are the names that may be used beside the built-in ones.
//
// An error says each thing that is wrong on a line of its own: file, line, column, and what is allowed there.
func Load(paths []string, strategies ...string) ([]Experiment, error) {
	l := loader{strategies: strategies, seen: map[string]string{}}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := l.read(path, text); err != nil {
			return nil, err
		}
	}
	return l.experiments, l.err()
}

// loader reads one file after the other.
type loader struct {
	strategies  []string           // beside the built-in ones
	schema      *jsonschema.Schema // nil before the first file
	seen        map[string]string  // where each experiment's name was seen first
	experiments []Experiment
	wrong       []error
}

// err is all that was wrong.
func (l *loader) err() error { return errors.Join(l.wrong...) }

// read takes the experiments of one file. It returns an error if the loader itself is at fault; what is wrong with the file is kept.
func (l *loader) read(path string, text []byte) (err error) {
	if l.schema == nil {
		if l.schema, err = compileSchema(); err != nil {
			return err
		}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		l.syntax(path, err)
		return nil
	}
	none := true
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		none = false
		l.document(path, doc.Body)
	}
	if none {
		l.wrong = append(l.wrong, fmt.Errorf("%s: there is no experiment in it; \"supervision-lab new NAME\" prints one", path))
	}
	return nil
}

// document takes the experiments of one document.
func (l *loader) document(path string, body ast.Node) {
	var value any
	if err := yaml.NodeToValue(body, &value); err != nil {
		l.syntax(path, err)
		return
	}
	if wrong := complaints(l.schema.Validate(value), path, body); len(wrong) > 0 {
		l.wrong = append(l.wrong, wrong...)
		return
	}
	// From here on every field is known, and of its type.
	values, list := value.([]any)
	if !list {
		values = []any{value}
	}
	for i, v := range values {
		at := place{path: path, body: body}
		if list {
			at.experiment = []string{strconv.Itoa(i)}
		}
		var x Experiment
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &x)
		}
		if err != nil {
			l.wrong = append(l.wrong, fmt.Errorf("%s: %w", at.position(), err))
			continue
		}
		l.check(&x, at)
		x.fill()
		l.experiments = append(l.experiments, x)
	}
}

// syntax keeps an error of the YAML library: the first line of it, without its picture of the source.
func (l *loader) syntax(path string, err error) {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		at := e.GetToken().Position
		err = fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, e.GetMessage())
	} else {
		first, _, _ := strings.Cut(err.Error(), "\n")
		err = fmt.Errorf("%s: %s", path, first)
	}
	l.wrong = append(l.wrong, err)
}

// fill puts defaults where a file says nothing. MaxRestarts and Within stay 0, which stands for the proxy's own.
func (x *Experiment) fill() {
	if x.Title == "" {
		x.Title = x.Name
	}
	if x.Strategies == nil {
		x.Strategies = []string{"one-for-one"}
	}
	if x.Traffic == nil {
		x.Traffic = []string{"ping-pong"}
	}
	if x.Faults == nil {
		x.Faults = []Fault{{Kind: "panic"}}
	}
	if x.Repeat == 0 {
		x.Repeat = 20
	}
	if x.Quick == 0 {
		x.Quick = 3
	}
	for i := range x.Faults {
		f := &x.Faults[i]
		if f.Kind == "point" && f.Nth == 0 {
			f.Nth = 1
		}
		if f.Kind != "none" && f.Times == 0 {
			f.Times = 1
		}
	}
	for i := range x.Predict {
		if x.Predict[i].Is == "" {
			x.Predict[i].Is = "="
		}
	}
}
