// Command kubernetes is upstream Kubernetes, kine and containerd in one binary.
//
// Its first argument, or the name it is called by, chooses the applet. Nothing
// here is more than the wiring: the components come unmodified from the modules
// that go.mod pins.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k3os/k3os/kubernetes/upstream/agent"
	"github.com/k3os/k3os/kubernetes/upstream/crictl"
	"github.com/k3os/k3os/kubernetes/upstream/server"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// applet is one face of the binary; args are the arguments after its name.
type applet func(args []string) error

var applets = map[string]applet{
	"server":             server.Main,
	"agent":              agent.Main,
	agent.StopPodsApplet: agent.StopPodsMain,
	"containerd":         containerd,
	"ctr":                ctr,
	"kubectl":            kubectl,
	"crictl":             crictl.Main,
	"version":            printVersions,
}

func main() {
	// Several components share one process, and each applies its logging flags.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged

	name, args := choose(os.Args)
	run, known := applets[name]
	if !known {
		fmt.Fprintf(os.Stderr, "usage: kubernetes APPLET [ARGUMENT]…\napplets: %s\n", strings.Join(appletNames(), ", "))
		os.Exit(2)
	}
	// Some upstream commands read os.Args themselves.
	os.Args = append([]string{name}, args...)
	if err := run(args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// choose finds the applet in a command line: by the program's own name, else by
// the first argument. The name is empty where there is neither.
func choose(argv []string) (name string, args []string) {
	if len(argv) == 0 {
		return "", nil
	}
	if base := filepath.Base(argv[0]); isApplet(base) {
		return base, argv[1:]
	}
	if len(argv) == 1 {
		return "", nil
	}
	return argv[1], argv[2:]
}

func isApplet(name string) bool {
	return slices.Contains(appletNames(), name)
}

func appletNames() []string {
	names := make([]string, 0, len(applets))
	for name := range applets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
