// Package fault kills the actors of a proxy on purpose, at a named place and time, or its process; it waits for what becomes of them, and
// checks that no byte is lost by it. It is a library for tests: of this proxy, and of programs that embed it. From a module of your own it
// is imported with a replace directive in your go.mod; testdata/outside is a complete one.
//
// # Killing
//
// A test writes down a [Plan], which is a list of rules, gives the plan's method Strike to [tcpproxy/actors.Config] as its Fault, and
// runs traffic through the proxy. Each rule names places (a [tcpproxy/actors.Point] in an actor's code, and a pattern for the actor's
// PID) and says which visits to such a place are fatal:
//
//	fault.At(actors.PointAfterRead, "listener/session-*/client-reader")          the first visit
//	fault.At(actors.PointAfterRead, "listener/session-*/client-reader").Nth(3)   the third
//	fault.At(actors.PointBeforeWrite, "*/*/server-writer").Times(4)              the first four
//	fault.Every(100, "*/*/*")                                                    every hundredth visit of any point of any child
//	fault.Random(42, 0.01, "*/*/*")                                              one visit in a hundred, by a seed
//
// The patterns are those of [path.Match], in which a star does not match a slash. So they read like the tree: "listener",
// "listener/acceptor", "listener/session-*", "listener/session-*/client-reader". With several loops (Config.Loops) there are several
// listeners, "listener-1" and so on; a test that names actors sets Loops to 1.
//
// Two ways to die need no plan, since they come between two messages rather than in the middle of one: [Fail] sends the message that
// makes an actor panic, and [Stop] stops one from outside. The proxy's own method Kill does either, and says if there is no such actor.
//
// # Killing processes
//
// A tcpproxy --survive that a test has started outlives its process, not only its actors. [Processes] finds worker and holder by the PID of
// the keeper, which is the process that was started; [Family.KillWorker] and [Family.KillHolder] kill with SIGKILL, wait until there is
// another in its place, and tell how soon that was. Linux only.
//
//	family := fault.Processes(keeper.Process.Pid)      an *exec.Cmd, started with --survive
//	replacement, err := family.KillWorker(ctx)         amid the traffic
//	fmt.Println(replacement)                           process 4711 was killed: 4712 took its place after 9ms
//	got := in.Expect(server, 1<<20)                    a Stream: not a byte was lost
//
// A holder killed with the worker takes the connections with it, so each kill waits for both first. A worker that dies more than
// --max-restarts times within --within is given up: a test that kills more often starts the program with more of them.
//
// # Waiting
//
// Only the actor at the fatal place dies. Its panic is recovered by its own mailbox and answered by its supervisor; the test learns of it
// by the proxy's events. A [Watch] collects them, and waits for them, so that a test needs neither a sleep nor a channel:
//
//	Opened, Gone        a session relays; is over
//	Failed, Restarted   an actor has failed, has come back, n times
//	Outcome, Outcomes   what became of a failure: by which strategy, who else was restarted, how long the gap was
//	Quiet               nothing is under way any more, anywhere in the tree
//	Until, See          anything else that events tell
//
// # Checking
//
// A [Stream] makes bytes from a seed, and recognizes them: it says which byte is wrong, and whether bytes were lost, repeated or swapped
// there. [Verdict] tells how it all ended, as a peer saw it.
//
// # Who runs what
//
// The proxy calls Strike and Observe on the goroutine that relays, or on several of them. Everything else may be called from any goroutine
// of the test's, at any time, and takes effect with the next visit. Rules count the visits from when their plan got them. Do not call
// [testing.T.FailNow] in anything that the proxy calls back: it ends the goroutine that relays.
package fault
