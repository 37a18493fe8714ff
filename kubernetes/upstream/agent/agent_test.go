package agent

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadConfig(t *testing.T) {
	path := writeFile(t, "agent.json", []byte(`{"kubelet": ["--v=2"], "kube-proxy": ["--v=1"], "containerd": "unix:///c.sock", "shutdownGracePeriodSeconds": 20}`))
	config, err := configFromArgs("agent", []string{"--config", path})
	if err != nil {
		t.Fatal(err)
	}
	if config.Snapshotter != "overlayfs" || config.shutdownLimit() != 20*time.Second || config.criticalShare() != 10*time.Second {
		t.Errorf("configuration is %+v", config)
	}
}

func TestConfigErrorsNameTheFault(t *testing.T) {
	for text, want := range map[string]string{
		`{"kube-proxy": ["a"], "containerd": "c"}`:                                                    `"kubelet" has no flags`,
		`{"kubelet": ["a"], "kube-proxy": ["a"]}`:                                                     `"containerd" is missing`,
		`{"kubelet": ["a"], "kubeproxy": ["a"]}`:                                                      `unknown field "kubeproxy"`,
		`{"kubelet": ["a"], "kube-proxy": ["a"], "containerd": "c", "shutdownGracePeriodSeconds": 5}`: `at most`,
	} {
		_, err := configFromArgs("agent", []string{"--config", writeFile(t, "agent.json", []byte(text))})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", text, err, want)
		}
	}
}

func TestKubeProxyMayBeLeftOut(t *testing.T) {
	for _, text := range []string{
		`{"kubelet": ["a"], "containerd": "c"}`,
		`{"kubelet": ["a"], "kube-proxy": [], "containerd": "c"}`,
	} {
		config, err := configFromArgs("agent", []string{"--config", writeFile(t, "agent.json", []byte(text))})
		if err != nil || len(config.KubeProxy) != 0 {
			t.Errorf("%s: %v, configuration is %+v", text, err, config)
		}
	}
}

func TestFindArchives(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"b.tar", "a.tar.zst", "c.tar.gz", "d.tgz", "notes.txt", ".tar", "e.tar.part"} {
		if err := os.WriteFile(filepath.Join(directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(directory, "f.tar"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := findArchives(directory)
	if err != nil {
		t.Fatal(err)
	}
	for n := range found {
		found[n] = filepath.Base(found[n])
	}
	if want := []string{"a.tar.zst", "b.tar", "c.tar.gz", "d.tgz"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
	if none, err := findArchives(filepath.Join(directory, "missing")); err != nil || len(none) > 0 {
		t.Errorf("a missing directory has %q, %v", none, err)
	}
}

func tarOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	if err := writer.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(writer, content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

const testIndex = `{"schemaVersion": 2, "manifests": [
	{"digest": "sha256:aa", "annotations": {"io.containerd.image.name": "docker.io/a/b:1", "org.opencontainers.image.ref.name": "1"}},
	{"digest": "sha256:bb", "annotations": {"org.opencontainers.image.ref.name": "quay.io/c/d:2"}},
	{"digest": "sha256:cc", "annotations": {"org.opencontainers.image.ref.name": "latest"}},
	{"digest": "sha256:dd"}]}`

func TestImageDigestsOfACompressedArchive(t *testing.T) {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(tarOf(t, "./index.json", testIndex)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	var found map[string]digest.Digest
	err := withArchive(context.Background(), writeFile(t, "a.tar.gz", compressed.Bytes()), func(stream io.Reader) (err error) {
		found, err = imageDigests(stream)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found["docker.io/a/b:1"] != "sha256:aa" || found["quay.io/c/d:2"] != "sha256:bb" {
		t.Errorf("found %v", found)
	}
}

func TestArchiveWithoutIndex(t *testing.T) {
	if _, err := imageDigests(bytes.NewReader(tarOf(t, "manifest.json", "[]"))); !errors.Is(err, errNoIndex) {
		t.Errorf("error is %v", err)
	}
}

func TestPlanStopsCriticalPodsLast(t *testing.T) {
	sandbox := func(id, namespace, name string) *runtimeapi.PodSandbox {
		return &runtimeapi.PodSandbox{Id: id, Metadata: &runtimeapi.PodSandboxMetadata{Name: name, Namespace: namespace}}
	}
	stages := plan(
		[]*runtimeapi.PodSandbox{sandbox("1", "kube-system", "coredns"), sandbox("2", "shop", "web")},
		[]*runtimeapi.Container{
			{Id: "c1", PodSandboxId: "2", Annotations: map[string]string{gracePeriodAnnotation: "45"}},
			{Id: "c2", PodSandboxId: "2", Annotations: map[string]string{preStopAnnotation: `{"sleep": {"seconds": 4}}`}},
		})
	if got := stages.ordinary.names(); !slices.Equal(got, []string{"shop/web"}) {
		t.Errorf("ordinary pods are %q", got)
	}
	if got := stages.critical.names(); !slices.Equal(got, []string{"kube-system/coredns"}) {
		t.Errorf("critical pods are %q", got)
	}
	containers := stages.ordinary.pods[0].containers
	if containers[0].grace != 45*time.Second || containers[1].grace != defaultGrace {
		t.Errorf("grace periods are %v and %v", containers[0].grace, containers[1].grace)
	}
	if hook := containers[1].preStop; hook == nil || hook.Sleep.Seconds != 4 {
		t.Errorf("the hook is %v", hook)
	}
}

func TestHookURL(t *testing.T) {
	action := &core.HTTPGetAction{Path: "/stop?now=1", Port: intstr.FromInt32(8080), Scheme: core.URISchemeHTTPS}
	if got, err := hookURL("fd00::1", action); err != nil || got != "https://[fd00::1]:8080/stop?now=1" {
		t.Errorf("URL is %q, %v", got, err)
	}
	action.Port = intstr.FromString("web")
	if _, err := hookURL("10.0.0.1", action); err == nil {
		t.Error("a port name was accepted")
	}
}

func TestSIGTERMIsAlwaysGivenAMoment(t *testing.T) {
	if got := secondsUntil(time.Now().Add(-time.Minute)); got != 1 {
		t.Errorf("a late container is given %d s", got)
	}
}
