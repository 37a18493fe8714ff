package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubelet/pkg/types"
)

const (
	// The kubelet keeps what a shutdown needs in the containers' annotations.
	gracePeriodAnnotation = "io.kubernetes.pod.terminationGracePeriod"
	preStopAnnotation     = "io.kubernetes.container.preStopHandler"

	// defaultGrace is Kubernetes' own default, for containers that say nothing.
	defaultGrace = 30 * time.Second
	// criticalNamespace holds the pods that others need to stop well, above all DNS.
	criticalNamespace = "kube-system"
)

// stages are stopped one after the other.
type stages struct{ ordinary, critical stage }

type stage struct {
	name string
	pods []pod
}

type pod struct {
	name       string // namespace/name
	sandbox    string
	containers []container
}

type container struct {
	id, name string
	grace    time.Duration
	preStop  *core.LifecycleHandler
}

func (s stage) names() []string {
	names := make([]string, len(s.pods))
	for n, pod := range s.pods {
		names[n] = pod.name
	}
	return names
}

func planStop(ctx context.Context, runtime cri.RuntimeService) (stages, error) {
	sandboxes, err := runtime.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{
		State: &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY},
	})
	if err != nil {
		return stages{}, fmt.Errorf("listing pods: %w", err)
	}
	running, err := runtime.ListContainers(ctx, &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	})
	if err != nil {
		return stages{}, fmt.Errorf("listing containers: %w", err)
	}
	return plan(sandboxes, running), nil
}

func plan(sandboxes []*runtimeapi.PodSandbox, running []*runtimeapi.Container) stages {
	bySandbox := map[string][]container{}
	for _, c := range running {
		bySandbox[c.PodSandboxId] = append(bySandbox[c.PodSandboxId], describe(c))
	}
	all := stages{stage{name: "ordinary"}, stage{name: "critical"}}
	for _, sandbox := range sandboxes {
		namespace := sandbox.Metadata.GetNamespace()
		into := &all.ordinary
		if namespace == criticalNamespace {
			into = &all.critical
		}
		into.pods = append(into.pods, pod{
			name:       namespace + "/" + sandbox.Metadata.GetName(),
			sandbox:    sandbox.Id,
			containers: bySandbox[sandbox.Id],
		})
	}
	return all
}

func describe(c *runtimeapi.Container) container {
	return container{
		id:      c.Id,
		name:    c.Labels[types.KubernetesContainerNameLabel],
		grace:   gracePeriod(c.Annotations),
		preStop: preStopHook(c.Annotations),
	}
}

func gracePeriod(annotations map[string]string) time.Duration {
	seconds, err := strconv.ParseInt(annotations[gracePeriodAnnotation], 10, 32)
	if err != nil || seconds < 0 {
		return defaultGrace
	}
	return time.Duration(seconds) * time.Second
}

// preStopHook is nil where there is none; one that cannot be read is none.
func preStopHook(annotations map[string]string) *core.LifecycleHandler {
	text, present := annotations[preStopAnnotation]
	if !present {
		return nil
	}
	hook := &core.LifecycleHandler{}
	if err := json.Unmarshal([]byte(text), hook); err != nil {
		report("reading a preStop hook: %v", err)
		return nil
	}
	return hook
}
