package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	cri "k8s.io/cri-api/pkg/apis"
	remote "k8s.io/cri-client/pkg"
)

const (
	// criTimeout bounds one request to containerd, beside what it waits for a container.
	criTimeout = 10 * time.Second
	// socketPoll is how often containerd's socket is tried until something listens there.
	socketPoll = 20 * time.Millisecond
	// criPoll is how often containerd is asked from then on, until it answers.
	criPoll = 200 * time.Millisecond
)

// connectRuntime fails without a client where nothing listens: the client would go on dialling in the background, and
// nobody could close it.
func connectRuntime(ctx context.Context, address string) (cri.RuntimeService, error) {
	if err := dialSocket(address); err != nil {
		return nil, err
	}
	runtime, err := remote.NewRemoteRuntimeService(ctx, address, criTimeout, noop.NewTracerProvider(), false)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return runtime, nil
}

func dialSocket(address string) error {
	connection, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
	if err != nil {
		return &noSocketError{err}
	}
	return connection.Close()
}

// noSocketError is returned while nothing listens on containerd's socket.
type noSocketError struct{ cause error }

func (e *noSocketError) Error() string { return e.cause.Error() }
func (e *noSocketError) Unwrap() error { return e.cause }

// pauseAfter returns how long to wait before the next try: a dial costs little, a client much.
func pauseAfter(err error) time.Duration {
	var noSocket *noSocketError
	if errors.As(err, &noSocket) {
		return socketPoll
	}
	return criPoll
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
		case <-time.After(pauseAfter(err)):
		case <-ctx.Done():
			return false
		}
	}
}
