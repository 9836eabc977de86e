package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tcpproxy/messages"
)

// described is as much of the description as the tests look at by themselves.
type described struct {
	OpenAPI string
	Paths   map[string]map[string]struct { // by path and method
		Parameters []struct {
			Name, In string
			Schema   map[string]any
		}
		RequestBody any
		Responses   map[string]struct{ Content map[string]any }
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct{ Const string }
			OneOf      []map[string]string
		}
	}
}

func readDescription(t *testing.T) (d described, compiler *jsonschema.Compiler) {
	t.Helper()
	if err := json.Unmarshal(description, &d); err != nil {
		t.Fatal(err)
	}
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(description))
	if err != nil {
		t.Fatal(err)
	}
	compiler = jsonschema.NewCompiler() // of the dialect that OpenAPI 3.1 has
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", text); err != nil {
		t.Fatal(err)
	}
	return d, compiler
}

// mustFit holds a text to the schema at a place in the description.
func mustFit(t *testing.T, c *jsonschema.Compiler, pointer []string, text string) {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "*", "%2A")
	at := "openapi.json#"
	for _, part := range pointer {
		at += "/" + escape.Replace(part)
	}
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s does not fit: %v", text, err)
	}
}

// TestDescriptionKnowsEveryRoute: what is served is described, and nothing else.
func TestDescriptionKnowsEveryRoute(t *testing.T) {
	d, _ := readDescription(t)
	there := http.NotFoundHandler()
	server := newFake().serve(t, Config{Metrics: there, Console: there})
	served := map[string]bool{}
	for _, r := range server.routes(newAPI(newFake(), server)) {
		path := strings.ReplaceAll(r.path, "{$}", "")
		if strings.HasSuffix(path, "/") && path != "/" {
			path += "{path}"
		}
		served[strings.ToLower(r.method)+" "+path] = true
	}
	for path, methods := range d.Paths {
		for method := range methods {
			if !served[method+" "+path] {
				t.Errorf("%s %s is described, but not served", method, path)
			}
			delete(served, method+" "+path)
		}
	}
	for route := range served {
		t.Errorf("%s is served, but not described", route)
	}
	if d.OpenAPI != "3.1.0" {
		t.Errorf("it is of version %s", d.OpenAPI)
	}
	if answer, body := request(t, server, "GET", "/api/openapi.json", ""); answer.StatusCode != 200 || body != string(description) {
		t.Errorf("status %d, %d bytes", answer.StatusCode, len(body))
	}
}

// TestDescribedAnswers: real answers have the status, the type and the fields that are described for them.
func TestDescribedAnswers(t *testing.T) {
	d, compiler := readDescription(t)
	const token = "Authorization: Bearer s3cret"
	proxy := many(new(atomic.Int64))
	proxy.setSupervision = func(name string) error {
		if name != "stop" {
			return errors.New("unknown")
		}
		return nil
	}
	var server *Server
	proxy.kill = func(pid, _ string) error {
		server.Observe(messages.ActorFailed{PID: pid, Strategy: "one-for-one", Directive: "restart"})
		server.Observe(messages.ActorRestarted{PID: pid, Restarts: 1, After: time.Millisecond})
		return nil
	}
	file := tokenFile(t, "s3cret")
	server = proxy.serve(t, Config{Faults: true, TokenFile: file})
	without := newFake().serve(t, Config{TokenFile: file})
	stopped := newFake()
	close(stopped.done)
	gone := stopped.serve(t, Config{TokenFile: file})
	for _, test := range []struct {
		server             *Server
		method, path, body string
		status             int
	}{
		{server, "get", "/healthz", "", 200}, {server, "get", "/readyz", "", 200}, {gone, "get", "/healthz", "", 503},
		{gone, "get", "/readyz", "", 503}, {server, "get", "/api/tree", "", 200},
		{server, "get", "/api/tree?limit=2&after=1&q=l", "", 200}, {server, "get", "/api/tree?limit=0", "", 400},
		{server, "get", "/api/sessions", "", 200}, {server, "get", "/api/sessions?limit=2&after=1&q=l", "", 200},
		{server, "get", "/api/sessions?after=x", "", 400}, {gone, "get", "/api/sessions", "", 503},
		{gone, "get", "/api/tree", "", 503}, {server, "delete", "/api/sessions/7", "", 204},
		{server, "delete", "/api/sessions/8", "", 404}, {server, "delete", "/api/sessions/x", "", 400},
		{gone, "delete", "/api/sessions/7", "", 503}, {server, "get", "/api/stats", "", 200},
		{gone, "get", "/api/stats", "", 503}, {server, "get", "/api/process", "", 200},
		{server, "get", "/api/events?kinds=none", "", 400}, {server, "get", "/api/openapi.json", "", 200},
		{server, "post", "/api/faults", killIt, 202}, {server, "post", "/api/faults?wait=10s", killIt, 200},
		{server, "post", "/api/faults", "", 400},
		{server, "post", "/api/faults", `{"pid":"nobody","mode":"stop"}`, 404},
		{without, "post", "/api/faults", killIt, 403},
		{server, "post", "/api/faults", `{"pid":"` + strings.Repeat("x", maxBody) + `"}`, 413},
		{server, "put", "/api/supervision", `{"strategy":"stop"}`, 200},
		{server, "put", "/api/supervision", `{"strategy":"go"}`, 400},
		{without, "put", "/api/supervision", `{"strategy":"stop"}`, 403},
	} {
		what := fmt.Sprintf("%s %s %.50s", test.method, test.path, test.body)
		answer, body := request(t, test.server, strings.ToUpper(test.method), test.path, test.body, token)
		if answer.StatusCode != test.status {
			t.Errorf("%s: status %d, body %q; want %d", what, answer.StatusCode, body, test.status)
			continue
		}
		path, _, _ := strings.Cut(test.path, "?")
		if strings.HasPrefix(path, "/api/sessions/") {
			path = "/api/sessions/{id}"
		}
		status := strconv.Itoa(test.status)
		response, known := d.Paths[path][test.method].Responses[status]
		if !known {
			t.Errorf("%s: status %s is not described", what, status)
			continue
		}
		kind := strings.TrimSuffix(answer.Header.Get("Content-Type"), "; charset=utf-8")
		at := []string{"paths", path, test.method, "responses", status}
		if test.status == 403 { // described once for all
			at = []string{"components", "responses", "Forbidden"}
		} else if _, known := response.Content[kind]; known != (body != "") {
			t.Errorf("%s: an answer of type %q, and %v is described", what, kind, slices.Collect(maps.Keys(response.Content)))
			continue
		}
		if kind == "application/json" {
			mustFit(t, compiler, append(at, "content", kind, "schema"), body)
		}
	}
	if status, body := call(t, server, "GET", "/api/tree", ""); status == 401 {
		mustFit(t, compiler, []string{"components", "responses", "Unauthorized", "content", "application/json", "schema"}, body)
	}
}

// TestDescribedParameters: what is described as a parameter is one: its bounds are in force, if it has any.
func TestDescribedParameters(t *testing.T) {
	d, _ := readDescription(t)
	server := newFake().serve(t, Config{Faults: true})
	for path, methods := range d.Paths {
		for method, operation := range methods {
			for _, p := range operation.Parameters {
				if p.In != "query" {
					continue
				}
				bad := map[string]string{"integer": "many", "string": "none"}[p.Schema["type"].(string)]
				if most, bounded := p.Schema["maxLength"].(float64); bounded {
					bad = strings.Repeat("x", int(most)+1)
				}
				bads := []string{bad}
				for _, bound := range []struct {
					key  string
					step float64
				}{{"minimum", -1}, {"maximum", 1}} {
					if n, there := p.Schema[bound.key].(float64); there {
						bads = append(bads, strconv.FormatFloat(n+bound.step, 'f', 0, 64))
					}
				}
				for _, bad := range bads {
					if status, body := call(t, server, strings.ToUpper(method), path+"?"+p.Name+"="+bad, killIt); status != 400 {
						t.Errorf("%s %s takes %s=%.20s: status %d, body %q", method, path, p.Name, bad, status, body)
					}
				}
			}
		}
	}
}

// TestDescriptionKnowsEveryParameter that the code looks for.
func TestDescriptionKnowsEveryParameter(t *testing.T) {
	d, _ := readDescription(t)
	for path, want := range map[string]string{
		"/api/tree": "If-None-Match after limit q", "/api/sessions": "If-None-Match after limit q",
		"/api/events": "Last-Event-ID after kinds session", "/api/faults": "wait", "/api/sessions/{id}": "id", "/api/stats": "",
	} {
		var names []string
		for _, operation := range d.Paths[path] {
			for _, p := range operation.Parameters {
				names = append(names, p.Name)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s has the parameters %s, want %s", path, got, want)
		}
	}
}

// TestDescribedEvents: every event is described, with its fields, and those of its schema are there.
func TestDescribedEvents(t *testing.T) {
	d, compiler := readDescription(t)
	byName := map[string]string{}
	for schema, it := range d.Components.Schemas {
		if name := it.Properties["name"].Const; name != "" {
			byName[name] = schema
		}
	}
	data := regexp.MustCompile(`(?m)^data: (.*)$`)
	h := newHub(nil)
	defer h.close()
	some := []any{
		messages.ListenerOpened{}, messages.ListenerDraining{}, messages.ListenerClosed{}, messages.AcceptPaused{}, messages.AcceptResumed{},
		messages.SessionAccepted{}, messages.SessionOpened{}, messages.SessionClosed{}, messages.ActorFailed{}, messages.ActorKilled{},
		messages.ActorRestarted{}, messages.ActorStopped{}, messages.SupervisionChanged{}, messages.ProcessRestarted{},
	}
	if names := messages.EventNames(); len(some) != len(names) || len(byName) != len(names) {
		t.Errorf("%d events are tried, %d described, and there are %d", len(some), len(byName), len(names))
	}
	for _, event := range some {
		filled := fill(event)
		for _, event := range []any{event, filled} {
			if reflect.ValueOf(event).Field(0).Kind() == reflect.Uint64 && sessionOf(event) == 0 {
				continue // no session has the number 0
			}
			it := happened{at: time.Now(), event: event, name: messages.EventName(event), session: sessionOf(event)}
			text := data.FindStringSubmatch(string(it.encode("epoch-1")))[1]
			schema, known := byName[it.name]
			if !known {
				t.Errorf("%s is not described", it.name)
				continue
			}
			mustFit(t, compiler, []string{"components", "schemas", schema}, text)
			mustFit(t, compiler, []string{"components", "schemas", "Event"}, text)
			if strings.Contains(text, "\n") {
				t.Errorf("%q has more than a line", text)
			}
			if reflect.DeepEqual(event, filled) { // all that is described is there
				var fields map[string]any
				if err := json.Unmarshal([]byte(text), &fields); err != nil || len(fields) != len(d.Components.Schemas[schema].Properties) {
					t.Errorf("%s: %v; %d fields are described", text, err, len(d.Components.Schemas[schema].Properties))
				}
			}
		}
	}
	for _, text := range []string{`{"missed":-1}`, `{"missed":7}`, `{"dropped":1}`} {
		mustFit(t, compiler, []string{"components", "schemas", "Event"}, text)
	}
}

// fill returns the event with something in each field.
func fill(event any) any {
	filled := reflect.New(reflect.TypeOf(event)).Elem()
	for i := range filled.NumField() {
		switch f := filled.Field(i); f.Interface().(type) {
		case string:
			f.SetString("listener/session-7/client-\"reader\"\n")
		case netip.AddrPort:
			f.Set(reflect.ValueOf(netip.MustParseAddrPort("[fe80::1%eth0]:80")))
		case messages.Cause:
			f.Set(reflect.ValueOf(messages.CauseHung))
		case int, time.Duration:
			f.SetInt(1_500_000)
		case uint32, uint64:
			f.SetUint(7)
		default:
			if f.Kind() == reflect.Interface {
				f.Set(reflect.ValueOf(errors.New("some error")))
			}
		}
	}
	return filled.Interface()
}
