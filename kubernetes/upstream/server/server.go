// Package server runs kine, kube-apiserver, kube-controller-manager and
// kube-scheduler in one process.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/configfile"
	"github.com/k3os/k3os/kubernetes/upstream/datastore"
	"github.com/k3os/k3os/kubernetes/upstream/heap"
)

const (
	kineName              = "kine"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
)

// drainLimit bounds how long a shutdown waits for requests in flight, so that
// the process ends in under three seconds whatever its clients do.
const drainLimit = time.Second

// Main runs the components of the configuration file until SIGTERM or SIGINT
// (nil) or until one of them ends by itself (an error that names it).
func Main(args []string) error {
	config := &Config{}
	if _, err := configfile.FromArgs("server", args, config); err != nil {
		return err
	}
	heap.LetGrow()
	components, err := newComponents(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return components.run(ctx)
}

// components are configured but not started: every flag has been understood.
type components struct {
	kineFlags         []string
	datastore         datastore.Facts
	apiServer         *apiServer
	controllerManager *controllerManager
	scheduler         *scheduler
	started           time.Time
}

func newComponents(config *Config) (*components, error) {
	started := time.Now()
	apiServer, err := newAPIServer(config.APIServer)
	if err != nil {
		return nil, err
	}
	controllerManager, err := newControllerManager(config.ControllerManager)
	if err != nil {
		return nil, err
	}
	scheduler, err := newScheduler(config.Scheduler)
	if err != nil {
		return nil, err
	}
	// The three share one registry of feature gates; it is fixed once, with all flags read.
	if err := apiServer.applyGlobals(); err != nil {
		return nil, err
	}
	return &components{config.Kine, config.Datastore, apiServer, controllerManager, scheduler, started}, nil
}

func (c *components) run(ctx context.Context) error {
	store, err := startKine(ctx, c.kineFlags, c.datastore)
	if err != nil {
		return err
	}
	c.report(kineName + " answers")

	running, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := newEnds()
	apiServerEnded := ends.watch(apiServerName, func() error { return c.apiServer.run(running) })
	go c.startClients(running, ends)
	c.keepCopy(running, store, ends)

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-ends.first:
	}
	cancel()
	c.report("stopping")
	waitAtMost(apiServerEnded, drainLimit)
	return errors.Join(failure, store.close())
}

// startClients starts the API server's clients as soon as it is ready, so that
// none of them falls into a retry with back-off.
func (c *components) startClients(ctx context.Context, ends *ends) {
	if !c.apiServer.waitReady(ctx, c.controllerManager.needless()) {
		return
	}
	c.report(apiServerName + " is ready")
	ends.watch(controllerManagerName, func() error { return c.controllerManager.run(ctx) })
	ends.watch(schedulerName, func() error { return c.scheduler.run(ctx) })
	heap.Settle()
}

// keepCopy copies a SQLite database now and then; one that turns out to be
// damaged ends the process, and its next start recovers it.
func (c *components) keepCopy(ctx context.Context, store *kine, ends *ends) {
	if store == nil || store.database == "" {
		return
	}
	facts := c.datastore
	facts.Path = store.database
	ends.watch("the copy of the datastore", func() error { return datastore.KeepCopy(ctx, facts) })
}

func (c *components) report(what string) {
	fmt.Fprintf(os.Stderr, "server: %s (%.2f s)\n", what, time.Since(c.started).Seconds())
}

// ends collects how components end. Only the first end matters: it ends the process.
type ends struct{ first chan error }

func newEnds() *ends { return &ends{first: make(chan error, 1)} }

// watch runs a component in the background; the returned channel closes when it ends.
func (e *ends) watch(name string, run func() error) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := run()
		if err == nil {
			err = errors.New("ended unexpectedly")
		}
		select {
		case e.first <- fmt.Errorf("running %s: %w", name, err):
		default:
		}
	}()
	return ended
}

func waitAtMost(done <-chan struct{}, limit time.Duration) {
	select {
	case <-done:
	case <-time.After(limit):
	}
}
