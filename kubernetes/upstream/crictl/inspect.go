package crictl

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func (s *session) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of the container runtime", Args: cobra.NoArgs,
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, _ []string) error {
			version, err := runtime.Version(ctx, "v1")
			if err != nil {
				return fmt.Errorf("asking for the version: %w", err)
			}
			fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n",
				version.Version, version.RuntimeName, version.RuntimeVersion, version.RuntimeApiVersion)
			return nil
		}),
	}
}

func (s *session) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "info", Short: "Show the state and configuration of the container runtime", Args: cobra.NoArgs,
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, _ []string) error {
			status, err := runtime.Status(ctx, true)
			if err != nil {
				return fmt.Errorf("asking for the state: %w", err)
			}
			return printStatus(os.Stdout, status.Status, status.Info)
		}),
	}
}

func (s *session) inspectCommand() *cobra.Command {
	return inspectCommand("inspect", "CONTAINER", s.withRuntime(
		func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return each(ids, "inspecting container", func(id string) error {
				status, err := runtime.ContainerStatus(ctx, id, true)
				if err != nil {
					return err
				}
				return printStatus(os.Stdout, status.Status, status.Info)
			})
		}))
}

func (s *session) inspectpCommand() *cobra.Command {
	return inspectCommand("inspectp", "POD", s.withRuntime(
		func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return each(ids, "inspecting pod", func(id string) error {
				status, err := runtime.PodSandboxStatus(ctx, id, true)
				if err != nil {
					return err
				}
				return printStatus(os.Stdout, status.Status, status.Info)
			})
		}))
}

func (s *session) inspectiCommand() *cobra.Command {
	return inspectCommand("inspecti", "IMAGE", s.withImages(
		func(ctx context.Context, images cri.ImageManagerService, names []string) error {
			return each(names, "inspecting image", func(name string) error {
				status, err := images.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: name}, true)
				if err != nil {
					return err
				}
				if status.Image == nil {
					return errNotFound
				}
				return printStatus(os.Stdout, status.Image, status.Info)
			})
		}))
}

func inspectCommand(name, what string, run func(*cobra.Command, []string) error) *cobra.Command {
	command := &cobra.Command{
		Use: name + " " + what + "…", Short: "Show all about it as JSON", Args: cobra.MinimumNArgs(1), RunE: run,
	}
	// Accepted because users type it; there is no other format.
	command.Flags().StringP("output", "o", "json", "json")
	return command
}
