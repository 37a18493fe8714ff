package agent

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// indexLimit bounds what is read of an archive's index.json, in bytes.
const indexLimit = 4 << 20

var archiveSuffixes = []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"}

// errNoIndex says that an archive does not name its images' digests: it was
// written by an old `docker save`.
var errNoIndex = errors.New("no index.json")

func isArchive(name string) bool {
	return slices.ContainsFunc(archiveSuffixes, func(suffix string) bool {
		return strings.HasSuffix(name, suffix) && name != suffix
	})
}

// findArchives lists the image archives of a directory by name. A directory that does
// not exist has none.
func findArchives(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var archives []string
	for _, entry := range entries {
		if !entry.IsDir() && isArchive(entry.Name()) {
			archives = append(archives, filepath.Join(directory, entry.Name()))
		}
	}
	return archives, nil
}

// withArchive gives use the plain tar stream of an archive. What it is packed
// by is told by its content: many a .tar is a .tar.gz.
func withArchive(ctx context.Context, file string, use func(io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	start := make([]byte, 10)
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return explain(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if compression.DetectCompression(start[:n]) == compression.Uncompressed {
		return explain(use(f)) // itself, because tar readers skip a file's contents by seeking
	}
	stream, err := compression.DecompressStream(contextReader{ctx, f})
	if err != nil {
		return explain(err)
	}
	defer stream.Close()
	return explain(use(stream))
}

// explain adds what an error of a reader says about the file.
func explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the file ends too early; it is tried again when more of it is written: %w", err)
	case errors.Is(err, tar.ErrHeader), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("the file is no image archive (tar, or tar packed by gzip or zstd), or is damaged: %w", err)
	}
	return err
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// imageDigests reads which images an OCI archive holds: name to digest.
func imageDigests(archive io.Reader) (map[string]digest.Digest, error) {
	entries := tar.NewReader(archive)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil, errNoIndex
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == ocispec.ImageIndexFile {
			return parseIndex(io.LimitReader(entries, indexLimit))
		}
	}
}

func parseIndex(text io.Reader) (map[string]digest.Digest, error) {
	var index ocispec.Index
	if err := json.NewDecoder(text).Decode(&index); err != nil {
		return nil, fmt.Errorf("reading index.json: %w", err)
	}
	found := map[string]digest.Digest{}
	for _, manifest := range index.Manifests {
		if name := imageName(manifest.Annotations); name != "" {
			found[name] = manifest.Digest
		}
	}
	return found, nil
}

// imageName is the full reference in a manifest's annotations, or "". A bare
// tag is none: nobody could ask for it.
func imageName(annotations map[string]string) string {
	if name := annotations[images.AnnotationImageName]; name != "" {
		return name
	}
	return fullReference(annotations[ocispec.AnnotationRefName])
}

func fullReference(name string) string {
	if strings.ContainsAny(name, "/:@") {
		return name
	}
	return ""
}
