// Command supervision-lab kills actors of live connections and measures what the peers see of it. The work is done in packages below
// cmd/internal/lab.
package main

import (
	"os"

	"tcpproxy/cmd/internal/lab/command"
)

func main() { os.Exit(command.Main(os.Args[1:])) }
