package console

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"tcpproxy/cmd/internal/admin"
)

// Every view, wide and narrow, dark and light, for people to look at: bin/screenshots. What can be measured is: nothing is wider than the
// screen.
func TestScreenshots(t *testing.T) {
	for _, width := range []int64{1280, 360} {
		for look, dark := range map[string]bool{"light": false, "dark": true} {
			t.Run(fmt.Sprintf("%d-%s", width, look), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, admin.Config{Faults: true}, nil)
				for range 2 {
					r.stream()
				}
				for range 5 {
					r.dial()
				}
				_ = r.dial().Close()
				p := r.blank(width, 800, dark)
				p.do(chromedp.Navigate(r.url()))
				shoot := func(view string) {
					t.Helper()
					p.shoot(fmt.Sprintf("%s-%d-%s", view, width, look))
					if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > int(width) {
						t.Errorf("%s is %d pixels wide on a screen of %d", view, wide, width)
					}
					// Nor does any text run into what is beside it.
					if cut := eval[string](p, `[...document.querySelectorAll('.figure, .card .name, .tabs button, .facts dd')]
						.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent).join()`); cut != "" {
						t.Errorf("in %s there is no room for %s", view, cut)
					}
				}
				p.until("seven sessions", `document.querySelectorAll('.row.session').length === 7`)
				p.until("the stream", `document.querySelector('#connection').textContent === 'live'`)
				p.click(`.row.session .fold`)
				p.until("a panel", `document.querySelector('.panel .flow.moves')`)
				p.click(`[data-pid="listener/session-1"] .name`)
				p.until("a curve", `document.querySelector('.curve').getAttribute('d').split('L').length > 2`)
				p.click(`[data-pid$="/client-reader"] [data-mode=panic]`)
				if err := r.proxy.Kill("listener/session-5", "stop", "somebody"); err != nil {
					t.Fatal(err)
				}
				p.until("restarts", `[...document.querySelectorAll('.card .detail')].some((d) => d.textContent.includes('↻'))`)
				p.until("the curve goes on", `document.querySelector('.curve').getAttribute('d').split('L').length > 3`)
				shoot("session")
				p.click("#tab-tree")
				p.until("the flows move", `document.querySelector('.panel .flow.moves') || document.querySelector('#view-tree').hidden`)
				p.click("#tab-events")
				p.choose("#strategy", "all-for-one")
				if err := r.proxy.Kill("listener/session-1/server-reader", "panic", "somebody"); err != nil {
					t.Fatal(err)
				}
				p.until("the events", `document.querySelectorAll('#view-events .log li').length > 9`)
				shoot("events")
				p.click("#tab-tree")
				shoot("tree")
				p.click("#tab-tour")
				p.click(".tour .now button")
				p.until("the second step", `document.querySelector('.tour .verdict')`)
				p.until("its button", `document.querySelector('.tour .now button')?.disabled === false`)
				p.click(".tour .now button")
				p.until("the third step", `document.querySelectorAll('.tour .verdict').length === 2`)
				shoot("tour")
				r.door.shut()
				p.until("that the proxy is lost", `!document.querySelector('#banner').hidden`)
				shoot("lost")
			})
		}
	}
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, admin.Config{TokenFile: tokenFile(t, "s3cret")}, nil)
		p := r.blank(360, 800, false)
		p.do(chromedp.Navigate(r.url()))
		p.until("the question", `document.querySelector('#token').open`)
		p.shoot("token-360-light")
	})
}
