package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tcpproxy/actors"
)

// TestBadFiles: what is wrong with a file is told at its place. The files in testdata/bad say so themselves, in comments.
func TestBadFiles(t *testing.T) {
	for _, path := range badFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range regexp.MustCompile(`# (\d+): ([^#]*)`).FindAllStringSubmatch(line, -1) {
				want = append(want, fmt.Sprintf("%s:%d:%s: %s", path, i+1, m[1], strings.TrimSpace(m[2])))
			}
		}
		if filepath.Base(path) == "empty.yaml" {
			want = []string{path + ": there is no experiment in it; \"supervision-lab new NAME\" prints one"}
		}
		_, err = Load([]string{path}, "mine")
		if err == nil {
			t.Errorf("%s was not refused", path)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: got\n%s\nand not\n%s", path, strings.Join(got, "\n"), strings.Join(want, "\n"))
				break
			}
		}
	}
}

func badFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	return paths
}

// TestEveryRuleHasABadFile: each rule of the schema is broken by a file in testdata/bad, so that a rule that nobody holds files to, and a
// rule that was misspelt, are found.
func TestEveryRuleHasABadFile(t *testing.T) {
	var schema any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	unbroken := map[string]bool{}
	collectRules(unbroken, "#", schema)
	for _, path := range badFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if yaml.Unmarshal(text, &value) != nil {
			continue
		}
		compiled, err := compileSchema()
		if err != nil {
			t.Fatal(err)
		}
		var invalid *jsonschema.ValidationError
		if errors.As(compiled.Validate(value), &invalid) {
			forgetBroken(unbroken, invalid)
		}
	}
	for rule := range unbroken {
		t.Errorf("no file in testdata/bad breaks %s", rule)
	}
}

// collectRules keeps where a schema says something that can be broken.
func collectRules(rules map[string]bool, at string, schema any) {
	object, ok := schema.(map[string]any)
	if !ok {
		if schema == false {
			rules[at] = true
		}
		return
	}
	for key, value := range object {
		here := at + "/" + key
		switch key {
		case "$schema", "title", "description", "$ref", "if", "anyOf": // an alternative of anything cannot be broken
		case "properties", "$defs":
			for name, s := range value.(map[string]any) {
				collectRules(rules, here+"/"+name, s)
			}
		case "allOf":
			for i, s := range value.([]any) {
				collectRules(rules, fmt.Sprint(here, "/", i), s)
			}
		case "then", "else", "items":
			collectRules(rules, here, value)
		case "required", "type", "enum", "pattern", "minimum", "maximum", "minLength", "minItems", "maxItems", "uniqueItems",
			"additionalProperties":
			rules[here] = true
		default:
			rules["a keyword that this test does not know: "+here] = true
		}
	}
}

// forgetBroken takes away the rules that were broken.
func forgetBroken(rules map[string]bool, e *jsonschema.ValidationError) {
	for _, c := range e.Causes {
		forgetBroken(rules, c)
	}
	_, at, _ := strings.Cut(e.SchemaURL, "#")
	delete(rules, strings.TrimSuffix("#"+at+"/"+strings.Join(e.ErrorKind.KeywordPath(), "/"), "/"))
}

// TestSchemaKnowsTheWords: schema and Go speak of the same fields, words, points, strategies and figures.
func TestSchemaKnowsTheWords(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct{ Enum []string }
			Enum       []string
			AnyOf      []struct{ Enum []string }
			Else, Then struct {
				Properties struct {
					Faults struct {
						Items struct {
							Properties struct{ Kind struct{ Enum []string } }
						}
					}
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	same := func(what string, schema, program []string) {
		t.Helper()
		if !slices.Equal(schema, program) {
			t.Errorf("%s: the schema says\n%v, the program\n%v", what, schema, program)
		}
	}
	fields := func(def string, v any) {
		var schemas, tags []string
		for name := range schema.Defs[def].Properties {
			schemas = append(schemas, name)
		}
		for typ, i := reflect.TypeOf(v), 0; i < typ.NumField(); i++ {
			tags = append(tags, typ.Field(i).Tag.Get("yaml"))
			if json := typ.Field(i).Tag.Get("json"); json != tags[i] {
				t.Errorf("%s is %s in results.json", tags[i], json)
			}
		}
		slices.Sort(schemas)
		slices.Sort(tags)
		same("the fields of an "+def, schemas, tags)
	}
	fields("experiment", Experiment{})
	fields("fault", Fault{})
	fields("claim", Claim{})
	same("victims", schema.Defs["victim"].Enum, names(Victims))
	same("traffic", schema.Defs["traffic"].Enum, names(Traffics))
	same("figures", schema.Defs["claim"].Properties["figure"].Enum, names(Figures))
	same("relations", schema.Defs["claim"].Properties["is"].Enum, Relations)
	x := schema.Defs["experiment"]
	kinds := append(slices.Clone(x.Else.Properties.Faults.Items.Properties.Kind.Enum), x.Then.Properties.Faults.Items.Properties.Kind.Enum[0])
	slices.Sort(kinds)
	same("kinds of faults", kinds, slices.Sorted(slices.Values(names(Kinds))))
	same("strategies", schema.Defs["strategy"].AnyOf[0].Enum, (&loader{}).known())
	var session, points []string
	for _, s := range actors.SessionStrategies() {
		session = append(session, s.Name)
	}
	for _, p := range actors.Points() {
		points = append(points, p.String())
	}
	same("session", x.Properties["session"].Enum, session)
	same("points", schema.Defs["fault"].Properties["point"].Enum, points)
}

// TestTemplate: what "new" writes loads as it stands.
func TestTemplate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, Template("my-first"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := Load([]string{path})
	if err != nil || len(all) != 1 || all[0].Name != "my-first" || len(all[0].Predict) < 3 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestDefaults: what a file leaves out is filled in.
func TestDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "short.yaml")
	text := "name: a\nquestion: Is it short?\nvictims: [session]\npredict: [{figure: lost, value: 0, says: Nothing is lost.}]\n" +
		"---\n[{name: b, question: And a list?, victims: [acceptor], strategies: [mine], within: 50ms}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := Load([]string{path}, "mine")
	if err != nil {
		t.Fatal(err)
	}
	want := Experiment{
		Name: "a", Title: "a", Question: "Is it short?", Strategies: []string{"one-for-one"}, Victims: []string{"session"},
		Faults: []Fault{{Kind: "panic", Times: 1}}, Traffic: []string{"ping-pong"}, Repeat: 20, Quick: 3,
		Predict: []Claim{{Figure: "lost", Is: "=", Says: "Nothing is lost."}},
	}
	if len(all) != 2 || !reflect.DeepEqual(all[0], want) || all[1].Name != "b" || all[1].Within != Duration(50e6) {
		t.Errorf("%+v", all)
	}
	if _, err := Load([]string{path, path}, "mine"); err == nil || !strings.Contains(err.Error(), "there is one already") {
		t.Errorf("the same file twice: %v", err)
	}
	if _, err := Load([]string{path + "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// FuzzLoad: whatever a file holds, it is read or refused, and what is read can be written to results.json.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "experiments/*.yaml", "testdata/good/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	schema, err := compileSchema()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := loader{seen: map[string]string{}, schema: schema}
		if err := l.read("a.yaml", text); err != nil {
			t.Error(err)
		}
		if l.err() == nil && len(l.experiments) == 0 {
			t.Error("neither read nor refused")
		}
		if _, err := json.Marshal(l.experiments); err != nil {
			t.Error(err)
		}
	})
}

// TestGoodFiles: what testdata/good holds is taken as it stands.
func TestGoodFiles(t *testing.T) {
	all, err := Load([]string{"testdata/good/anchors.yaml"})
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, x := range all {
		if x.Question != "Are anchors followed?" || len(x.Victims) != 2 {
			t.Errorf("%+v", x)
		}
	}
	if all[0].Repeat != 20 || all[1].Name != "merged" {
		t.Errorf("%+v", all)
	}
}
