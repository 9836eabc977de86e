// Command neighbours is supervision-lab with one more strategy: your own would be written like this.
//
//	go run ./cmd/supervision-lab/examples/neighbours run --quick cmd/supervision-lab/examples/neighbours/experiments.yaml
//
// Whatever supervision-lab can do, this can do, too; and its experiments may name the strategy neighbours beside the built-in ones.
package main

import (
	"os"

	"tcpproxy/actors"
	"tcpproxy/cmd/internal/lab/command"
)

// neighbours restarts the child that failed and the other end of its flow. It would be right for a reader and a writer that depend on each
// other's memory, and on nobody else's.
var neighbours = actors.Strategy{
	Name:    "neighbours",
	Summary: "restart that child and the other end of its flow",
	Answer: func(f actors.Failure) {
		for _, child := range f.Children() { // in the order in which they were started
			if flowOf(child) == flowOf(f.Who()) {
				f.Restart(child)
			}
		}
	},
}

// flowOf is 0 for the two children of the flow from client to server, and 1 for those of the other.
func flowOf(child actors.Role) actors.Role { return (child - actors.RoleClientReader) / 2 }

func main() { os.Exit(command.Main(os.Args[1:], neighbours)) }
