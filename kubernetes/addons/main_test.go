package main

import (
	"slices"
	"testing"
)

func TestWithApplet(t *testing.T) {
	for _, test := range []struct{ argv, want []string }{
		{[]string{"/usr/libexec/k3os/addons", "coredns", "-conf", "/etc/Corefile"}, []string{"coredns", "-conf", "/etc/Corefile"}},
		{[]string{"/coredns", "-plugins"}, []string{"coredns", "-plugins"}},
		{[]string{"addons", "metrics-server", "coredns"}, []string{"metrics-server", "coredns"}},
		{[]string{"addons"}, []string{""}},
		{nil, []string{""}},
	} {
		if got := withApplet(test.argv); !slices.Equal(got, test.want) {
			t.Errorf("withApplet(%q) = %q, want %q", test.argv, got, test.want)
		}
	}
}
