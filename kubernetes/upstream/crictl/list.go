package crictl

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubelet/pkg/types"
)

// listing are the flags of ps and pods.
type listing struct {
	output
	all, quiet, whole    bool
	name, pod, namespace string
}

func (l *listing) addFlags(command *cobra.Command) {
	l.addFlag(command, "table")
	flags := command.Flags()
	flags.BoolVarP(&l.quiet, "quiet", "q", false, "only ids")
	flags.BoolVar(&l.whole, "no-trunc", false, "whole ids")
	flags.StringVar(&l.name, "name", "", "only names that match this regular expression")
	flags.StringVar(&l.namespace, "namespace", "", "only this namespace")
}

func (s *session) psCommand() *cobra.Command {
	l := &listing{}
	command := &cobra.Command{
		Use: "ps", Short: "List containers", Args: cobra.NoArgs,
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, _ []string) error {
			return s.listContainers(ctx, runtime, l)
		}),
	}
	l.addFlags(command)
	command.Flags().BoolVarP(&l.all, "all", "a", false, "also those that do not run")
	command.Flags().StringVarP(&l.pod, "pod", "p", "", "only of this pod id")
	return command
}

func (s *session) listContainers(ctx context.Context, runtime cri.RuntimeService, l *listing) error {
	filter := &runtimeapi.ContainerFilter{PodSandboxId: l.pod}
	if !l.all {
		filter.State = &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING}
	}
	containers, err := runtime.ListContainers(ctx, filter)
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	containers, err = l.selectContainers(containers)
	if err != nil {
		return err
	}
	if l.quiet {
		return l.printIDs(containerIDs(containers))
	}
	rows := containerRows(containers, s.imageNames(ctx), l.whole, time.Now())
	return l.print(&runtimeapi.ListContainersResponse{Containers: containers},
		[]string{"CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD", "NAMESPACE"}, rows)
}

func (l *listing) selectContainers(all []*runtimeapi.Container) ([]*runtimeapi.Container, error) {
	wanted, err := l.matcher()
	return slices.DeleteFunc(all, func(c *runtimeapi.Container) bool {
		return err == nil && !wanted(c.Metadata.GetName(), c.Labels[types.KubernetesPodNamespaceLabel])
	}), err
}

// matcher tells whether a name in a namespace is wanted.
func (l *listing) matcher() (func(name, namespace string) bool, error) {
	pattern, err := regexp.Compile(l.name)
	if err != nil {
		return nil, fmt.Errorf("understanding --name: %w", err)
	}
	return func(name, namespace string) bool {
		return pattern.MatchString(name) && (l.namespace == "" || l.namespace == namespace)
	}, nil
}

func (l *listing) printIDs(ids []string) error {
	printLines(ids)
	return nil
}

func containerRows(containers []*runtimeapi.Container, images map[string]string, whole bool, now time.Time) [][]string {
	rows := make([][]string, len(containers))
	for n, c := range containers {
		rows[n] = []string{
			short(c.Id, whole), imageOf(c, images), age(c.CreatedAt, now),
			stateName(c.State.String(), "CONTAINER_"), c.Metadata.GetName(),
			strconv.FormatUint(uint64(c.Metadata.GetAttempt()), 10), short(c.PodSandboxId, whole),
			c.Labels[types.KubernetesPodNameLabel], c.Labels[types.KubernetesPodNamespaceLabel],
		}
	}
	return rows
}

// imageOf is the image's name; a container often knows only its id.
func imageOf(c *runtimeapi.Container, names map[string]string) string {
	if name, known := names[c.ImageRef]; known {
		return name
	}
	return short(c.Image.GetImage(), false)
}

// imageNames is image id to name. Without it ids are shown, so errors do not matter.
func (s *session) imageNames(ctx context.Context) map[string]string {
	names := map[string]string{}
	service, err := s.images(ctx)
	if err != nil {
		return names
	}
	images, err := service.ListImages(ctx, nil)
	if err != nil {
		return names
	}
	for _, image := range images {
		if len(image.RepoTags) > 0 {
			names[image.Id] = image.RepoTags[0]
		}
	}
	return names
}

// stateName makes "Running" of "CONTAINER_RUNNING".
func stateName(state, prefix string) string {
	name := strings.TrimPrefix(state, prefix)
	if len(name) < 2 {
		return name
	}
	return name[:1] + strings.ToLower(name[1:])
}

func containerIDs(containers []*runtimeapi.Container) []string {
	ids := make([]string, len(containers))
	for n, c := range containers {
		ids[n] = c.Id
	}
	return ids
}
