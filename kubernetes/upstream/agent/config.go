package agent

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// Config is the file of `kubernetes agent --config`.
type Config struct {
	Kubelet []string `json:"kubelet"`
	// KubeProxy without flags is not run: something else makes services reachable.
	KubeProxy []string `json:"kube-proxy"`
	// Images are folders of image archives; one that does not exist is empty.
	Images []string `json:"images"`
	// Containerd is containerd's socket as a URL, unix:///….
	Containerd string `json:"containerd"`
	// Snapshotter must be the one that containerd's CRI plugin uses.
	Snapshotter string `json:"snapshotter"`
	// ShutdownGracePeriodSeconds bounds how long all pods together may take to stop.
	ShutdownGracePeriodSeconds int `json:"shutdownGracePeriodSeconds"`
	// ShutdownGracePeriodCriticalPodsSeconds is the end of that time, kept for the system's pods.
	ShutdownGracePeriodCriticalPodsSeconds int `json:"shutdownGracePeriodCriticalPodsSeconds"`

	// path is where this came from, to be read again when the node shuts down.
	path string
}

func configFromArgs(applet string, args []string) (*Config, error) {
	flags := flag.NewFlagSet(applet, flag.ContinueOnError)
	path := flags.String("config", "", "JSON `file` with the flags of kubelet and kube-proxy")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if *path == "" || flags.NArg() > 0 {
		return nil, fmt.Errorf("usage: kubernetes %s --config FILE", applet)
	}
	return readConfig(*path)
}

func readConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer file.Close()
	config := &Config{
		Snapshotter:                            "overlayfs",
		ShutdownGracePeriodSeconds:             60,
		ShutdownGracePeriodCriticalPodsSeconds: 10,
		path:                                   path,
	}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return config, nil
}

func (c *Config) validate() error {
	switch {
	case len(c.Kubelet) == 0:
		return errors.New(`"kubelet" has no flags`)
	case c.Containerd == "":
		return errors.New(`"containerd" is missing`)
	case c.ShutdownGracePeriodSeconds < 0, c.ShutdownGracePeriodCriticalPodsSeconds < 0:
		return errors.New("a shutdown grace period is negative")
	case c.ShutdownGracePeriodCriticalPodsSeconds > c.ShutdownGracePeriodSeconds:
		return errors.New(`"shutdownGracePeriodCriticalPodsSeconds" is part of, so at most, "shutdownGracePeriodSeconds"`)
	}
	return nil
}

func (c *Config) shutdownLimit() time.Duration {
	return time.Duration(c.ShutdownGracePeriodSeconds) * time.Second
}

func (c *Config) criticalShare() time.Duration {
	return time.Duration(c.ShutdownGracePeriodCriticalPodsSeconds) * time.Second
}
