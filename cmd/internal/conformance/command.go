package conformance

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Command is how the forwarder under test is started.
type Command struct {
	// Text is what the user wrote.
	Text string

	words    []string
	template bool // the words say where the addresses go; otherwise they are appended
}

// ParseCommand takes the path of a forwarder (which may be followed by flags), or a template with {host}, {port} and {listen}.
// A template may also say {dir}, an empty directory that lasts as long as the forwarder.
func ParseCommand(text string) (Command, error) {
	c := Command{Text: text}
	if info, err := os.Stat(text); err == nil && !info.IsDir() {
		c.words = []string{text} // a path, even if there are spaces in it
	} else if c.words, err = splitWords(text); err != nil {
		return c, err
	}
	if len(c.words) == 0 {
		return c, errors.New("the command is empty")
	}
	joined := strings.Join(c.words[1:], " ")
	for _, place := range []string{"{host}", "{port}", "{listen}"} {
		c.template = c.template || strings.Contains(joined, place)
	}
	if c.template {
		for _, place := range []string{"{host}", "{port}", "{listen}"} {
			if !strings.Contains(joined, place) {
				return c, fmt.Errorf("the template %q does not say where %s goes", text, place)
			}
		}
	}
	program, err := exec.LookPath(c.words[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		var lookup *exec.Error
		if errors.As(err, &lookup) {
			err = lookup.Err
		}
		return c, fmt.Errorf("cannot run %q: %v", c.words[0], err)
	}
	if c.words[0], err = filepath.Abs(program); err != nil {
		return c, err
	}
	return c, nil
}

// argv fills the addresses in. "{host}:{port}" counts as one place, because an IPv6 address needs brackets there.
func (c Command) argv(host string, port, listen int, dir string) []string {
	if !c.template {
		return append(append([]string{}, c.words...), host, strconv.Itoa(port), strconv.Itoa(listen))
	}
	fill := strings.NewReplacer("{host}:{port}", net.JoinHostPort(host, strconv.Itoa(port)),
		"{host}", host, "{port}", strconv.Itoa(port), "{listen}", strconv.Itoa(listen), "{dir}", dir)
	argv := make([]string, len(c.words))
	for i, word := range c.words {
		argv[i] = fill.Replace(word)
	}
	return argv
}

// Has reports whether a word is among the command's arguments.
func (c Command) Has(word string) bool { return len(c.words) > 0 && slices.Contains(c.words[1:], word) }

// wantsDir reports whether the template asks for a directory.
func (c Command) wantsDir() bool { return strings.Contains(strings.Join(c.words, " "), "{dir}") }

// splitWords splits as a shell does, with quotes and backslashes but without any expansion: no shell stands between the tester
// and the forwarder, so that signals reach the forwarder and not a shell.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("the command %q has an open quote", text)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
