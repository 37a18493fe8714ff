package crictl

import (
	"context"
	"fmt"
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
			images, err := service.ListImages(ctx, imageFilter(args))
			if err != nil {
				return fmt.Errorf("listing images: %w", err)
			}
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

func imageFilter(args []string) *runtimeapi.ImageFilter {
	if len(args) == 0 {
		return nil
	}
	return &runtimeapi.ImageFilter{Image: &runtimeapi.ImageSpec{Image: args[0]}}
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
