package survival

import "time"

// deathsKept is how many deaths of workers are remembered. A worker that died more often than that within any time is given up, even if
// more was allowed.
const deathsKept = 1024

// RecentDeaths is how many workers died unexpectedly within a time before now.
func (h *Header) RecentDeaths(within time.Duration) int {
	since := Monotonic() - int64(within)
	n, all := 0, h.Deaths.Load()
	for n < int(min(all, deathsKept)) && h.DiedAt[(all-1-uint64(n))%deathsKept].Load() > since {
		n++
	}
	return n
}

// GivenUp reports whether more workers died within a time than may, and how many.
func (h *Header) GivenUp(most int, within time.Duration) (deaths int, yes bool) {
	deaths = h.RecentDeaths(within)
	return deaths, deaths > min(most, deathsKept-1)
}

// NoteDeath counts a death that no holder could count, since it died, too. For the keeper.
func (h *Header) NoteDeath() {
	all := h.Deaths.Load()
	h.DiedAt[all%deathsKept].Store(Monotonic())
	h.Deaths.Store(all + 1)
}

// Continue takes over what a fresh memory must know of the one before: what the owner ordered, and how often workers died.
func (h *Header) Continue(last *Header) {
	h.Generation.Store(last.Generation.Load())
	h.Orders.Store(last.Orders.Load())
	h.Quit.Store(last.Quit.Load())
	h.Upgrade.Store(last.Upgraded.Load())
	h.Upgraded.Store(last.Upgraded.Load())
	h.Limit.Store(last.Limit.Load())
	h.Deaths.Store(last.Deaths.Load())
	for i := range h.DiedAt {
		h.DiedAt[i].Store(last.DiedAt[i].Load())
	}
	h.Died.Store(Monotonic())
	h.Why.Store(uint64(ReasonLost))
}
