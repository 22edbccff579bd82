// Weir serves WebSockets: weir serve starts a server, weir --help says what
// else there is.
package main

import (
	"os"

	"github.com/weirws/weir/cmd/weir/internal/command"
)

func main() { os.Exit(command.Run(os.Args[1:])) }
