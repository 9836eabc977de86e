//go:build linux

package peers

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// startRedis runs a server that keeps everything in memory.
func startRedis(t *testing.T) *process {
	t.Helper()
	return listen(t, func(port string) *exec.Cmd {
		return exec.Command("redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	})
}

// redis begins the command line of a client of redis.
func redis(p *process, args ...string) []string {
	h, port, _ := net.SplitHostPort(p.addr)
	return append([]string{"-h", h, "-p", port}, args...)
}

func TestRedisBenchmark(t *testing.T) {
	t.Parallel()
	need(t, "redis-benchmark", "redis-cli", "redis-server")
	for _, c := range []struct {
		name     string
		requests int
		args     []string
	}{
		{"plain", 20_000, nil},
		{"pipelined", 200_000, []string{"-P", "16", "-d", "100"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := startRedis(t)
			p := startProxy(t, server)
			n := fmt.Sprint(amount(c.requests))
			// The client ends with an error if a reply is none that it understands, or is one of failure.
			output(t, "redis-benchmark", redis(p, append(c.args, "-q", "-c", "50", "-n", n, "-t", "set,incr,get")...)...)
			stats := output(t, "redis-cli", redis(server, "INFO", "commandstats")...)
			for _, command := range []string{"set", "incr", "get"} {
				if !regexp.MustCompile(`(?m)^cmdstat_` + command + `:calls=` + n + `,.*rejected_calls=0,failed_calls=0`).MatchString(stats) {
					t.Errorf("the server did not get %s requests of the kind %s:\n%s", n, command, linesWith(stats, "cmdstat_"))
				}
			}
		})
	}
}

func TestRedisValue(t *testing.T) {
	t.Parallel()
	need(t, "redis-cli", "redis-server")
	server := startRedis(t)
	p := startProxy(t, server)
	value := random("value", amount(32<<20))
	var reply bytes.Buffer
	run(t, bytes.NewReader(value), &reply, "redis-cli", redis(p, "-x", "SET", "key")...)
	if got := strings.TrimSpace(reply.String()); got != "OK" {
		t.Fatalf("SET: %.200q", got)
	}
	// Once around the proxy, so that two errors cannot make up for each other.
	for _, from := range []*process{server, p} {
		var got bytes.Buffer
		run(t, nil, &got, "redis-cli", redis(from, "GET", "key")...)
		if !bytes.Equal(bytes.TrimSuffix(got.Bytes(), []byte("\n")), value) { // redis-cli ends every reply so
			t.Errorf("GET from %s: %d bytes that are not the %d bytes of SET", from.addr, got.Len(), len(value))
		}
	}
}
