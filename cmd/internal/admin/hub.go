package admin

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tcpproxy/cmd/internal/feed"
	"tcpproxy/messages"
)

const (
	// heldEvents is how many of the latest events there are for those who come, or come back, and how far a follower may fall behind.
	heldEvents = 1000
	// queuedEvents is how many may wait for the hub: more than loops publish while it rests.
	queuedEvents = 4096
)

// hub keeps the latest events, for all who follow them. It is told of them by a feed, on a goroutine of its own. Each follower has a place
// among what is held: so nobody waits for another, what one of them has lost is counted for him alone, and to come back is the same as to
// have been slow. An event is written as JSON when the first of them wants it, once for all.
type hub struct {
	epoch  string // of the numbers; another process has another
	feed   *feed.Feed
	within time.Duration // how long a follower may take to read

	mu        sync.Mutex
	ring      [heldEvents]*happened // by number
	last      uint64                // number of the latest; the first is 1
	followers map[*follower]struct{}
	lost      atomic.Uint64 // by followers
}

func newHub(log *slog.Logger) *hub {
	h := &hub{
		epoch: strconv.FormatInt(time.Now().UnixNano(), 36), within: followWithin,
		followers: map[*follower]struct{}{},
	}
	h.feed = feed.New(queuedEvents, log, h.hold)
	return h
}

// observe takes an event from whoever publishes it.
func (h *hub) observe(event any) {
	if messages.EventName(event) != "" { // the library has others, for itself
		h.feed.Observe(event)
	}
}

// dropped is how many events somebody has not been told of.
func (h *hub) dropped() uint64 { return h.feed.Dropped() + h.lost.Load() }

// close ends the hub. Those who follow end with their connections.
func (h *hub) close() { h.feed.Close() }

// hold keeps an event in the place of the oldest one.
func (h *hub) hold(event any, at time.Time) {
	it := &happened{at: at, event: event, name: messages.EventName(event), session: sessionOf(event)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	it.number = h.last
	place := &h.ring[it.number%heldEvents]
	oldest := *place
	*place = it
	for f := range h.followers {
		if oldest != nil && f.next <= oldest.number {
			f.next = oldest.number + 1
			if f.wants(oldest) {
				f.lost++
				h.lost.Add(1)
			}
		}
		if f.wants(it) {
			select {
			case f.wake <- struct{}{}:
			default:
			}
		}
	}
}

// oldest is the number of the oldest one held. With mu.
func (h *hub) oldest() uint64 { return max(heldEvents, h.last) - heldEvents + 1 }

// id is what a follower calls the event of that number.
func (h *hub) id(number uint64) string { return h.epoch + "-" + strconv.FormatUint(number, 10) }

// follower is one who follows the events. He is one goroutine's; next and lost are under the hub's mu.
type follower struct {
	hub     *hub
	kinds   map[string]bool // names; nil = all
	session uint64          // 0 = all, and those that concern none
	wake    chan struct{}   // holds a value if there may be something for him
	next    uint64          // number of the event that he has not looked at
	lost    uint64          // that he wanted, and were gone before he took them
}

func (f *follower) wants(it *happened) bool {
	return (f.kinds == nil || f.kinds[it.name]) && (f.session == 0 || f.session == it.session)
}

// join has the follower begin behind the event that after names, or with what comes now if that is "". missed is how many events since then
// are not held any more; -1 if nobody knows, since the numbers are those of another process.
func (h *hub) join(f *follower, after string) (missed int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.hub, f.wake = h, make(chan struct{}, 1)
	h.followers[f] = struct{}{}
	if after == "" {
		f.next = h.last + 1
		return 0
	}
	number, known := h.number(after)
	if !known || number > h.last {
		f.next = h.oldest()
		return -1
	}
	f.next = max(number+1, h.oldest())
	return int64(f.next - number - 1)
}

// number is that of the event with this id: a plain number is of this process. known is false for another's.
func (h *hub) number(id string) (number uint64, known bool) {
	text, prefixed := strings.CutPrefix(id, h.epoch+"-")
	number, err := strconv.ParseUint(text, 10, 64)
	return number, err == nil && (prefixed || id == text)
}

func (f *follower) leave() {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	delete(f.hub.followers, f)
}

// take returns the next events for the follower, some at most, and how many he has lost before them.
func (f *follower) take(some int) (batch []*happened, lost uint64) {
	h := f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	lost, f.lost = f.lost, 0
	for ; f.next <= h.last && len(batch) < some; f.next++ {
		if it := h.ring[f.next%heldEvents]; f.wants(it) {
			batch = append(batch, it)
		}
	}
	return batch, lost
}

// seen is the id of the last event that he has looked at.
func (f *follower) seen() string {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	return f.hub.id(f.next - 1)
}

// happened is an event that is held.
type happened struct {
	number  uint64
	at      time.Time
	event   any
	name    string
	session uint64 // that it is about; 0 if none

	once  sync.Once
	frame []byte // not to be changed
}

// text is the event as followers get it.
func (it *happened) text(h *hub) []byte {
	it.once.Do(func() { it.frame = it.encode(h.id(it.number)) })
	return it.frame
}

// encode writes the event's own fields behind those that all have. The number of its session is called session: id is the event's.
func (it *happened) encode(id string) []byte {
	_, fields, _ := messages.EncodeEvent(it.event)
	delete(fields, "id")
	if it.session != 0 {
		fields["session"] = it.session
	}
	own, err := json.Marshal(fields)
	if err != nil {
		own = []byte("{}")
	}
	text := make([]byte, 0, 160+len(own))
	text = append(append(append(text, "id: "...), id...), "\nevent: "...)
	text = append(append(append(text, it.name...), "\ndata: {\"id\":\""...), id...)
	text = it.at.UTC().AppendFormat(append(text, `","time":"`...), time.RFC3339Nano)
	text = append(append(append(text, `","name":"`...), it.name...), '"')
	if len(own) > len("{}") {
		text = append(append(text, ','), own[1:len(own)-1]...)
	}
	return append(text, "}\n\n"...)
}

// sessionOf is the number of the session that an event is about, or one of its actors; 0 if it is about none.
func sessionOf(event any) uint64 {
	switch e := event.(type) {
	case messages.SessionAccepted:
		return e.ID
	case messages.SessionOpened:
		return e.ID
	case messages.SessionClosed:
		return e.ID
	case messages.ActorFailed:
		return sessionIn(e.PID)
	case messages.ActorKilled:
		return sessionIn(e.PID)
	case messages.ActorRestarted:
		return sessionIn(e.PID)
	case messages.ActorStopped:
		return sessionIn(e.PID)
	}
	return 0
}

// sessionIn is the number of the session that a PID belongs to, such as listener/session-42/client-reader; 0 if it belongs to none.
func sessionIn(pid string) uint64 {
	_, rest, below := strings.Cut(pid, "/session-")
	if !below {
		return 0
	}
	text, _, _ := strings.Cut(rest, "/")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
