package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tcpproxy/cmd/internal/lab"
)

// number writes a number with as many digits as the noise leaves meaning to.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "–"
	case v < 0:
		return "−" + number(size)
	case v == math.Trunc(v) || size >= 99.95: // which one digit more would write as 100.0
		return thousands(v)
	case size >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case size >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	if size < 1e-6 {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', 1-int(math.Floor(math.Log10(size))), 64)
}

// thousands writes a whole number, in groups of three digits.
func thousands(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func percent(v float64) string { return number(100*v) + " %" }

func durationWords(d lab.Duration) string {
	v := time.Duration(d)
	if v >= time.Second {
		v = v.Round(100 * time.Millisecond)
	}
	return v.String()
}

// String is the figure with its interval, without the unit.
func (e estimate) String() string {
	switch {
	case e.n == 0:
		return "–"
	case e.n == 1:
		return e.show(e.value) + " (one run)"
	case e.low == e.high && e.low == e.value:
		return fmt.Sprintf("%s (all %d)", e.show(e.value), e.n)
	}
	return fmt.Sprintf("%s (%s … %s)", e.show(e.value), e.show(e.low), e.show(e.high))
}

// full is the figure with its unit and its interval.
func (e estimate) full() string {
	value, rest, _ := strings.Cut(e.String(), " (")
	if e.unit != "" {
		value += " " + e.unit
	}
	if rest == "" {
		return value
	}
	return value + " (" + rest
}

func ofAll(n, all int) string {
	return fmt.Sprintf("%s of %s", thousands(float64(n)), thousands(float64(all)))
}

// list joins words as a sentence does.
func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// wrap breaks a label into lines of at most so many letters, between words.
func wrap(label string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(label) {
		if line != "" && utf8.RuneCountInString(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

// longest is how many a sentence names before it refers to the table.
const longest = 6

func shortList(words []string, what string) string {
	if len(words) <= longest {
		return list(words)
	}
	return fmt.Sprintf("%s and %d more %s", strings.Join(words[:longest-1], ", "), len(words)-longest+1, what)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(float64(n)) + " " + many
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
