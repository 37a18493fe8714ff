package server

import (
	"context"
	"fmt"

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

func (c *controllerManager) run(ctx context.Context) error {
	config, err := c.options.Config(ctx, controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	if err != nil {
		return err
	}
	return controllers.Run(ctx, config.Complete())
}

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
