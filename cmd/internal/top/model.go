package top

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcpproxy/messages"
)

const (
	// lookEvery is how often the proxy is asked, unless it takes long to answer: restFactor times as long it is left alone at least.
	lookEvery  = time.Second
	restFactor = 4
	// eventsKept is how many events are remembered.
	eventsKept = 200
	// shineFor is how long an actor that was restarted is set off.
	shineFor = 3 * time.Second
	// fewSessions are shown unfolded when the program starts.
	fewSessions = 4
)

// mode is what keys mean.
type mode int

const (
	browsing  mode = iota
	searching      // keys are letters of the search
	choosing       // a strategy
	ending         // whether to end a session
)

// model is the screen. Messages change it, and nothing else.
type model struct {
	ctx    context.Context
	client *client
	addr   string

	width, height int
	mode          mode

	seen      look // the last one that was answered
	byPID     map[string]*messages.Session
	rates     map[uint64]rate // by session
	sum       rate            // of all
	lost      error           // why the proxy cannot be seen now; nil if it can
	lostAt    time.Time
	fold      map[string]bool // what the user has folded or unfolded
	few       bool
	restarted map[string]time.Time // who was, lately
	selected  string               // PID
	cursor    int                  // where it is, or was
	top       int                  // the first line of the tree that is shown
	search    string

	events  []event // the latest one last
	offered bool    // the proxy offers events

	choice     int // of the strategies
	strategies []strategy
	condemned  uint64 // the session to end, if confirmed
	note       string // what became of what the user did
	bad        bool   // the note is an error
}

// rate is bytes a second.
type rate struct{ up, down float64 }

// Messages of the program's own.
type (
	// looked is a look that was asked for.
	looked look
	// lookNow asks for one.
	lookNow struct{}
	// did is what became of something that the user ordered.
	did struct {
		text string
		err  error
	}
)

func newModel(ctx context.Context, c *client, config Config) *model {
	return &model{
		ctx: ctx, client: c, addr: config.Addr, width: 80, height: 24,
		byPID: map[string]*messages.Session{}, rates: map[uint64]rate{}, fold: map[string]bool{},
	}
}

// Init begins to look.
func (m *model) Init() tea.Cmd { return m.look() }

func (m *model) look() tea.Cmd {
	q := ""
	if m.search != "" && m.seen.total > most || m.search != "" && len(m.seen.sessions) >= most {
		q = m.search
	}
	return func() tea.Msg { return looked(m.client.look(m.ctx, q)) }
}

// Update takes a message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case lookNow:
		return m, m.look()
	case looked:
		m.take(look(msg))
		return m, tea.Tick(max(lookEvery, restFactor*msg.took), func(time.Time) tea.Msg { return lookNow{} })
	case event:
		m.remember(msg)
	case offered:
		m.offered = bool(msg)
	case did:
		m.note, m.bad = msg.text, msg.err != nil
		if m.bad {
			m.note = msg.err.Error()
		}
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.mode == searching {
			m.search += Clean(msg.Content)
		}
	}
	m.settle()
	return m, nil
}

// take compares a look with the one before.
func (m *model) take(l look) {
	if l.err != nil {
		if m.lost == nil {
			m.lostAt = l.at
		}
		m.lost, m.rates = l.err, nil // what is not seen does not move
		return
	}
	before, back := m.seen, m.lost != nil
	began := before.at.IsZero()
	m.seen, m.lost = l, nil
	switch {
	case began:
		m.few = len(l.sessions) <= fewSessions
	case back:
		m.note, m.bad = "the proxy is back, after "+seconds(l.at.Sub(m.lostAt).Seconds()), false
	}
	m.byPID = make(map[string]*messages.Session, len(l.sessions))
	for i := range l.sessions {
		m.byPID[l.sessions[i].PID] = &l.sessions[i]
	}
	if l.stats != nil && len(l.stats.Strategies) > 0 {
		m.strategies = l.stats.Strategies // they are kept if it tells of none
	}
	m.measure(before)
	if !began {
		m.compare(before)
	}
	m.settle()
}

// measure tells the rates by what has moved since the look before.
func (m *model) measure(before look) {
	old := make(map[string]*messages.Session, len(before.sessions))
	for i := range before.sessions {
		old[before.sessions[i].PID] = &before.sessions[i]
	}
	m.rates, m.sum = map[uint64]rate{}, rate{}
	span := m.seen.at.Sub(before.at).Seconds()
	if before.at.IsZero() || span <= 0 {
		return
	}
	for i := range m.seen.sessions {
		now := &m.seen.sessions[i]
		then := &messages.Session{} // one that is new has moved all its bytes since
		if found := old[now.PID]; found != nil && found.Client == now.Client {
			then = found
		} else if now.AgeSeconds > span {
			continue
		}
		r := rate{
			grown(then.BytesClientToServer, now.BytesClientToServer) / span,
			grown(then.BytesServerToClient, now.BytesServerToClient) / span,
		}
		m.rates[now.ID] = r
		m.sum.up += r.up
		m.sum.down += r.down
	}
	if a, b := before.stats, m.seen.stats; a != nil && b != nil && before.generation == m.seen.generation {
		m.sum = rate{
			grown(a.BytesClientToServer, b.BytesClientToServer) / span,
			grown(a.BytesServerToClient, b.BytesServerToClient) / span,
		}
	}
}

// grown is by how much a counter has; 0 if it has begun anew.
func grown(then, now uint64) float64 {
	if now < then {
		return 0
	}
	return float64(now - then)
}

// compare finds who was restarted since the look before. If the proxy does not offer events, these are told in their place.
func (m *model) compare(before look) {
	old := map[string]uint32{}
	walk(&before.tree, func(n *messages.Node) { old[n.PID] = n.Restarts })
	say := func(format string, args ...any) {
		if !m.offered {
			m.remember(event{at: m.seen.at, name: "seen", fields: map[string]any{"text": fmt.Sprintf(format, args...)}})
		}
	}
	if a, b := before.generation, m.seen.generation; b > a && a > 0 {
		say("process %d goes on", b)
	}
	restarted := map[string]time.Time{}
	walk(&m.seen.tree, func(n *messages.Node) {
		if was, known := old[n.PID]; known && n.Restarts > was {
			restarted[n.PID] = m.seen.at
			say("%s restarted (%d in all)", brief(n.PID), n.Restarts)
		} else if at, shown := m.restarted[n.PID]; shown && m.seen.at.Sub(at) < shineFor {
			restarted[n.PID] = at
		}
	})
	m.restarted = restarted
}

func walk(n *messages.Node, visit func(*messages.Node)) {
	visit(n)
	for i := range n.Children {
		walk(&n.Children[i], visit)
	}
}

func (m *model) remember(e event) {
	m.events = append(m.events, e)
	if len(m.events) > eventsKept {
		m.events = append([]event(nil), m.events[len(m.events)-eventsKept:]...)
	}
}

// settle keeps the cursor on the actor that it is on, wherever that is by now, and in sight.
func (m *model) settle() {
	rows := m.layout()
	at := m.cursor
	for i, r := range rows {
		if r.node.PID == m.selected {
			at = i
			break
		}
	}
	m.moveTo(at, rows)
}

func (m *model) moveTo(at int, rows []row) {
	m.cursor = max(0, min(at, len(rows)-1))
	if len(rows) > 0 {
		m.selected = rows[m.cursor].node.PID
	}
	height := m.treeHeight()
	m.top = max(0, min(m.top, len(rows)-height))
	m.top = min(m.top, m.cursor)
	m.top = max(m.top, m.cursor-height+1)
}

// strategy is the one in force.
func (m *model) strategy() string {
	if m.seen.stats != nil {
		return m.seen.stats.Supervision
	}
	found := ""
	walk(&m.seen.tree, func(n *messages.Node) {
		if found == "" && n.Kind == "session" {
			found = n.Strategy
		}
	})
	return found
}

// order does something with the proxy.
func order(what func() (string, error)) tea.Cmd {
	return func() tea.Msg {
		text, err := what()
		return did{strings.TrimSpace(text), err}
	}
}
