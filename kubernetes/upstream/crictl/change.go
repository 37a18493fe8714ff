package crictl

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var errNotFound = errors.New("there is none of this name")

// each does one thing to every id and collects what failed.
func each(ids []string, doing string, do func(string) error) error {
	var failures []error
	for _, id := range ids {
		if err := do(id); err != nil {
			failures = append(failures, fmt.Errorf("%s %s: %w", doing, id, err))
		}
	}
	return errors.Join(failures...)
}

// eachAloud is each, and prints every id that it was done to.
func eachAloud(ids []string, doing string, do func(string) error) error {
	return each(ids, doing, func(id string) error {
		err := do(id)
		if err == nil {
			fmt.Println(id)
		}
		return err
	})
}

func (s *session) pullCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pull IMAGE…", Short: "Pull images", Args: cobra.MinimumNArgs(1),
		RunE: s.withImages(func(ctx context.Context, images cri.ImageManagerService, names []string) error {
			return each(names, "pulling", func(name string) error {
				reference, err := images.PullImage(ctx, &runtimeapi.ImageSpec{Image: name}, nil, nil)
				if err == nil {
					fmt.Println("Image is up to date for " + reference)
				}
				return err
			})
		}),
	}
}

func (s *session) rmiCommand() *cobra.Command {
	var prune bool
	command := &cobra.Command{
		Use: "rmi IMAGE…", Short: "Remove images",
		RunE: s.withImages(func(ctx context.Context, images cri.ImageManagerService, names []string) error {
			if prune {
				unused, err := s.unusedImages(ctx, images)
				if err != nil {
					return err
				}
				names = append(names, unused...)
			}
			return each(names, "removing image", func(name string) error {
				return removeImage(ctx, images, name)
			})
		}),
	}
	command.Flags().BoolVar(&prune, "prune", false, "remove all images that no container uses")
	return command
}

func removeImage(ctx context.Context, images cri.ImageManagerService, name string) error {
	status, err := images.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: name}, false)
	if err != nil {
		return err
	}
	if status.Image == nil {
		return errNotFound
	}
	if err := images.RemoveImage(ctx, &runtimeapi.ImageSpec{Image: status.Image.Id}); err != nil {
		return err
	}
	for _, tag := range status.Image.RepoTags {
		fmt.Println("Deleted: " + tag)
	}
	return nil
}

// unusedImages are the ids of images that are neither used nor pinned.
func (s *session) unusedImages(ctx context.Context, images cri.ImageManagerService) ([]string, error) {
	runtime, err := s.runtime(ctx)
	if err != nil {
		return nil, err
	}
	containers, err := runtime.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	all, err := images.ListImages(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	return unused(all, containers), nil
}

func unused(images []*runtimeapi.Image, containers []*runtimeapi.Container) []string {
	used := map[string]bool{}
	for _, c := range containers {
		used[c.ImageRef] = true
		used[c.ImageId] = true
	}
	var ids []string
	for _, image := range images {
		if !used[image.Id] && !image.Pinned {
			ids = append(ids, image.Id)
		}
	}
	return ids
}

func (s *session) stopCommand() *cobra.Command {
	var grace int64
	command := &cobra.Command{
		Use: "stop CONTAINER…", Short: "Stop containers", Args: cobra.MinimumNArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return eachAloud(ids, "stopping container", func(id string) error {
				return runtime.StopContainer(ctx, id, grace)
			})
		}),
	}
	command.Flags().Int64VarP(&grace, "timeout", "t", 0, "seconds until it is killed")
	return command
}

func (s *session) rmCommand() *cobra.Command {
	var force bool
	command := &cobra.Command{
		Use: "rm CONTAINER…", Short: "Remove containers", Args: cobra.MinimumNArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return eachAloud(ids, "removing container", func(id string) error {
				if force {
					if err := runtime.StopContainer(ctx, id, 0); err != nil {
						return err
					}
				}
				return runtime.RemoveContainer(ctx, id)
			})
		}),
	}
	command.Flags().BoolVarP(&force, "force", "f", false, "stop it first")
	return command
}

func (s *session) stoppCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stopp POD…", Short: "Stop pods", Args: cobra.MinimumNArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return eachAloud(ids, "stopping pod", func(id string) error {
				return runtime.StopPodSandbox(ctx, id)
			})
		}),
	}
}

func (s *session) rmpCommand() *cobra.Command {
	var force bool
	command := &cobra.Command{
		Use: "rmp POD…", Short: "Remove pods", Args: cobra.MinimumNArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, ids []string) error {
			return eachAloud(ids, "removing pod", func(id string) error {
				if force {
					if err := runtime.StopPodSandbox(ctx, id); err != nil {
						return err
					}
				}
				return runtime.RemovePodSandbox(ctx, id)
			})
		}),
	}
	command.Flags().BoolVarP(&force, "force", "f", false, "stop it first")
	return command
}
