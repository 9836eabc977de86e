// Package lab turns the proxy into an instrument: experiments that kill actors of live connections, and measure what the peers see of it.
//
//	experiment.go  what an experiment file says
//	results.go     what was measured
//	stats          means, quantiles, and how sure one may be of them
package lab
