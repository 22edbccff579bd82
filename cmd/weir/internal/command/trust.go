package command

import (
	"github.com/spf13/pflag"

	"github.com/weirws/weir/cmd/weir/internal/trust"
)

// addTrust adds the flags of commands that connect by TLS.
func addTrust(flags *pflag.FlagSet, t *trust.Trust) {
	flags.StringVar(&t.CA, "ca", "", "`FILE` trust these authorities, not the system's")
	flags.BoolVarP(&t.Insecure, "insecure", "k", false, "do not verify the server's certificate")
}
