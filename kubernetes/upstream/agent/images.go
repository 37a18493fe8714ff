package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
)

// imageNamespace is where containerd's CRI plugin looks for images.
const imageNamespace = "k8s.io"

// imageLabels show images to the CRI and keep the kubelet's garbage collection
// from removing what could not be pulled again.
var imageLabels = map[string]string{
	"io.cri-containerd.image":  "managed",
	"io.cri-containerd.pinned": "pinned",
}

// syncFiles brings an image's files to the disk before containerd's records say
// that they are there. Otherwise a power cut leaves files of zero bytes under a
// record that is right: a Ready node on which no pod ever runs.
var syncFiles = containerd.WithUnpackApplyOpts(diff.WithSyncFs(true))

// importer puts image archives into containerd's store.
type importer struct {
	client      *containerd.Client
	snapshotter string
}

// keepImages imports all archives of the configured directories, and then each
// that is put there or changes, until ctx ends.
func keepImages(ctx context.Context, config *Config) {
	changed := watchArchives(ctx, config.Images, quiet)
	importImages(ctx, config, allArchives(config.Images))
	for archives := range changed {
		importImages(ctx, config, archives)
	}
}

// importImages imports archives. One that fails is reported and the next one
// tried: the node is better with what it has.
func importImages(ctx context.Context, config *Config, archives []string) {
	if len(archives) == 0 {
		return
	}
	client, err := connect(config.Containerd)
	if err != nil {
		report("importing images: %v", err)
		return
	}
	defer client.Close()
	imports := importer{client, config.Snapshotter}
	for _, archive := range archives {
		if ctx.Err() != nil {
			return
		}
		started := time.Now()
		outcome, err := imports.importArchive(ctx, archive)
		if err != nil {
			report("importing images from %s: %v", archive, err)
			continue
		}
		report("%s from %s (%.2f s)", outcome, archive, time.Since(started).Seconds())
	}
}

func allArchives(directories []string) []string {
	var all []string
	for _, directory := range directories {
		archives, err := findArchives(directory)
		if err != nil {
			report("looking for images: %v", err)
		}
		all = append(all, archives...)
	}
	return all
}

// connect expects that containerd answers.
func connect(address string) (*containerd.Client, error) {
	client, err := containerd.New(strings.TrimPrefix(address, "unix://"), containerd.WithDefaultNamespace(imageNamespace))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return client, nil
}

// importArchive says what it did: "imported a, b" or "already has a, b".
func (i importer) importArchive(ctx context.Context, archive string) (string, error) {
	known, err := i.alreadyHas(ctx, archive)
	if err != nil {
		return "", err
	}
	if len(known) > 0 {
		return "already has " + strings.Join(known, ", "), nil
	}
	var imported []images.Image
	err = withArchive(ctx, archive, func(stream io.Reader) error {
		imported, err = i.client.Import(ctx, stream,
			containerd.WithImageLabels(imageLabels),
			containerd.WithImageRefTranslator(fullReference),
			containerd.WithImportPlatform(platforms.Default()),
			containerd.WithSkipMissing())
		return err
	})
	if err != nil {
		return "", err
	}
	if len(imported) == 0 {
		return "", errors.New("it names no image")
	}
	return "imported " + strings.Join(imageNames(imported), ", "), i.unpack(ctx, imported)
}

// alreadyHas returns the archive's image names if the store has all of them as
// they are in the archive, unpacked; else nothing.
func (i importer) alreadyHas(ctx context.Context, archive string) ([]string, error) {
	var wanted map[string]digest.Digest
	err := withArchive(ctx, archive, func(stream io.Reader) (err error) {
		wanted, err = imageDigests(stream)
		return err
	})
	if errors.Is(err, errNoIndex) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for name, wantedDigest := range wanted {
		image, err := i.client.GetImage(ctx, name)
		if err != nil || image.Target().Digest != wantedDigest {
			return nil, nil
		}
		if unpacked, err := image.IsUnpacked(ctx, i.snapshotter); err != nil || !unpacked {
			return nil, nil
		}
		names = append(names, name)
	}
	return names, nil
}

func (i importer) unpack(ctx context.Context, imported []images.Image) error {
	for _, image := range imported {
		if err := containerd.NewImage(i.client, image).Unpack(ctx, i.snapshotter, syncFiles); err != nil {
			return fmt.Errorf("unpacking %s: %w", image.Name, err)
		}
	}
	return nil
}

func imageNames(list []images.Image) []string {
	names := make([]string, len(list))
	for n, image := range list {
		names[n] = image.Name
	}
	return names
}

// report prints a line of progress for the service's log.
func report(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "agent: "+format+"\n", values...)
}
