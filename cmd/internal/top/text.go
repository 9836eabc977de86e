package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"tcpproxy/messages"
)

// Clean is a text of the proxy's without what a terminal would obey: there are names in it that others have chosen.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// fit makes a text exactly so wide.
func fit(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// cut makes a text so wide at most.
func cut(text string, width int) string { return ansi.Truncate(text, width, "…") }

// fill makes so many lines.
func fill(lines []string, height int) []string {
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:height]
}

// speed is a rate with its unit; 1 kB are 1000 bytes.
func speed(perSecond float64) string { return amount(perSecond) + "/s" }

func amount(bytes float64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%.0f B", bytes)
	}
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if bytes /= 1000; bytes < 999.95 || unit == "TB" {
			return fmt.Sprintf("%.1f %s", bytes, unit)
		}
	}
	return ""
}

// seconds is a span as people read it.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// snapshotLines is a look as text: the key figures, and every actor with a line of its own.
func snapshotLines(l look) []string {
	m := newModel(nil, nil, Config{}) //nolint:staticcheck // this one is never asked for anything
	m.take(l)
	lines := []string{figures(&l, "", m.strategy())}
	var add func(n *messages.Node, depth int)
	add = func(n *messages.Node, depth int) {
		r := row{node: n, depth: depth, session: m.byPID[n.PID]}
		line := fmt.Sprintf("%-62s %-10s restarts=%d mailbox=%d", r.name(), Clean(n.State), n.Restarts, n.Mailbox)
		if s := r.session; s != nil {
			line += fmt.Sprintf(" up=%d down=%d age=%.1fs idle=%.1fs", s.BytesClientToServer, s.BytesServerToClient, s.AgeSeconds, s.IdleSeconds)
		}
		lines = append(lines, line)
		for i := range n.Children {
			add(&n.Children[i], depth+1)
		}
	}
	add(&l.tree, 0)
	if l.total > len(l.sessions) {
		lines = append(lines, fmt.Sprintf("and %d sessions more", l.total-len(l.sessions)))
	}
	return lines
}
