package main

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// parseHost checks a host argument. An IPv6 address may stand in brackets, as it does in a URL.
func parseHost(argument string, text *string) (string, error) {
	const takes = "it takes a host name or an IP address"
	if text == nil {
		return "", usageErrorf("%s is missing: %s", argument, takes)
	}
	if host, ok := bareHost(*text); ok {
		return host, nil
	}
	if host, port, err := net.SplitHostPort(*text); err == nil && isHost(host) && isName(port) {
		if strings.HasPrefix(argument, "--") {
			host = argument + " " + host + " ..." // the port is the last argument
		}
		return "", usageErrorf("%s: got %q, but host and port are two arguments: %s %s", argument, *text, host, port)
	}
	return "", usageErrorf("%s: got %q, but %s", argument, *text, takes)
}

// bareHost takes the brackets off an IPv6 address, and reports whether the text can be a host at all.
func bareHost(text string) (string, bool) {
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		return inner, closed && strings.Contains(inner, ":") && isHost(inner)
	}
	return text, isHost(text)
}

// isHost reports whether the text is an IP address or can be a name. An address that is misspelt is not a name: a name server would be
// asked for it in vain, whenever a client comes.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	misspelt := strings.Contains(text, ".") && strings.Trim(text, ".0123456789") == ""
	return isName(text) && !misspelt
}

// isName reports whether the text has only characters that occur in names of hosts and services. Tables of hosts may have letters of all
// languages.
func isName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	})
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

// canBeServed reports whether one can listen on a host:port, as far as its spelling tells. Port 0 lets the system choose.
func canBeServed(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || host != "" && !isHost(host) {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}
