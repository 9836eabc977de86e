package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tcpproxy/actors"
)

// place is where an experiment stands.
type place struct {
	path       string
	body       ast.Node // the document
	experiment []string // the path to it there
}

// position is where a field of it stands, as in "experiments.yaml:12:9".
func (p place) position(at ...string) string {
	where := locate(p.body, append(slices.Clone(p.experiment), at...), false)
	return fmt.Sprintf("%s:%d:%d", p.path, where.Line, where.Column)
}

// check keeps what the schema cannot say: what one part of an experiment has to do with another, or with other experiments.
func (l *loader) check(x *Experiment, at place) {
	wrong := func(says string, field ...string) {
		l.wrong = append(l.wrong, fmt.Errorf("%s: %s", at.position(field...), says))
	}
	if before, twice := l.seen[x.Name]; twice {
		wrong(fmt.Sprintf("name %q: there is one already, at %s", x.Name, before), "name")
	} else {
		l.seen[x.Name] = at.position("name")
	}
	known := l.known()
	for i, s := range x.Strategies {
		if !slices.Contains(known, s) {
			wrong(oneOf("strategy", s, known), "strategies", strconv.Itoa(i))
		}
	}
	naive := slices.Contains(x.Strategies, Naive)
	for i, v := range x.Victims {
		if naive && !slices.Contains(naiveVictims, v) {
			wrong(oneOf("victim", v, naiveVictims)+", with strategy naive", "victims", strconv.Itoa(i))
		}
	}
	for i, f := range x.Faults {
		if naive && f.Kind == "point" && !slices.Contains(naivePoints, f.Point) {
			wrong(oneOf("point", f.Point, naivePoints)+", with strategy naive", "faults", strconv.Itoa(i), "point")
			continue
		}
		for _, v := range x.Victims {
			if allowed := pointsOf(v); f.Kind == "point" && !slices.Contains(allowed, f.Point) {
				wrong(oneOf("point", f.Point, allowed)+", for a "+v, "faults", strconv.Itoa(i), "point")
			}
		}
	}
	filled := *x
	filled.fill()
	for i, c := range x.Predict {
		for _, of := range []struct {
			field, value string
			there        []string
		}{{"strategy", c.Strategy, filled.Strategies}, {"victim", c.Victim, x.Victims}, {"traffic", c.Traffic, filled.Traffic}} {
			if of.value != "" && !slices.Contains(of.there, of.value) {
				wrong(oneOf(of.field, of.value, of.there)+", which this experiment has", "predict", strconv.Itoa(i), of.field)
			}
		}
	}
}

// oneOf says that a word is not one of those that are allowed.
func oneOf(what, word string, allowed []string) string {
	return fmt.Sprintf("%s %q: it is one of %s", what, word, strings.Join(allowed, ", "))
}

// known are the names of all strategies that an experiment may use.
func (l *loader) known() (names []string) {
	for _, s := range actors.SupervisionStrategies() {
		names = append(names, s.Name)
	}
	return append(append(names, Naive), l.strategies...)
}

// pointsOf are the points that a victim passes.
func pointsOf(victim string) (names []string) {
	for _, p := range actors.Points() {
		if mine, one := pointVictims[p]; !one || strings.HasSuffix(victim, mine) {
			names = append(names, p.String())
		}
	}
	return names
}

// What the forwarder behind the strategy naive has: no tree but for one session's four children, and three of the points.
var (
	naiveVictims = names(Victims[:4])
	naivePoints  = []string{"after-read", "before-write", "after-write"}
)

// names are the words themselves.
func names(words []Word) (names []string) {
	for _, w := range words {
		names = append(names, w.Name)
	}
	return names
}

// pointVictims are whose points there are, by the end of their names; the points that are not here are everybody's.
var pointVictims = map[actors.Point]string{
	actors.PointBeforeRead: "reader", actors.PointAfterRead: "reader", actors.PointBeforeEnd: "reader", actors.PointAfterEnd: "reader",
	actors.PointBeforeWrite: "writer", actors.PointBetweenWrites: "writer", actors.PointAfterWrite: "writer",
	actors.PointBeforeShutdown: "writer", actors.PointAfterShutdown: "writer",
	actors.PointConnect: "session", actors.PointConnected: "session", actors.PointReview: "session",
	actors.PointBeforeAccept: "acceptor", actors.PointAfterAccept: "acceptor",
	actors.PointBeforeSpawn: "listener", actors.PointAfterSpawn: "listener",
}
