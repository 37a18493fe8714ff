package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduling "k8s.io/kubernetes/cmd/kube-scheduler/app"
	schedulingoptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

type controllerManager struct {
	options *controlleroptions.KubeControllerManagerOptions
}

func newControllerManager(flags []string) (*controllerManager, error) {
	o, err := controlleroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("setting up %s: %w", controllerManagerName, err)
	}
	sets := o.Flags(controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	if err := parseFlags(controllerManagerName, sets, flags); err != nil {
		return nil, err
	}
	return &controllerManager{o}, nil
}

// needless are the checks of the API server that the controller manager need
// not wait for. With service accounts of their own the controllers need roles;
// without, its kubeconfig has all rights, or nothing would work.
func (c *controllerManager) needless() []string {
	if c.options.KubeCloudShared.UseServiceAccountCredentials {
		return nil
	}
	return slowChecks
}

func (c *controllerManager) run(ctx context.Context) error {
	config, err := c.options.Config(ctx, controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	if err != nil {
		return err
	}
	config.Kubeconfig.Wrap(answerHealth)
	return controllers.Run(ctx, config.Complete())
}

// answerHealth spares the controller manager its own wait for the API server: it
// asks once a second for up to ten seconds, and would wait for slowChecks too.
func answerHealth(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.URL.Path != "/healthz" {
			return next.RoundTrip(request)
		}
		return &http.Response{
			StatusCode: http.StatusOK,
			Header:     http.Header{},
			Body:       io.NopCloser(strings.NewReader("ok")),
			Request:    request,
		}, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

type scheduler struct {
	options *schedulingoptions.Options
}

func newScheduler(flags []string) (*scheduler, error) {
	o := schedulingoptions.NewOptions()
	if err := parseFlags(schedulerName, *o.Flags, flags); err != nil {
		return nil, err
	}
	return &scheduler{o}, nil
}

func (s *scheduler) run(ctx context.Context) error {
	config, instance, err := scheduling.Setup(ctx, s.options)
	if err != nil {
		return err
	}
	return scheduling.Run(ctx, config, instance)
}
