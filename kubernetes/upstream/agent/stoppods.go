package agent

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	cri "k8s.io/cri-api/pkg/apis"
)

const (
	// StopPodsApplet is the applet that stops all pods of the node and exits.
	StopPodsApplet = "stop-pods"
	// progressEvery is how often the pods are named that still run.
	progressEvery = 5 * time.Second
)

// becomeStopPods replaces this process by the stop-pods applet: the kubelet's
// loops cannot be stopped, and would start the containers again. The process id
// stays, so whoever started the agent sees it end when the pods have.
func becomeStopPods(config *Config) error {
	err := syscall.Exec("/proc/self/exe", []string{"kubernetes", StopPodsApplet, "--config", config.path}, os.Environ())
	return fmt.Errorf("starting %s: %w", StopPodsApplet, err)
}

// StopPodsMain stops the pods of the node, critical ones last, each container
// with its own grace period, all within the configured time.
func StopPodsMain(args []string) error {
	config, err := configFromArgs(StopPodsApplet, args)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(config.shutdownLimit())
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(criTimeout))
	defer cancel()
	runtime, err := connectRuntime(ctx, config.Containerd)
	if err != nil {
		return err
	}
	stages, err := planStop(ctx, runtime)
	if err != nil {
		return err
	}
	stages.ordinary.stop(ctx, runtime, deadline.Add(-config.criticalShare()))
	stages.critical.stop(ctx, runtime, deadline)
	return nil
}

// stop stops the pods of one stage side by side.
func (s stage) stop(ctx context.Context, runtime cri.RuntimeService, deadline time.Time) {
	if len(s.pods) == 0 {
		return
	}
	report("stopping %s pods: %s", s.name, strings.Join(s.names(), ", "))
	stopped := make(chan string)
	for _, pod := range s.pods {
		go func() {
			pod.stop(ctx, runtime, deadline)
			stopped <- pod.name
		}()
	}
	s.follow(stopped)
}

// follow reports until every pod has stopped.
func (s stage) follow(stopped <-chan string) {
	started := time.Now()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	waiting := s.names()
	for len(waiting) > 0 {
		select {
		case name := <-stopped:
			waiting = slices.DeleteFunc(waiting, func(other string) bool { return other == name })
			report("stopped %s (%.1f s)", name, time.Since(started).Seconds())
		case <-tick.C:
			report("waiting for %s (%.0f s)", strings.Join(waiting, ", "), time.Since(started).Seconds())
		}
	}
}

// stop ends the pod's containers, then its sandbox: its network and its mounts.
func (p pod) stop(ctx context.Context, runtime cri.RuntimeService, deadline time.Time) {
	var all sync.WaitGroup
	for _, container := range p.containers {
		all.Go(func() {
			if err := container.stop(ctx, runtime, p.sandbox, deadline); err != nil {
				report("stopping %s/%s: %v", p.name, container.name, err)
			}
		})
	}
	all.Wait()
	if err := runtime.StopPodSandbox(ctx, p.sandbox); err != nil {
		report("stopping %s: %v", p.name, err)
	}
}

// stop runs the preStop hook and sends SIGTERM, both within the grace period,
// then containerd sends SIGKILL.
func (c container) stop(ctx context.Context, runtime cri.RuntimeService, sandbox string, deadline time.Time) error {
	end := earlier(time.Now().Add(c.grace), deadline)
	if c.preStop != nil {
		if err := c.runPreStop(ctx, runtime, sandbox, end); err != nil {
			report("running the preStop hook of %s: %v", c.name, err)
		}
	}
	return runtime.StopContainer(ctx, c.id, secondsUntil(end))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// secondsUntil is at least one: SIGTERM is always given a moment.
func secondsUntil(end time.Time) int64 {
	return max(1, int64(time.Until(end).Round(time.Second)/time.Second))
}
