package main

import (
	"flag"
	"os"
	"slices"

	containerdcommand "github.com/containerd/containerd/v2/cmd/containerd/command"
	ctrapp "github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/k3os/k3os/kubernetes/upstream/containerstore"
	"github.com/k3os/k3os/kubernetes/upstream/heap"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins" // containerd's plugins
	_ "k8s.io/client-go/plugin/pkg/client/auth"                     // kubectl's login plugins
)

// containerd checks its store first, where `--check-store DIRECTORY` and
// `--report FILE` come before upstream's flags.
func containerd(args []string) error {
	heap.Spare()
	own := flag.NewFlagSet("containerd", flag.ContinueOnError)
	store := own.String("check-store", "", "containerd's `directory`, checked before it is used")
	report := own.String("report", "", "`file` for what the check found")
	if len(args) > 0 && args[0] == "--check-store" && len(args) >= 4 {
		if err := own.Parse(args[:4]); err != nil {
			return err
		}
		if err := containerstore.Ready(*store, *report); err != nil {
			return err
		}
		os.Args = slices.Concat(os.Args[:1], args[4:])
	}
	return containerdcommand.App().Run(os.Args)
}

func ctr([]string) error {
	return ctrapp.New().Run(os.Args)
}

func kubectl([]string) error {
	// Plugins and kuberc are read while the command is built, before its flags.
	if _, err := logs.GlogSetter(kubectlcmd.GetLogVerbosity(os.Args)); err != nil {
		return err
	}
	if err := cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints in kubectl's way and exits
	}
	return nil
}
