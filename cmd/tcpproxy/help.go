package main

import "github.com/alecthomas/kong"

// helpTexts are the flags' help texts that would not fit into their tags, each named after its flag.
var helpTexts = kong.Vars{
	"help_demo": "Forward 127.0.0.1:3000, or the given listen-port, to a web server inside this program, " +
		"and print two commands to try.",
	"help_show": "The demo to look at: --demo, with --admin " + showAdmin + " and --faults, a little traffic of its own, and the console " +
		"opened in a browser where there is a desktop. If one of the two ports is taken that you did not name, another one is found.",
	"help_listen_host": "Address to accept clients on: a name or an IP address. The default is all addresses, IPv4 and IPv6.",
	"help_idle_timeout": "End a session when no byte moved in either direction for so long. " +
		"0 = never; even then, a session whose peer takes no bytes for --hang-timeout is reset (curl ... | less, a paused import). " +
		"For SSH, databases and the like use --no-timeouts.",
	"help_hang_timeout": "Reset a session when one side has taken none of the bytes that wait for it for so long. 0 = never.",
	"help_no_timeouts": "Let sessions be silent or stalled for as long as they like, as SSH, databases and the like may be: " +
		"the same as --idle-timeout 0 --hang-timeout 0.",
	"help_drain_timeout": "After SIGTERM or SIGINT, let live sessions run on for at most so long. 0 = end them at once. " +
		"A second signal ends them too, and SIGQUIT ends them as the first.",
	"help_max_sessions": "Live sessions at most; further clients wait to be accepted. " +
		"0 = as many as the limit of open files (ulimit -n) allows.",
	"help_log_level":    "Least severe lines to log: debug, info, warn or error. debug shows every session.",
	"help_max_restarts": "Restarts of one reader or writer that are allowed within --within; one more, and its session is reset.",
	"help_chaos":        "Kill so many actors a second at random, to see what that does (nothing, it is hoped). 0 = none.",
	"help_chaos_target": "Which actors --chaos may kill, by PID; * does not match a slash. " +
		"'listener*' is the listener itself, '*/acceptor' the acceptor, 'listener/session-*' the sessions, " +
		"'*/*/*-reader' all readers. --max-restarts holds here as ever. process, with --survive, is the operating system's process: kill -9.",
	"help_survive": "Have connections outlive the process: a crash, kill -9 and the replacement of the program by a new version " +
		"(kill -USR2). Linux 5.3 or later. See the README for what it takes, and for what is lost nevertheless.",
	"help_survive_check": "Exit with 0 if this program understands these flags, and state that another one left behind in this layout.",
	"help_admin": "Serve the admin API over HTTP on this host:port, such as 127.0.0.1:9900. Off by default. " +
		"Any address but loopback takes --admin-token-file too.",
	"help_admin_token_file": "The API's callers must send the content of this file, of 4 KiB at most, as a bearer token.",
	"help_faults": "Let callers of the API make actors fail (POST /api/faults) " +
		"and choose the strategy in force (PUT /api/supervision).",
}
