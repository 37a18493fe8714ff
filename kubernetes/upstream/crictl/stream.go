package crictl

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/kubectl/pkg/util/term"
)

func (s *session) logsCommand() *cobra.Command {
	options := &logs.LogOptions{}
	var tail int64
	command := &cobra.Command{
		Use: "logs CONTAINER", Short: "Show a container's output", Args: cobra.ExactArgs(1),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, args []string) error {
			if tail >= 0 {
				options.TailLines = &tail
			}
			return readLogs(ctx, runtime, args[0], options)
		}),
	}
	flags := command.Flags()
	flags.BoolVarP(&options.Follow, "follow", "f", false, "wait for more")
	flags.Int64Var(&tail, "tail", -1, "only this many lines from the end")
	flags.BoolVar(&options.Timestamp, "timestamps", false, "show when each line was written")
	flags.Func("since", "only lines of this last time, such as 10m", func(text string) error {
		duration, err := time.ParseDuration(text)
		options.Since = time.Now().Add(-duration)
		return err
	})
	return command
}

func readLogs(ctx context.Context, runtime cri.RuntimeService, id string, options *logs.LogOptions) error {
	status, err := runtime.ContainerStatus(ctx, id, false)
	if err != nil {
		return fmt.Errorf("looking for container %s: %w", id, err)
	}
	path := status.Status.GetLogPath()
	if path == "" {
		return fmt.Errorf("container %s has no log", id)
	}
	return logs.ReadLogs(ctx, path, status.Status.Id, options, runtime, os.Stdout, os.Stderr)
}

func (s *session) execCommand() *cobra.Command {
	request := &runtimeapi.ExecRequest{}
	command := &cobra.Command{
		Use: "exec CONTAINER COMMAND [ARGUMENT]…", Short: "Run a command in a container", Args: cobra.MinimumNArgs(2),
		RunE: s.withRuntime(func(ctx context.Context, runtime cri.RuntimeService, args []string) error {
			request.ContainerId, request.Cmd = args[0], args[1:]
			return execIn(ctx, runtime, request)
		}),
	}
	command.Flags().SetInterspersed(false) // the rest belongs to the command
	command.Flags().BoolVarP(&request.Tty, "tty", "t", false, "give it a terminal")
	command.Flags().BoolVarP(&request.Stdin, "interactive", "i", false, "give it the standard input")
	return command
}

func execIn(ctx context.Context, runtime cri.RuntimeService, request *runtimeapi.ExecRequest) error {
	request.Stdout = true
	request.Stderr = !request.Tty // a terminal has one output
	response, err := runtime.Exec(ctx, request)
	if err != nil {
		return fmt.Errorf("running a command in container %s: %w", request.ContainerId, err)
	}
	target, err := url.Parse(response.Url)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, "POST", target)
	if err != nil {
		return err
	}
	return stream(ctx, executor, request)
}

// stream connects the command with this terminal until it ends.
func stream(ctx context.Context, executor remotecommand.Executor, request *runtimeapi.ExecRequest) error {
	options := remotecommand.StreamOptions{Stdout: os.Stdout, Tty: request.Tty}
	if request.Stdin {
		options.Stdin = os.Stdin
	}
	if !request.Tty {
		options.Stderr = os.Stderr
		return executor.StreamWithContext(ctx, options)
	}
	terminal := term.TTY{In: os.Stdin, Out: os.Stdout, Raw: true}
	if !terminal.IsTerminalIn() {
		return errors.New("-t needs a terminal as standard input")
	}
	options.TerminalSizeQueue = sizes{terminal.MonitorSize(terminal.GetSize())}
	return terminal.Safe(func() error { return executor.StreamWithContext(ctx, options) })
}

// sizes hands the terminal's sizes from kubectl's type to client-go's.
type sizes struct{ term.TerminalSizeQueue }

func (s sizes) Next() *remotecommand.TerminalSize {
	size := s.TerminalSizeQueue.Next()
	if size == nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: size.Width, Height: size.Height}
}
