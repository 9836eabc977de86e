package admin

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tcpproxy/messages"
)

const (
	// mostWanted is the largest limit.
	mostWanted = 10_000
	// longestWord is how long what is looked for may be, in bytes.
	longestWord = 200
)

// wish is which sessions a caller wants of an answer: all, unless he says so.
type wish struct {
	limit int    // 0 = none
	after uint64 // only those with higher numbers
	word  string // only those that have it
}

func (w wish) isAll() bool { return w == wish{} }

func wishOf(r *http.Request) (w wish, err error) {
	query, err := queryOf(r, "limit", "after", "q")
	if err != nil {
		return w, err
	}
	if text, there := query["limit"]; there {
		if w.limit, err = strconv.Atoi(text); err != nil || w.limit < 1 || w.limit > mostWanted {
			return w, fmt.Errorf("limit is %q, but it takes a whole number from 1 to %d", text, mostWanted)
		}
	}
	if text, there := query["after"]; there {
		if w.after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return w, fmt.Errorf("after is %q, but it takes the number of a session", text)
		}
	}
	if w.word = query["q"]; len(w.word) > longestWord {
		return w, fmt.Errorf("q has %d bytes, but it takes %d at most", len(w.word), longestWord)
	}
	return w, nil
}

// chooser finds the part of an answer that a caller wants, for one of them at a time: among thousands of sessions that takes a while, and
// the processors are the sessions'.
type chooser struct{ mu sync.Mutex }

// choose returns the sessions wanted of an answer, in the order of its text, and how many there are without limit and after. also are the
// numbers of sessions that have the word elsewhere.
func (c *chooser) choose(t *told, w wish, also map[uint64]bool) (chosen []*place, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := time.Now()
	for i := range t.sessions {
		p := &t.sessions[i]
		if i%16 == 15 && time.Since(since) > encodeFor {
			time.Sleep(encodeRest)
			since = time.Now()
		}
		if w.word != "" && !also[p.id] && !p.has(w.word) {
			continue
		}
		if total++; p.id > w.after {
			chosen = append(chosen, p)
		}
	}
	if w.limit > 0 && len(chosen) > w.limit { // the lowest numbers: in the tree each listener has its own
		slices.SortFunc(chosen, func(a, b *place) int { return cmp.Compare(a.id, b.id) })
		chosen = chosen[:w.limit]
		slices.SortFunc(chosen, func(a, b *place) int { return cmp.Compare(a.from, b.from) })
	}
	return chosen, total
}

// has reports whether a word is part of what the session says of itself.
func (p *place) has(word string) bool {
	if s := p.entry; s != nil {
		return strings.Contains(s.PID, word) || strings.Contains(s.Client, word) ||
			strings.Contains(s.Server, word) || strings.Contains(s.State, word)
	}
	return nodeHas(p.node, word)
}

func nodeHas(n *messages.Node, word string) bool {
	return strings.Contains(n.PID, word) || strings.Contains(n.State, word) ||
		slices.ContainsFunc(n.Children, func(child messages.Node) bool { return nodeHas(&child, word) })
}

// writeOnly writes the text with these sessions, and everything in it that is no session. It copies none of it.
func (t *told) writeOnly(to io.Writer, chosen []*place) {
	j := joiner{to: bufio.NewWriterSize(to, paceChunk)}
	at := 0
	for i := range t.sessions {
		p := &t.sessions[i]
		j.between(t.text[at:p.from])
		at = p.to
		if len(chosen) > 0 && chosen[0] == p {
			j.element(t.text[p.from:p.to])
			chosen = chosen[1:]
		}
	}
	j.between(t.text[at:])
	_ = j.to.Flush() // a caller who has gone is no concern of the proxy's
}

// joiner puts commas between the elements of lists from which others have been left out.
type joiner struct {
	to   *bufio.Writer
	last byte
}

func (j *joiner) write(text []byte) {
	if len(text) > 0 {
		_, _ = j.to.Write(text)
		j.last = text[len(text)-1]
	}
}

func (j *joiner) element(text []byte) {
	if len(text) > 0 && j.last != '[' {
		j.write([]byte{','})
	}
	j.write(text)
}

// between writes what stands before, between or after sessions. Its commas at either end belong to the lists that they are in.
func (j *joiner) between(text []byte) {
	text, goesOn := bytes.CutPrefix(text, []byte{','})
	text = bytes.TrimSuffix(text, []byte{','})
	if goesOn {
		j.element(text)
	} else {
		j.write(text)
	}
}

// all are all sessions.
func (t *told) all() []*place {
	all := make([]*place, len(t.sessions))
	for i := range all {
		all[i] = &t.sessions[i]
	}
	return all
}

// etag says whether two answers differ in anything but in times that go on by themselves.
func (t *told) etag(chosen []*place, total int) string {
	var h maphash.Hash
	h.SetSeed(seed)
	at, number := 0, make([]byte, 8)
	for i := range t.sessions {
		p := &t.sessions[i]
		if gap := t.text[at:p.from]; len(gap) > 1 { // more than a comma
			_, _ = h.Write(gap)
		}
		at = p.to
		if len(chosen) > 0 && chosen[0] == p {
			_, _ = h.Write(binary.LittleEndian.AppendUint64(number[:0], p.print))
			chosen = chosen[1:]
		}
	}
	_, _ = h.Write(t.text[at:])
	_, _ = h.Write(binary.LittleEndian.AppendUint64(number[:0], uint64(total)))
	return `W/"` + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// hasTag reports whether a caller has an answer with this tag already.
func hasTag(r *http.Request, tag string) bool {
	for _, header := range r.Header.Values("If-None-Match") {
		for _, one := range strings.Split(header, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}
