package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// duration is a flag's span of time, never negative.
type duration time.Duration

// Decode reads what time.ParseDuration reads. kong puts the flag's name before the error.
func (d *duration) Decode(ctx *kong.DecodeContext) error {
	text := value(ctx)
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return fmt.Errorf("got %q, but it takes a time of 0 or more with its unit, such as 10s, 1m30s or 500ms", text)
	}
	*d = duration(parsed)
	return nil
}

func (d duration) std() time.Duration { return time.Duration(d) }

// count is a flag's whole number, never negative.
type count int

// Decode reads a decimal number. kong puts the flag's name before the error.
func (c *count) Decode(ctx *kong.DecodeContext) error {
	text := value(ctx)
	parsed, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("got %q, but it takes a whole number from 0 to %d", text, 1<<31-1)
	}
	*c = count(parsed)
	return nil
}

// rate is a flag's number of events a second, never negative.
type rate float64

// Decode reads a decimal number. kong puts the flag's name before the error.
func (r *rate) Decode(ctx *kong.DecodeContext) error {
	text := value(ctx)
	parsed, err := strconv.ParseFloat(text, 64)
	if err != nil || !(parsed >= 0 && parsed <= 1e6) {
		return fmt.Errorf("got %q, but it takes a number a second from 0 to 1000000, such as 0.5 or 20", text)
	}
	*r = rate(parsed)
	return nil
}

// value takes the word that follows a flag, even one that begins with a hyphen: a negative number deserves a better answer than
// that there is no such flag. "" if no word follows.
func value(ctx *kong.DecodeContext) string {
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return ""
	}
	return token.String()
}

// parseHost checks a host argument. An IPv6 address may stand in brackets, as it does in a URL.
func parseHost(argument string, text *string) (string, error) {
	const takes = "it takes a host name or an IP address"
	if text == nil {
		return "", usageErrorf("%s is missing: %s", argument, takes)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(*text, "["), "]")
	if host == "" || strings.ContainsAny(host, "/ \t\r\n") {
		return "", usageErrorf("%s: got %q, but %s", argument, *text, takes)
	}
	return host, nil
}

// parsePort reads a port argument: a number, or a service name of this system.
func parsePort(argument string, text *string) (uint16, error) {
	const takes = "it takes a port from 1 to 65535 or a service name such as http"
	if text == nil {
		return 0, usageErrorf("%s is missing: %s", argument, takes)
	}
	port, err := strconv.Atoi(*text)
	if err != nil && *text != "" { // LookupPort would take the empty name for port 0
		port, err = net.LookupPort("tcp", *text)
	}
	if err != nil || port < 1 || port > 65535 {
		return 0, usageErrorf("%s: got %q, but %s", argument, *text, takes)
	}
	return uint16(port), nil
}
