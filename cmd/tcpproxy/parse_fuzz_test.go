package main

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"tcpproxy/actors"
)

// FuzzParse makes command lines of all kinds; the seeds are in testdata/fuzz/FuzzParse. None may panic. Each is either obeyed, with a
// plan that holds together, or answered, or refused with one line and the usage. The arguments are separated by the one character that
// no argument can have.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, line string) {
		var args []string
		if line != "" {
			args = strings.Split(line, "\x00")
		}
		var stdout, stderr bytes.Buffer
		plan, err := parse(args, &stdout)
		var wrong usageError
		switch {
		case err == nil:
			if err := consistent(plan); err != nil {
				t.Errorf("%q was taken: %v", args, err)
			}
			_ = refuseItself(plan.proxy, names)
		case errors.Is(err, errAnswered):
			if stdout.Len() == 0 {
				t.Errorf("%q was answered with nothing", args)
			}
			return
		case !errors.As(err, &wrong):
			t.Errorf("%q gives an error that is no usage error: %v", args, err)
		default:
			code := report(err, &stderr)
			first, rest, _ := strings.Cut(stderr.String(), "\n")
			if code != exitUsage || len(first) <= len("tcpproxy: ") || !strings.HasPrefix(rest, usage) {
				t.Errorf("%q gives exit code %d and says %q", args, code, stderr.String())
			}
		}
		if stdout.Len() > 0 {
			t.Errorf("%q prints %q", args, stdout.String())
		}
	})
}

// consistent reports what is wrong with a plan that was taken.
func consistent(p plan) error {
	c := p.proxy
	var complaints []error
	must := func(holds bool, what string) {
		if !holds {
			complaints = append(complaints, fmt.Errorf("%s: %+v", what, p))
		}
	}
	if p.Demo {
		must(c.Host == "" && c.Port == 0, "the demo has a destination from outside")
		must(c.ListenHost != "", "the demo listens on all addresses")
	} else {
		must(isHost(c.Host), "the destination is no host")
		must(c.Port != 0, "the destination has no port")
	}
	must(c.ListenHost == "" || isHost(c.ListenHost), "the address to listen on is no host")
	must(c.ListenPort != 0, "there is no port to listen on")
	for _, d := range []time.Duration{c.IdleTimeout, c.HangTimeout, c.DrainTimeout, c.ConnectTimeout - 1, c.Within - 1} {
		must(d >= 0, "a time is negative, or 0 where it must not be")
	}
	must(!p.NoTimeouts || c.IdleTimeout == 0 && c.HangTimeout == 0, "a timeout stands beside --no-timeouts")
	must(c.MaxSessions >= 0 && c.MaxRestarts > 0, "a number is negative, or 0 where it must not be")
	must(onOffer(actors.SupervisionStrategies(), c.Supervision), "there is no such strategy")
	must(onOffer(actors.SessionStrategies(), c.SessionSupervision), "there is no such session strategy")
	must(c.Chaos >= 0 && c.Chaos <= 1e6, "the rate of chaos is out of range")
	_, err := path.Match(c.ChaosTarget, "")
	must(err == nil, "the target of chaos is no pattern")
	must(p.Admin == "" || canBeServed(p.Admin), "the API has no address")
	must(p.Admin != "" || !p.Faults && p.AdminTokenFile == "", "without an API there is nothing to protect")
	must(slices.Contains([]string{"debug", "info", "warn", "error"}, p.LogLevel), "there is no such level")
	must(slices.Contains([]string{"text", "json"}, p.LogFormat), "there is no such format")
	return errors.Join(complaints...)
}

func onOffer(all []actors.Strategy, name string) bool {
	return slices.ContainsFunc(all, func(s actors.Strategy) bool { return s.Name == name })
}
