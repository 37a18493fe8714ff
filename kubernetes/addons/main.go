// Command addons is the programs that the cluster's own pods run: CoreDNS and
// metrics-server. Its first argument, or the name it is called by, chooses one.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var applets = map[string]func(){
	"coredns":        coreDNS,
	"metrics-server": metricsServer,
}

func main() {
	argv := withApplet(os.Args)
	run, known := applets[argv[0]]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: addons coredns|metrics-server [ARGUMENT]…")
		os.Exit(2)
	}
	// Both programs read their command line from os.Args.
	os.Args = argv
	run()
}

// withApplet is a command line that begins with the applet's name: the program's
// own, else the first argument. It begins with "" where there is neither.
func withApplet(argv []string) []string {
	if len(argv) == 0 {
		return []string{""}
	}
	name := filepath.Base(argv[0])
	if _, known := applets[name]; known {
		return append([]string{name}, argv[1:]...)
	}
	if len(argv) == 1 {
		return []string{""}
	}
	return argv[1:]
}
