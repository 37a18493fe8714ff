package agent

import (
	"errors"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/configfile"
)

// Config is the file of `kubernetes agent --config`.
type Config struct {
	Kubelet []string `json:"kubelet"`
	// KubeProxy without flags is not run: something else makes services reachable.
	KubeProxy []string `json:"kube-proxy"`
	// Images are directories of image archives; one that does not exist is empty.
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
	config := &Config{
		Snapshotter:                            "overlayfs",
		ShutdownGracePeriodSeconds:             60,
		ShutdownGracePeriodCriticalPodsSeconds: 10,
	}
	path, err := configfile.FromArgs(applet, args, config)
	if err != nil {
		return nil, err
	}
	config.path = path
	return config, nil
}

// Validate says what is missing or cannot be.
func (c *Config) Validate() error {
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
