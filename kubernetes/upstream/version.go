package main

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"

	"k8s.io/component-base/version"
)

// versions is what `kubernetes version` prints.
type versions struct {
	Kubernetes string `json:"kubernetes"`
	Containerd string `json:"containerd"`
	Kine       string `json:"kine"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

func printVersions([]string) error {
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(versions{
		Kubernetes: version.Get().GitVersion,
		Containerd: moduleVersion("github.com/containerd/containerd/v2"),
		Kine:       moduleVersion("github.com/k3s-io/kine"),
		Go:         runtime.Version(),
		Platform:   runtime.GOOS + "/" + runtime.GOARCH,
	})
}

// moduleVersion is the version of a linked module, or "" when it is not linked.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path != path {
			continue
		}
		if module.Replace != nil {
			return module.Replace.Version
		}
		return module.Version
	}
	return ""
}
