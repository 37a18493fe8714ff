package server

import (
	"context"
	"fmt"
	"time"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// readyPoll is how often the API server is asked whether it is ready; it tells
// nobody by itself.
const readyPoll = 25 * time.Millisecond

// slowChecks are the parts of /readyz that sleep for a second and then create
// the system's roles one by one. A client with all rights need not wait for them.
var slowChecks = []string{
	"poststarthook/rbac/bootstrap-roles",
	"poststarthook/scheduling/bootstrap-system-priority-classes",
}

// apiServer does what upstream's command does, with a context of its own.
type apiServer struct {
	options *options.ServerRunOptions
	// loopback receives the configuration of a client once there is a server to ask.
	loopback chan *rest.Config
}

func newAPIServer(flags []string) (*apiServer, error) {
	o := options.NewServerRunOptions()
	if err := parseFlags(apiServerName, o.Flags(), flags); err != nil {
		return nil, err
	}
	return &apiServer{options: o, loopback: make(chan *rest.Config, 1)}, nil
}

// applyGlobals fixes feature gates and logging for all components of the process.
func (a *apiServer) applyGlobals() error {
	if err := a.options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return fmt.Errorf("setting feature gates: %w", err)
	}
	// The components trust one another; warnings among themselves help nobody.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	if err := logsapi.ValidateAndApply(a.options.Logs, utilfeature.DefaultFeatureGate); err != nil {
		return fmt.Errorf("setting up the log: %w", err)
	}
	return nil
}

func (a *apiServer) run(ctx context.Context) error {
	completed, err := a.options.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return err
	}
	completedConfig, err := config.Complete()
	if err != nil {
		return err
	}
	chain, err := app.CreateServerChain(completedConfig)
	if err != nil {
		return err
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return err
	}
	a.loopback <- chain.GenericAPIServer.LoopbackClientConfig
	return prepared.Run(ctx)
}

// waitReady returns true when /readyz answers, false when ctx ends before. It
// does not look at the checks named in exclude.
func (a *apiServer) waitReady(ctx context.Context, exclude []string) bool {
	var config *rest.Config
	select {
	case config = <-a.loopback:
	case <-ctx.Done():
		return false
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // the poll is its own limit
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return false
	}
	err = wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		request := client.Discovery().RESTClient().Get().AbsPath("/readyz")
		for _, check := range exclude {
			request.Param("exclude", check)
		}
		_, err := request.DoRaw(ctx)
		return err == nil, nil
	})
	return err == nil
}
