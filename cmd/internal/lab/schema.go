package lab

import (
	"bytes"
	_ "embed" // for Schema

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is the JSON Schema of experiment files, for editors. The loader holds files to it, too: what an editor underlines is what Load
// refuses, but for the few rules that span an experiment, which are in check.go.
//
//go:embed experiment.schema.json
var Schema []byte

// compileSchema makes Schema ready for use.
func compileSchema() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("experiment.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("experiment.schema.json")
}
