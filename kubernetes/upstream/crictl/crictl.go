// Package crictl is a small command line for the container runtime. Commands,
// flags and columns are the ones that users of cri-tools' crictl know.
package crictl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/client-go/util/exec"
	cri "k8s.io/cri-api/pkg/apis"
	remote "k8s.io/cri-client/pkg"
)

// defaultEndpoint is containerd's socket as k3s users know it.
const defaultEndpoint = "unix:///run/k3s/containerd/containerd.sock"

// session is what every command needs: where the runtime is and how to answer.
type session struct {
	endpoint string
	timeout  time.Duration
}

// Main runs one crictl command. A command that was run in a container gives its
// own exit code to the process.
func Main(args []string) error {
	command := newCommand()
	command.SetArgs(args)
	err := command.Execute()
	var code exec.CodeExitError
	if errors.As(err, &code) {
		os.Exit(code.Code)
	}
	return err
}

func newCommand() *cobra.Command {
	s := &session{}
	root := &cobra.Command{
		Use:           "crictl",
		Short:         "Inspect and change what the container runtime runs",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&s.endpoint, "runtime-endpoint", "r", endpointFromEnvironment(), "socket of the container runtime")
	flags.DurationVar(&s.timeout, "request-timeout", 10*time.Second, "how long one request may take")
	root.AddCommand(
		s.versionCommand(), s.infoCommand(),
		s.psCommand(), s.podsCommand(), s.imagesCommand(), s.statsCommand(),
		s.inspectCommand(), s.inspectpCommand(), s.inspectiCommand(),
		s.logsCommand(), s.execCommand(),
		s.pullCommand(), s.rmiCommand(),
		s.stopCommand(), s.rmCommand(), s.stoppCommand(), s.rmpCommand(),
	)
	return root
}

func endpointFromEnvironment() string {
	if endpoint := os.Getenv("CONTAINER_RUNTIME_ENDPOINT"); endpoint != "" {
		return endpoint
	}
	return defaultEndpoint
}

func (s *session) runtime(ctx context.Context) (cri.RuntimeService, error) {
	service, err := remote.NewRemoteRuntimeService(ctx, s.endpoint, s.timeout, noop.NewTracerProvider(), false)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.endpoint, err)
	}
	return service, nil
}

func (s *session) images(ctx context.Context) (cri.ImageManagerService, error) {
	service, err := remote.NewRemoteImageService(ctx, s.endpoint, s.timeout, noop.NewTracerProvider(), false)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.endpoint, err)
	}
	return service, nil
}

// withRuntime makes a cobra action of one that needs the runtime service.
func (s *session) withRuntime(run func(context.Context, cri.RuntimeService, []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		service, err := s.runtime(command.Context())
		if err != nil {
			return err
		}
		return run(command.Context(), service, args)
	}
}

// withImages makes a cobra action of one that needs the image service.
func (s *session) withImages(run func(context.Context, cri.ImageManagerService, []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		service, err := s.images(command.Context())
		if err != nil {
			return err
		}
		return run(command.Context(), service, args)
	}
}
