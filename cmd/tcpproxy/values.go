package main

import (
	"fmt"
	"strconv"
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
