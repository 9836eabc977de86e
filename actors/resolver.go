package actors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tcpproxy/messages"
)

// fresh is how long an answer is used without asking again.
const fresh = 10 * time.Second

// resolver finds the destination's addresses, off the loop: a look-up may take seconds. Sessions that ask while one is under way share
// its answer. A failed one ends those that asked, and the next session asks anew. It belongs to the lane's goroutine, but for resolve.
type resolver struct {
	endpoint *endpoint
	ip       []netip.Addr // the destination, if it is given as an address

	addrs   []netip.Addr
	until   time.Time
	waiting []*actor.PID

	ctx    context.Context // of the look-ups
	cancel func()          // ends one that is under way when the proxy ends
}

func (r *resolver) init(e *endpoint) error {
	r.endpoint = e
	r.ctx, r.cancel = context.WithCancel(context.Background())
	ip, err := netip.ParseAddr(e.cfg.Host)
	if err != nil {
		return nil // a name
	}
	r.ip, err = r.others([]netip.Addr{ip})
	return err
}

// others are the addresses that are not the proxy's own; an error if there is none.
func (r *resolver) others(addrs []netip.Addr) ([]netip.Addr, error) {
	others := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return ForwardsToItself(r.endpoint.addr, netip.AddrPortFrom(a, r.endpoint.cfg.Port))
	})
	if len(others) == 0 && len(addrs) > 0 {
		return nil, fmt.Errorf("destination %s: %w", netip.AddrPortFrom(addrs[0], r.endpoint.cfg.Port), errItself)
	}
	return others, nil
}

// lookup returns the addresses, not to be written to, if they are known; otherwise it sends who a Resolved later.
func (r *resolver) lookup(who *actor.PID) (addrs []netip.Addr, known bool) {
	if r.ip != nil {
		return r.ip, true
	}
	if time.Now().Before(r.until) {
		return r.addrs, true
	}
	r.waiting = append(r.waiting, who)
	if len(r.waiting) == 1 {
		go r.resolve()
	}
	return nil, false
}

// forget makes the next session ask anew: nobody answered at the addresses that are known.
func (r *resolver) forget() { r.until = time.Time{} }

// resolve runs on a goroutine of its own, and hands its answer to the lane.
func (r *resolver) resolve() {
	ctx, cancel := context.WithTimeout(r.ctx, r.endpoint.cfg.ConnectTimeout)
	defer cancel()
	addrs, err := r.ask(ctx)
	r.endpoint.lane.do(func() { r.resolved(addrs, err) })
}

func (r *resolver) resolved(addrs []netip.Addr, err error) {
	if err == nil {
		r.addrs, r.until = addrs, time.Now().Add(fresh)
	}
	waiting := r.waiting
	r.waiting = nil
	for _, who := range waiting {
		r.endpoint.system.Root.Send(who, &messages.Resolved{Addrs: addrs, Err: err})
	}
}

// ask looks the name up. A look-up that panics is one that failed.
func (r *resolver) ask(ctx context.Context) (addrs []netip.Addr, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("look-up of %q failed: %v", r.endpoint.cfg.Host, reason)
		}
	}()
	lookup := r.endpoint.cfg.Lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err = lookup(ctx, r.endpoint.cfg.Host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, errors.New("the name has no address")
	}
	addrs, err = r.others(addrs)
	return interleave(addrs), err
}

// interleave orders the addresses so that the families alternate, beginning with that of the first (RFC 8305, section 4): so a
// family that does not work costs one attempt, not all of its addresses.
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is4() == addrs[0].Unmap().Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	out := make([]netip.Addr, 0, len(addrs))
	for i := range first {
		out = append(out, first[i])
		if i < len(second) {
			out = append(out, second[i])
		}
	}
	if len(second) > len(first) {
		out = append(out, second[len(first):]...)
	}
	return out
}
