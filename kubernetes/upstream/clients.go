package main

import (
	"os"

	containerdcommand "github.com/containerd/containerd/v2/cmd/containerd/command"
	ctrapp "github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/k3os/k3os/kubernetes/upstream/heap"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins" // containerd's plugins
	_ "k8s.io/client-go/plugin/pkg/client/auth"                     // kubectl's login plugins
)

func containerd([]string) error {
	heap.Spare()
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
