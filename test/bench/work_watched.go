//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"tcpproxy/test/bench/internal/loadctl"
	"tcpproxy/test/freeport"
)

const (
	// watchedSessions are live, and watchedActive of them have a block in flight.
	watchedSessions, watchedActive = 1000, 64
	// settles is how long a browser has to open the page before it counts.
	settles = 4 * time.Second
)

// watchedWork asks what the console costs the proxy while somebody looks at it:
// the same round trips, with the page open in a real browser and without, one
// after the other in the same proxy. The browser's own time is not counted, nor
// is what it takes from the processors' caches avoided.
func watchedWork() work {
	return work{
		name: "watched",
		skip: []string{oursTwoLoops, oursSurviving, wireOnly, haproxy, haproxySplice, nginx, ioCopy},
		rows: []row{{
			name:    "watched",
			title:   fmt.Sprintf("The console, open and closed: %d sessions, %d active", watchedSessions, watchedActive),
			metrics: []metric{cpuUnwatched, cpuWatched, watchedCost},
		}},
		run: func(ctx context.Context, r *rig) (map[string]figures, error) {
			browser, err := exec.LookPath("chromium")
			if err != nil {
				return nil, errors.New("the page takes a browser: chromium is not installed")
			}
			port, release, err := freeport.Take()
			if err != nil {
				return nil, err
			}
			defer release()
			admin := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			own, err := raise(ctx, r.load, watchable(r.peer, admin))
			defer own.fall()
			if err != nil {
				return nil, err
			}
			if _, err := own.do(ctx, loadctl.Command{Do: loadctl.Open, Count: watchedSessions}); err != nil {
				return nil, err
			}
			before, err := own.costOfTrip(ctx)
			if err != nil {
				return nil, err
			}
			during, err := own.costWatched(ctx, browser, "http://"+admin+"/")
			if err != nil {
				return nil, err
			}
			after, err := own.costOfTrip(ctx)
			without := (before + after) / 2
			return map[string]figures{"watched": {cpuUnwatched: without, cpuWatched: during, watchedCost: during / without}}, err
		},
	}
}

// watchable is the same proxy with the admin API.
func watchable(p peer, admin string) peer {
	arguments := p.arguments
	p.arguments = func(dir string, listen, destination int) ([]string, error) {
		args, err := arguments(dir, listen, destination)
		return append([]string{"--admin", admin, "--faults"}, args...), err
	}
	return p
}

// costOfTrip is the processor time of a round trip.
func (r *rig) costOfTrip(ctx context.Context) (float64, error) {
	drive := loadctl.Command{Do: loadctl.RoundTrips, Count: watchedActive, Millis: 150}
	if _, err := r.do(ctx, drive); err != nil { // warms the proxy up
		return 0, err
	}
	drive.Millis = 3000 // some rounds of the page's questions
	w, err := r.measure(ctx, drive)
	return w.each(), err
}

// costWatched is the same while a browser shows the page.
func (r *rig) costWatched(ctx context.Context, browser, page string) (float64, error) {
	shown, err := startProcess(nil, nil, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--user-data-dir="+filepath.Join(r.dir, "browser"), "--window-size=1280,800", "--remote-debugging-port=0", page)
	if err != nil {
		return 0, err
	}
	defer shown.stop()
	if err := pause(ctx, settles); err != nil {
		return 0, err
	}
	return r.costOfTrip(ctx)
}
