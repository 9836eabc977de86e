// Package survival lets a proxy outlive its process: what must not be lost lies in memory that several processes share, and another
// process stands ready to go on with it.
package survival
