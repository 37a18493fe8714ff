package crictl

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func (s *session) statsCommand() *cobra.Command {
	out := &output{}
	var apart time.Duration
	command := &cobra.Command{
		Use: "stats [CONTAINER]", Short: "Show what containers use", Args: cobra.MaximumNArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, args []string) error {
			before, after, err := sample(ctx, runtime, statsFilter(args), apart)
			if err != nil {
				return fmt.Errorf("asking what containers use: %w", err)
			}
			return out.print(&runtimeapi.ListContainerStatsResponse{Stats: after},
				[]string{"CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES"}, statsRows(before, after))
		}),
	}
	out.addFlag(command, "table")
	command.Flags().DurationVarP(&apart, "interval", "s", time.Second, "how long the CPU time is measured")
	return command
}

func statsFilter(args []string) *runtimeapi.ContainerStatsFilter {
	if len(args) == 0 {
		return nil
	}
	return &runtimeapi.ContainerStatsFilter{Id: args[0]}
}

// sample takes the statistics twice: CPU time is known only as a sum.
func sample(ctx context.Context, runtime cri.RuntimeService, filter *runtimeapi.ContainerStatsFilter, apart time.Duration) (before, after []*runtimeapi.ContainerStats, err error) {
	before, err = runtime.ListContainerStats(ctx, filter)
	if err != nil {
		return nil, nil, err
	}
	time.Sleep(apart)
	after, err = runtime.ListContainerStats(ctx, filter)
	return before, after, err
}

func statsRows(before, after []*runtimeapi.ContainerStats) [][]string {
	earlier := map[string]*runtimeapi.CpuUsage{}
	for _, s := range before {
		earlier[s.Attributes.GetId()] = s.Cpu
	}
	rows := make([][]string, len(after))
	for n, s := range after {
		id := s.Attributes.GetId()
		rows[n] = []string{
			short(id, false), s.Attributes.GetMetadata().GetName(),
			fmt.Sprintf("%.2f", cpuPercent(earlier[id], s.Cpu)),
			size(s.Memory.GetWorkingSetBytes().GetValue()),
			size(s.WritableLayer.GetUsedBytes().GetValue()),
			strconv.FormatUint(s.WritableLayer.GetInodesUsed().GetValue(), 10),
		}
	}
	return rows
}

// cpuPercent is the use between two samples; 100 is one processor.
func cpuPercent(before, after *runtimeapi.CpuUsage) float64 {
	elapsed := after.GetTimestamp() - before.GetTimestamp()
	if before == nil || elapsed <= 0 {
		return 0
	}
	used := after.GetUsageCoreNanoSeconds().GetValue() - before.GetUsageCoreNanoSeconds().GetValue()
	return float64(used) / float64(elapsed) * 100
}
