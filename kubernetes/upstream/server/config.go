package server

import (
	"fmt"

	"github.com/k3os/k3os/kubernetes/upstream/datastore"
)

// Config is the file of `kubernetes server --config`: the flags of each component.
type Config struct {
	// Kine is left out when the API server has an etcd of its own.
	Kine []string `json:"kine"`
	// Datastore is what is known of kine's SQLite file; other databases need nothing.
	Datastore         datastore.Facts `json:"datastore"`
	APIServer         []string        `json:"kube-apiserver"`
	ControllerManager []string        `json:"kube-controller-manager"`
	Scheduler         []string        `json:"kube-scheduler"`
}

// Validate says what is missing.
func (c *Config) Validate() error {
	for name, flags := range map[string][]string{
		apiServerName:         c.APIServer,
		controllerManagerName: c.ControllerManager,
		schedulerName:         c.Scheduler,
	} {
		if len(flags) == 0 {
			return fmt.Errorf("%q has no flags", name)
		}
	}
	return nil
}
