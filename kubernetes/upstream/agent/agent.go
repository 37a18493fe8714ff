// Package agent runs kubelet and kube-proxy in one process, imports the image
// archives of the node, and stops the node's pods when it shuts down.
package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/heap"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// stopLimit bounds how long the kubelet may take to end after SIGTERM.
const stopLimit = 1500 * time.Millisecond

// Main runs the node until SIGTERM or SIGINT (nil: pods keep running), until
// SIGUSR1 (the node shuts down: pods are stopped first) or until kubelet or
// kube-proxy ends by itself (an error that names it).
func Main(args []string) error {
	config, err := configFromArgs("agent", args)
	if err != nil {
		return err
	}
	heap.Spare()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	nodeShutdown := make(chan os.Signal, 1)
	signal.Notify(nodeShutdown, syscall.SIGUSR1)

	ended := make(chan error, 2)
	if len(config.KubeProxy) > 0 {
		start(ended, kubeproxy.NewProxyCommand(), config.KubeProxy)
	}
	if !waitForRuntime(ctx, config.Containerd) {
		return nil
	}
	go keepImages(ctx, config)
	kubeletEnded := start(ended, kubelet.NewKubeletCommand(klog.NewContext(ctx, klog.Background())), config.Kubelet)

	select {
	case err := <-ended:
		if ctx.Err() == nil {
			return err
		}
	case <-nodeShutdown:
		return becomeStopPods(config)
	case <-ctx.Done():
	}
	// The kubelet has had the signal too, by a handler of its own.
	select {
	case <-kubeletEnded:
	case <-time.After(stopLimit):
	}
	return nil
}

// start runs a component's own command; the returned channel closes when it ends.
func start(ended chan<- error, command *cobra.Command, flags []string) <-chan struct{} {
	command.SetArgs(flags)
	command.SilenceUsage = true
	command.SilenceErrors = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := command.Execute()
		if err == nil {
			err = errors.New("ended unexpectedly")
		}
		ended <- fmt.Errorf("running %s: %w", command.Name(), err)
	}()
	return done
}
