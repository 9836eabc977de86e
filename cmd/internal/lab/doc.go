// Package lab turns the proxy into an instrument: experiments that kill actors of live connections, and measure what the peers see of it.
//
//	experiment.go  what an experiment file says
//	figures.go     the words that such a file may use: victims, kinds of faults and traffic, figures
//	load.go        reads it, by experiment.schema.json; complain.go says what is wrong, check.go what no schema can say
//	embedded.go    the experiments that come with it, in experiments, and the template of a new one
//	results.go     what was measured
//	estimate.go    what a figure is, of a cell; judge.go: whether a prediction holds
//	engine         carries experiments out; naive: the design that keeps bytes in its actors, for comparison
//	report         writes what was measured; command: the command line
//	stats          means, quantiles, and how sure one may be of them
//
// Package manual below puts what a run has measured into the documentation.
package lab
