//go:build race

package peers

// underRace says that the race detector watches these tests. The proxy is then built with it, too.
const underRace = true
