package admin

import (
	"net/http"

	"tcpproxy/actors"
)

// stats are the key figures. They cost nothing worth mentioning: nobody is asked.
type stats struct {
	Sessions            int            `json:"sessions"`
	MaxSessions         int            `json:"max_sessions"`
	BytesClientToServer uint64         `json:"bytes_client_to_server"`
	BytesServerToClient uint64         `json:"bytes_server_to_client"`
	Loops               []loopStats    `json:"loops"`
	EventsDropped       uint64         `json:"events_dropped"`
	Supervision         string         `json:"supervision"` // the strategy in force
	Strategies          []strategyInfo `json:"strategies"`
	Faults              bool           `json:"faults"`
	Generation          uint64         `json:"generation"`
}

type loopStats struct {
	Listener            string `json:"listener"`
	Sessions            int    `json:"sessions"`
	BytesClientToServer uint64 `json:"bytes_client_to_server"`
	BytesServerToClient uint64 `json:"bytes_server_to_client"`
}

type strategyInfo struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

func (a *api) showStats(w http.ResponseWriter, _ *http.Request) {
	if !a.alive() {
		refuseUnanswered(w, actors.ErrStopped)
		return
	}
	now := a.proxy.Stats()
	s := stats{
		MaxSessions: now.MaxSessions, EventsDropped: a.hub.dropped(), Supervision: a.proxy.Supervision(), Faults: a.faults,
		Generation: a.process().Generation,
	}
	for _, l := range now.Loops {
		s.Sessions += l.Sessions
		s.BytesClientToServer += l.BytesClientToServer
		s.BytesServerToClient += l.BytesServerToClient
		s.Loops = append(s.Loops, loopStats(l))
	}
	for _, known := range actors.SupervisionStrategies() {
		s.Strategies = append(s.Strategies, strategyInfo{known.Name, known.Summary})
	}
	reply(w, http.StatusOK, s)
}
