package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	// chunkWithin is how long a caller may take for a part of a large answer, and answerWithin for all of it: one who does not read gives
	// up his place, of which there are few, to others.
	chunkWithin  = 3 * time.Second
	answerWithin = 30 * time.Second
)

// serveSessions lists the sessions.
func (a *api) serveSessions(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, func(ctx context.Context, _ wish) (*answer, map[uint64]bool, error) {
		it, err := a.sessions.get(ctx)
		return it, nil, err
	})
}

// serveTree looks for a word in the list of sessions, too: the actors do not say who the peers are.
func (a *api) serveTree(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, func(ctx context.Context, wanted wish) (*answer, map[uint64]bool, error) {
		var also map[uint64]bool
		if wanted.word != "" {
			list, err := a.sessions.get(ctx)
			if err != nil {
				return nil, nil, err
			}
			also = map[uint64]bool{}
			found, _ := a.chooser.choose(&list.told, wish{word: wanted.word}, nil)
			for _, p := range found {
				also[p.id] = true
			}
		}
		it, err := a.tree.get(ctx)
		return it, also, err
	})
}

// serve answers a question, such as what sessions there are, with those sessions that the caller wants. get returns the whole answer.
func (a *api) serve(w http.ResponseWriter, r *http.Request, get func(context.Context, wish) (*answer, map[uint64]bool, error)) {
	wanted, err := wishOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.patience)
	defer cancel()
	it, also, err := get(ctx, wanted)
	if err != nil {
		refuseUnanswered(w, err)
		return
	}
	var chosen []*place
	total, tag := len(it.sessions), it.tag
	if !wanted.isAll() {
		chosen, total = a.chooser.choose(&it.told, wanted, also)
		tag = it.etag(chosen, total)
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	w.Header().Set("ETag", tag)
	if hasTag(r, tag) {
		head(w, http.StatusNotModified)
		return
	}
	head(w, http.StatusOK)
	begun, deadline := time.Now(), http.NewResponseController(w)
	taken := func() {
		now := time.Now()
		_ = deadline.SetWriteDeadline(now.Add(min(chunkWithin, answerWithin-now.Sub(begun))))
	}
	if wanted.isAll() {
		a.pacer.write(w, it.text, taken)
	} else {
		it.writeOnly(&paced{pacer: &a.pacer, to: w, taken: taken}, chosen)
	}
}
