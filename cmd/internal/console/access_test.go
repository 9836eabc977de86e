package console

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tcpproxy/cmd/internal/admin"
)

// axe is the version of axe-core, a package of rules for accessible pages, which npm serves. It is no part of the program, and kept in bin.
const axe = "4.14.1"

// rules is axe as a script.
func rules(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root(t), "bin", "axe")
	script := filepath.Join(dir, "package", "axe.min.js")
	text, err := os.ReadFile(script)
	if err == nil {
		return string(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err = os.MkdirAll(dir, 0o755); err == nil {
		fetch := exec.CommandContext(ctx, "sh", "-c", "npm pack --silent axe-core@$0 && tar xzf axe-core-$0.tgz", axe)
		fetch.Dir = dir
		fetch.WaitDelay = time.Second
		err = fetch.Run()
	}
	if err == nil {
		text, err = os.ReadFile(script)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("axe-core %s cannot be had: %v; it takes npm and its registry", axe, err)
		}
		t.Skipf("axe-core %s cannot be had: %v; it takes npm and its registry", axe, err)
	}
	return string(text)
}

func TestAccessible(t *testing.T) {
	script := rules(t)
	for look, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(look, func(t *testing.T) {
			r := newRig(t, admin.Config{Faults: true}, nil)
			r.stream()
			r.dial()
			p := r.blank(1280, 800, dark)
			p.do(chromedp.Navigate(r.url()))
			p.until("the children", `document.querySelectorAll('.card').length === 8`)
			p.click(`[data-pid="listener/session-1/client-reader"] [data-mode=panic]`)
			p.until("a restart", `document.querySelector('.card .detail').textContent.includes('↻')`)
			eval[bool](p, "(() => {"+script+"\nreturn true; })()")
			for _, view := range []string{"events", "session", "tour"} {
				if view == "session" {
					p.click(`[data-pid="listener/session-1"] .name`)
				} else {
					p.click("#tab-" + view)
				}
				p.violations(view)
			}
		})
	}
}

// violations has axe look at the page as it is. One rule is left out: it wants all text within an element in its name, and an actor's
// place in the tree has buttons and other actors in it, which have names of their own.
func (p *tab) violations(view string) {
	p.t.Helper()
	text := eval[string](p, `axe.run(document, {
		resultTypes: ['violations'], rules: { 'label-content-name-mismatch': { enabled: false } },
	}).then((r) => JSON.stringify(r.violations.map((v) => ({
		id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' | ' + n.failureSummary),
	}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range found {
		p.t.Errorf("%s: %s: %s\n%s", view, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
}
