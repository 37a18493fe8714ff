package server

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
)

// Config is the file of `kubernetes server --config`: the flags of each component.
type Config struct {
	// Kine is left out when the API server has an etcd of its own.
	Kine              []string `json:"kine"`
	APIServer         []string `json:"kube-apiserver"`
	ControllerManager []string `json:"kube-controller-manager"`
	Scheduler         []string `json:"kube-scheduler"`
}

func configFromArgs(args []string) (*Config, error) {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	path := flags.String("config", "", "JSON `file` with the flags of each component")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if *path == "" || flags.NArg() > 0 {
		return nil, errors.New("usage: kubernetes server --config FILE")
	}
	return readConfig(*path)
}

func readConfig(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	config := &Config{}
	if err := decoder.Decode(config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return config, config.validate(path)
}

func (c *Config) validate(path string) error {
	for name, flags := range map[string][]string{
		apiServerName:         c.APIServer,
		controllerManagerName: c.ControllerManager,
		schedulerName:         c.Scheduler,
	} {
		if len(flags) == 0 {
			return fmt.Errorf("reading %s: %q has no flags", path, name)
		}
	}
	return nil
}
