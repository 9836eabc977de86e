//go:build linux

package main

import "github.com/alecthomas/kong"

// helpTexts are the flags' help texts that would not fit into their tags, each named after its flag.
var helpTexts = kong.Vars{
	"help_work": "Run only the kinds of work whose name matches. RESULTS.md is then not written unless --out says where.",
	"help_congestion": "Use this TCP congestion control, for every socket of the run, instead of the machine's " +
		"(root only: the run then has a network of its own).",
	"help_quick": "In under a minute and three rounds, compare round trips (1 and 64 connections) and bulk (1 connection, both ways) " +
		"with HAProxy and io.Copy; print ratios, judge nothing, write nothing.",
}
