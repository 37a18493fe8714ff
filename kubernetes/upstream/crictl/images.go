package crictl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// none is what stands for a missing tag.
const none = "<none>"

func (s *session) imagesCommand() *cobra.Command {
	out := &output{}
	var quiet, whole bool
	command := &cobra.Command{
		Use: "images [IMAGE]", Aliases: []string{"image", "img"}, Short: "List images", Args: cobra.MaximumNArgs(1),
		RunE: s.withImages(func(ctx context.Context, service cri.ImageManagerService, args []string) error {
			images, err := service.ListImages(ctx, nil)
			if err != nil {
				return fmt.Errorf("listing images: %w", err)
			}
			images = selectImages(images, args)
			if quiet {
				printLines(imageIDs(images))
				return nil
			}
			return out.print(&runtimeapi.ListImagesResponse{Images: images},
				[]string{"IMAGE", "TAG", "IMAGE ID", "SIZE"}, imageRows(images, whole))
		}),
	}
	out.addFlag(command, "table")
	command.Flags().BoolVarP(&quiet, "quiet", "q", false, "only ids")
	command.Flags().BoolVar(&whole, "no-trunc", false, "whole ids")
	return command
}

// selectImages keeps the images of a name, if one is given; containerd ignores
// the filter that the CRI has for it.
func selectImages(all []*runtimeapi.Image, names []string) []*runtimeapi.Image {
	return slices.DeleteFunc(all, func(image *runtimeapi.Image) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return isNamed(image, name) }) && len(names) > 0
	})
}

// isNamed knows an image by its id, and by its name with or without registry and tag.
func isNamed(image *runtimeapi.Image, name string) bool {
	if strings.HasPrefix(strings.TrimPrefix(image.Id, "sha256:"), name) {
		return true
	}
	return slices.ContainsFunc(image.RepoTags, func(full string) bool {
		for _, known := range []string{full, splitTag(full).repository} {
			if known == name || strings.HasSuffix(known, "/"+name) {
				return true
			}
		}
		return false
	})
}

// imageRows has one row for each name of an image.
func imageRows(images []*runtimeapi.Image, whole bool) [][]string {
	var rows [][]string
	for _, image := range images {
		for _, name := range namesOf(image) {
			rows = append(rows, []string{name.repository, name.tag, short(image.Id, whole), size(image.Size)})
		}
	}
	return rows
}

type repositoryTag struct{ repository, tag string }

func namesOf(image *runtimeapi.Image) []repositoryTag {
	var names []repositoryTag
	for _, full := range image.RepoTags {
		names = append(names, splitTag(full))
	}
	if len(names) > 0 {
		return names
	}
	for _, full := range image.RepoDigests {
		repository, _, _ := strings.Cut(full, "@")
		return []repositoryTag{{repository, none}}
	}
	return []repositoryTag{{none, none}}
}

// splitTag keeps a registry's port in the repository.
func splitTag(full string) repositoryTag {
	colon := strings.LastIndex(full, ":")
	if colon < strings.LastIndex(full, "/") || colon < 0 {
		return repositoryTag{full, none}
	}
	return repositoryTag{full[:colon], full[colon+1:]}
}

func imageIDs(images []*runtimeapi.Image) []string {
	ids := make([]string, len(images))
	for n, image := range images {
		ids[n] = image.Id
	}
	return ids
}
