package server

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/k3os/k3os/kubernetes/upstream/datastore"
	kineapp "github.com/k3s-io/kine/pkg/app"
	"github.com/k3s-io/kine/pkg/endpoint"
	"github.com/urfave/cli/v2"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// requestOverhead is what gRPC adds to etcd's largest request, in bytes.
const requestOverhead = 512 * 1024

// kine is the running data store; a nil kine is one that was not configured.
type kine struct {
	grpc    *grpc.Server
	cancel  context.CancelFunc
	serving *sync.WaitGroup
	// database is the SQLite file, "" for other databases.
	database string
}

// startKine returns when kine's socket accepts connections.
func startKine(ctx context.Context, flags []string, facts datastore.Facts) (*kine, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	config, err := kineConfig(flags)
	if err != nil {
		return nil, err
	}
	if err := prepareDatabase(ctx, config.Endpoint, facts); err != nil {
		return nil, fmt.Errorf("starting %s: %w", kineName, err)
	}
	serving, cancel := context.WithCancel(context.Background())
	store := &kine{grpc: newGRPCServer(), cancel: cancel, serving: &sync.WaitGroup{}, database: databasePath(config.Endpoint)}
	config.GRPCServer = store.grpc
	config.WaitGroup = store.serving
	if _, err := endpoint.Listen(serving, config); err != nil {
		cancel()
		return nil, fmt.Errorf("starting %s: %w", kineName, err)
	}
	return store, nil
}

// kineConfig understands kine's flags by kine's own command line. It is parsed
// twice, because app.Config drops the error.
func kineConfig(flags []string) (endpoint.Config, error) {
	check := kineapp.New()
	check.Action = func(c *cli.Context) error {
		if c.Args().Present() {
			return fmt.Errorf("unexpected argument %q", c.Args().First())
		}
		return nil
	}
	if err := check.Run(append([]string{kineName}, flags...)); err != nil {
		return endpoint.Config{}, fmt.Errorf("understanding the flags of %s: %w", kineName, err)
	}
	return kineapp.Config(flags), nil
}

// newGRPCServer has the options of kine's own server. It is made here so that
// close can stop it at once: kine itself first waits two seconds for watches
// that never end.
func newGRPCServer() *grpc.Server {
	return grpc.NewServer(
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: embed.DefaultGRPCKeepAliveMinTime}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time:    embed.DefaultGRPCKeepAliveInterval,
			Timeout: embed.DefaultGRPCKeepAliveTimeout,
		}),
		grpc.MaxConcurrentStreams(embed.DefaultMaxConcurrentStreams),
		grpc.MaxRecvMsgSize(int(embed.DefaultMaxRequestBytes)+requestOverhead),
		grpc.MaxSendMsgSize(math.MaxInt32),
	)
}

// close ends all requests, then closes the database and waits for that.
func (k *kine) close() error {
	if k == nil {
		return nil
	}
	k.grpc.Stop()
	k.cancel()
	k.serving.Wait()
	return nil
}
