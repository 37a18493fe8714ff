package crictl

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func (s *session) podsCommand() *cobra.Command {
	l := &listing{}
	command := &cobra.Command{
		Use: "pods", Short: "List pods", Args: cobra.NoArgs,
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, _ []string) error {
			return listPods(ctx, runtime, l)
		}),
	}
	l.addFlags(command)
	return command
}

func listPods(ctx context.Context, runtime cri.RuntimeService, l *listing) error {
	pods, err := runtime.ListPodSandbox(ctx, nil)
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	wanted, err := l.matcher()
	if err != nil {
		return err
	}
	pods = slices.DeleteFunc(pods, func(p *runtimeapi.PodSandbox) bool {
		return !wanted(p.Metadata.GetName(), p.Metadata.GetNamespace())
	})
	if l.quiet {
		return l.printIDs(podIDs(pods))
	}
	return l.print(&runtimeapi.ListPodSandboxResponse{Items: pods},
		[]string{"POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"}, podRows(pods, l.whole, time.Now()))
}

func podRows(pods []*runtimeapi.PodSandbox, whole bool, now time.Time) [][]string {
	rows := make([][]string, len(pods))
	for n, p := range pods {
		state := "Ready"
		if p.State != runtimeapi.PodSandboxState_SANDBOX_READY {
			state = "NotReady"
		}
		handler := p.RuntimeHandler
		if handler == "" {
			handler = "(default)"
		}
		rows[n] = []string{
			short(p.Id, whole), age(p.CreatedAt, now), state, p.Metadata.GetName(), p.Metadata.GetNamespace(),
			strconv.FormatUint(uint64(p.Metadata.GetAttempt()), 10), handler,
		}
	}
	return rows
}

func podIDs(pods []*runtimeapi.PodSandbox) []string {
	ids := make([]string, len(pods))
	for n, p := range pods {
		ids[n] = p.Id
	}
	return ids
}
