package server

import (
	"fmt"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

// parseFlags reads the flags of one component into the options behind sets.
func parseFlags(component string, sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet(component, pflag.ContinueOnError)
	flags.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	flags.Usage = func() {} // hundreds of lines would bury the error
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("understanding the flags of %s: %w", component, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("understanding the flags of %s: unexpected argument %q", component, flags.Arg(0))
	}
	return nil
}
