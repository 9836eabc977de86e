package lab

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// complaint is one thing that is wrong with a file.
type complaint struct {
	line, column int
	says         string
}

// complaints are what the schema found wrong in a document, in the order of its lines, each with its place and what is allowed there.
func complaints(err error, path string, body ast.Node) (wrong []error) {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", path, err))
		}
		return wrong
	}
	var all []complaint
	var visit func(*jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			visit(c)
		}
		if len(e.Causes) == 0 {
			for _, c := range explain(e.InstanceLocation, e.ErrorKind) {
				at := locate(body, c.at, c.key)
				all = append(all, complaint{at.Line, at.Column, c.says})
			}
		}
	}
	visit(invalid)
	slices.SortFunc(all, func(a, b complaint) int {
		return cmp.Or(a.line-b.line, a.column-b.column, strings.Compare(a.says, b.says))
	})
	for _, c := range slices.Compact(all) {
		wrong = append(wrong, fmt.Errorf("%s:%d:%d: %s", path, c.line, c.column, c.says))
	}
	return wrong
}

// explanation is what a broken rule comes to, and the path to what broke it.
type explanation struct {
	at   []string
	key  bool // the field's name did, and not its value
	says string
}

// explain puts a broken rule of the schema into words.
func explain(at []string, rule jsonschema.ErrorKind) (all []explanation) {
	say := func(format string, a ...any) []explanation {
		return []explanation{{at, false, fmt.Sprintf(format, a...)}}
	}
	what := nameOf(at)
	switch k := rule.(type) {
	case *kind.AdditionalProperties:
		for _, field := range k.Properties {
			says := fmt.Sprintf("unknown field %q: it is one of %s", field, strings.Join(fieldsAt(at), ", "))
			all = append(all, explanation{append(slices.Clone(at), field), true, says})
		}
		return all
	case *kind.Required:
		for _, field := range k.Missing {
			all = append(all, explanation{at, false, field + " is missing"})
		}
		return all
	case *kind.Enum:
		words := make([]string, len(k.Want))
		for i, w := range k.Want {
			words[i] = fmt.Sprint(w)
		}
		return say("%s %q: it is one of %s", what, fmt.Sprint(k.Got), strings.Join(words, ", "))
	case *kind.Type:
		return say("%s: it is %s here, and must be %s", what, article(k.Got), article(k.Want[0]))
	case *kind.Pattern:
		if strings.HasPrefix(k.Want, "^([0-9]") {
			return say("%s %q: it must be a time, like 50ms or 1.5s", what, k.Got)
		}
		return say("%s %q: it must be of lower-case letters and digits, with hyphens between", what, k.Got)
	case *kind.Minimum:
		want, _ := k.Want.Float64()
		return say("%s: it must be at least %v", what, want)
	case *kind.Maximum:
		want, _ := k.Want.Float64()
		return say("%s: it must be at most %.0f", what, want)
	case *kind.MinLength:
		return say("%s: it is empty", what)
	case *kind.MinItems:
		return say("%s: the list is empty", what)
	case *kind.MaxItems:
		return say("%s: process stands alone, since it takes all others with it", what)
	case *kind.UniqueItems:
		return say("%s: number %d is the same as number %d", what, k.Duplicates[1]+1, k.Duplicates[0]+1)
	case *kind.InvalidJsonValue:
		return say("%s: there is no such value in JSON, in which results are kept", what)
	case *kind.FalseSchema:
		return say("%s: it does not go with this kind of fault", what)
	default:
		return say("%s: it breaks the rule %s", what, strings.Join(rule.KeywordPath(), "/"))
	}
}

// article names a type of JSON.
func article(t string) string {
	switch t {
	case "integer":
		return "an integer"
	case "array":
		return "a list"
	case "object":
		return "a block of fields"
	case "null":
		return "empty"
	default:
		return "a " + t
	}
}

// nameOf is what a path points to: the last field of it, one of several if an index follows.
func nameOf(at []string) string {
	if len(at) == 0 {
		return "the document"
	}
	last := at[len(at)-1]
	if _, err := strconv.Atoi(last); err != nil {
		return last
	}
	if len(at) == 1 {
		return "the experiment"
	}
	switch list := at[len(at)-2]; list {
	case "strategies":
		return "strategy"
	case "victims", "faults":
		return strings.TrimSuffix(list, "s")
	case "predict":
		return "prediction"
	default:
		return list
	}
}

// fieldsAt are the fields that may stand in the block at a path.
func fieldsAt(at []string) (names []string) {
	t := reflect.TypeFor[Experiment]()
	switch nameOf(at) {
	case "fault":
		t = reflect.TypeFor[Fault]()
	case "prediction":
		t = reflect.TypeFor[Claim]()
	}
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("yaml"))
	}
	return names
}

// locate finds where in a document a path ends: at the value, or at its key if the value is a list or a block itself, or if key says so.
// If the document goes less deep, it is where the path leaves it.
func locate(node ast.Node, at []string, key bool) *token.Position {
	where := start(node)
	for _, step := range at {
		switch n := bare(node).(type) {
		case *ast.SequenceNode:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(n.Values) {
				return where
			}
			node = n.Values[i]
			where = start(node)
		case *ast.MappingNode:
			i := slices.IndexFunc(n.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == step })
			if i < 0 {
				return where
			}
			node, where = n.Values[i].Value, n.Values[i].Key.GetToken().Position
			if _, scalar := bare(node).(ast.ScalarNode); scalar && !key {
				where = start(node)
			}
		default:
			return where
		}
	}
	return where
}

// start is where a node begins: a block, with its first key.
func start(node ast.Node) *token.Position {
	if m, ok := bare(node).(*ast.MappingNode); ok && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken().Position
	}
	return node.GetToken().Position
}

// bare is a node without the anchor or the tag before it.
func bare(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return n.Value
	case *ast.TagNode:
		return n.Value
	}
	return node
}
