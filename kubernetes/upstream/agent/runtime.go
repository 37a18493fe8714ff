package agent

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	cri "k8s.io/cri-api/pkg/apis"
	remote "k8s.io/cri-client/pkg"
)

const (
	// criTimeout bounds one request to containerd, beside what it waits for a container.
	criTimeout = 10 * time.Second
	// criPoll is how often containerd is tried until it answers.
	criPoll = 20 * time.Millisecond
)

func connectRuntime(ctx context.Context, address string) (cri.RuntimeService, error) {
	runtime, err := remote.NewRemoteRuntimeService(ctx, address, criTimeout, noop.NewTracerProvider(), false)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return runtime, nil
}

// waitForRuntime returns true when containerd answers (the kubelet ends at once
// if it does not) and false when ctx ends before.
func waitForRuntime(ctx context.Context, address string) bool {
	nextReport := time.Now().Add(progressEvery)
	for {
		runtime, err := connectRuntime(ctx, address)
		if err == nil {
			if err := runtime.Close(ctx); err != nil {
				report("closing a connection to containerd: %v", err)
			}
			return true
		}
		if time.Now().After(nextReport) {
			report("waiting for containerd: %v", err)
			nextReport = time.Now().Add(progressEvery)
		}
		select {
		case <-time.After(criPoll):
		case <-ctx.Done():
			return false
		}
	}
}
