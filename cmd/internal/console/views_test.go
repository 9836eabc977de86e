package console

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"tcpproxy/cmd/internal/admin"
)

// Every view, wide and narrow, dark and light, for people to look at: bin/screenshots.
func TestScreenshots(t *testing.T) {
	for _, width := range []int64{1280, 360} {
		for _, dark := range []bool{false, true} {
			look := map[bool]string{false: "light", true: "dark"}[dark]
			t.Run(fmt.Sprintf("%d-%s", width, look), func(t *testing.T) {
				r := newRig(t, admin.Config{Faults: true}, nil)
				for range 2 {
					r.stream()
				}
				for range 6 {
					r.dial()
				}
				p := r.blank(width, 800, dark)
				p.do(chromedp.Navigate(r.url()))
				p.until("eight sessions", `document.querySelectorAll('.row.session').length === 8`)
				p.click(`.row.session .fold`)
				p.until("a panel", `document.querySelector('.panel .flow.moves')`)
				for _, role := range []string{"client-reader", "server-writer"} {
					p.click(`[data-pid$="/` + role + `"] [data-mode=panic]`)
				}
				p.click(`[data-pid="listener/session-5"] [data-mode=stop]`)
				p.until("restarts", `document.querySelector('.card .detail').textContent.includes('↻')`)
				p.shoot(fmt.Sprintf("tree-%d-%s", width, look))
				p.click("#tab-events")
				p.shoot(fmt.Sprintf("events-%d-%s", width, look))
				p.click(`[data-pid="listener/session-1"] .name`)
				p.until("a curve", `document.querySelector('.curve').getAttribute('d').split('L').length > 4`)
				p.shoot(fmt.Sprintf("session-%d-%s", width, look))
				p.click("#tab-tour")
				p.click(".tour .now button")
				p.until("the second step", `document.querySelector('.tour .verdict')`)
				p.shoot(fmt.Sprintf("tour-%d-%s", width, look))
			})
		}
	}
}
