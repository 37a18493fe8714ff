package server

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3os/k3os/kubernetes/upstream/configfile"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKineMayBeLeftOut(t *testing.T) {
	config := &Config{}
	path := writeConfig(t, `{"kube-apiserver": ["--a=1", "--b"], "kube-controller-manager": ["--c"], "kube-scheduler": ["--d"]}`)
	if err := configfile.Read(path, config); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(config.APIServer, []string{"--a=1", "--b"}) || len(config.Kine) != 0 {
		t.Errorf("configuration is %+v", config)
	}
}

func TestComponentsWithoutFlagsAreNamed(t *testing.T) {
	path := writeConfig(t, `{"kube-apiserver": ["a"], "kube-controller-manager": ["a"]}`)
	if err := Main([]string{"--config", path}); err == nil || !strings.Contains(err.Error(), `"kube-scheduler" has no flags`) {
		t.Errorf("error is %v", err)
	}
}

func TestUnknownFlagsNameTheComponent(t *testing.T) {
	if _, err := newAPIServer([]string{"--no-such-flag"}); err == nil ||
		!strings.Contains(err.Error(), apiServerName) || !strings.Contains(err.Error(), "--no-such-flag") {
		t.Errorf("error is %v", err)
	}
	if _, err := newScheduler([]string{"--leader-elect=false", "stray"}); err == nil ||
		!strings.Contains(err.Error(), schedulerName) || !strings.Contains(err.Error(), "stray") {
		t.Errorf("error is %v", err)
	}
}

func TestTheFirstEndIsTheOneReported(t *testing.T) {
	ends := newEnds()
	<-ends.watch("first", func() error { return errors.New("no disk") })
	<-ends.watch("second", func() error { return nil })
	if got := (<-ends.first).Error(); got != "running first: no disk" {
		t.Errorf("error is %q", got)
	}
	<-ends.watch("third", func() error { return nil })
	if got := (<-ends.first).Error(); got != "running third: ended unexpectedly" {
		t.Errorf("error is %q", got)
	}
}
