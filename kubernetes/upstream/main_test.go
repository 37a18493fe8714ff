package main

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		argv []string
		name string
		args []string
	}{
		{[]string{"/usr/libexec/k3os/kubernetes", "server", "--config", "f"}, "server", []string{"--config", "f"}},
		{[]string{"/usr/bin/kubectl", "get", "nodes"}, "kubectl", []string{"get", "nodes"}},
		{[]string{"kubernetes", "kubectl", "server"}, "kubectl", []string{"server"}},
		{[]string{"kubernetes"}, "", nil},
		{nil, "", nil},
	} {
		name, args := choose(test.argv)
		if name != test.name || !slices.Equal(args, test.args) {
			t.Errorf("choose(%q) = %q, %q", test.argv, name, args)
		}
	}
}
