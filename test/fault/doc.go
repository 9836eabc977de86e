// Package fault kills the actors of a proxy on purpose, at a named place and time, and remembers whom it has killed. It is a library
// for tests: of this proxy, and of programs that embed it.
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
// "listener/acceptor", "listener/session-*", "listener/session-*/client-reader".
//
// Two ways to die need no plan, since they come between two messages rather than in the middle of one: [Fail] sends the message that
// makes an actor panic, and [Stop] stops one from outside.
//
// # Who runs what
//
// The proxy calls Strike on the goroutine that relays, or on several of them. Everything else may be called from any goroutine, at any
// time, and takes effect with the next visit. Rules count the visits from when their plan got them.
//
// Only the actor at the fatal place dies. Its panic is recovered by its own mailbox and answered by its supervisor; the test learns of
// it by the events messages.ActorFailed and messages.ActorRestarted, and should wait for these rather than for time to pass. Do not
// call [testing.T.FailNow] in anything that the proxy calls back: it ends the goroutine that relays.
package fault
