// Package lab turns the proxy into an instrument: experiments that kill actors of live connections, and measure what the peers see of it.
//
//	experiment.go  what an experiment file says
//	figures.go     the words that such a file may use: victims, kinds of faults and traffic, figures
//	results.go     what was measured
package lab
