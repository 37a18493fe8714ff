package crictl

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubelet/pkg/types"
)

// Flags are merged with the global ones only when a command is used; a clash
// panics then.
func TestFlagsDoNotClash(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(command *cobra.Command) {
		command.InheritedFlags()
		for _, child := range command.Commands() {
			visit(child)
		}
	}
	visit(newCommand())
}

func TestEndpointComesFromTheEnvironment(t *testing.T) {
	t.Setenv("CONTAINER_RUNTIME_ENDPOINT", "unix:///run/other.sock")
	endpoint, err := newCommand().PersistentFlags().GetString("runtime-endpoint")
	if err != nil || endpoint != "unix:///run/other.sock" {
		t.Errorf("endpoint %q, %v", endpoint, err)
	}
}

func TestContainerTable(t *testing.T) {
	now := time.Unix(1000, 0)
	containers := []*runtimeapi.Container{{
		Id:           "0123456789abcdef0123456789abcdef",
		PodSandboxId: "fedcba9876543210fedcba9876543210",
		Metadata:     &runtimeapi.ContainerMetadata{Name: "web", Attempt: 2},
		Image:        &runtimeapi.ImageSpec{Image: "sha256:aaaa"},
		ImageRef:     "sha256:aaaa",
		State:        runtimeapi.ContainerState_CONTAINER_RUNNING,
		CreatedAt:    now.Add(-5 * time.Minute).UnixNano(),
		Labels:       map[string]string{types.KubernetesPodNameLabel: "web-1", types.KubernetesPodNamespaceLabel: "shop"},
	}}
	names := map[string]string{"sha256:aaaa": "docker.io/library/nginx:1"}
	var table strings.Builder
	if err := printTable(&table, []string{"CONTAINER", "IMAGE"}, containerRows(containers, names, false, now)); err != nil {
		t.Fatal(err)
	}
	want := "0123456789abc   docker.io/library/nginx:1   5 minutes ago   Running   web   2   fedcba9876543   web-1   shop"
	if got := strings.Split(table.String(), "\n")[1]; got != want {
		t.Errorf("row is\n%q, want\n%q", got, want)
	}
	whole := containerRows(containers, nil, true, now)[0]
	if whole[0] != containers[0].Id || whole[1] != "aaaa" {
		t.Errorf("whole row is %q", whole)
	}
}

func TestSelectContainers(t *testing.T) {
	in := func(name, namespace string) *runtimeapi.Container {
		return &runtimeapi.Container{
			Id: namespace + "/" + name, Metadata: &runtimeapi.ContainerMetadata{Name: name},
			Labels: map[string]string{types.KubernetesPodNamespaceLabel: namespace},
		}
	}
	all := []*runtimeapi.Container{in("web", "shop"), in("web", "test"), in("database", "shop")}
	selected, err := (&listing{name: "^w", namespace: "shop"}).selectContainers(all)
	if got := containerIDs(selected); err != nil || !slices.Equal(got, []string{"shop/web"}) {
		t.Errorf("selected %q, %v", got, err)
	}
	if _, err := (&listing{name: "("}).selectContainers(nil); err == nil {
		t.Error("a broken regular expression was accepted")
	}
}

func TestImageRows(t *testing.T) {
	rows := imageRows([]*runtimeapi.Image{
		{Id: "sha256:0123456789abcdef", RepoTags: []string{"localhost:5000/a:v1", "b/c:v2"}, Size: 2_580_000},
		{Id: "sha256:1", RepoDigests: []string{"quay.io/d@sha256:2"}, Size: 1},
		{Id: "sha256:3"},
	}, false)
	want := [][]string{
		{"localhost:5000/a", "v1", "0123456789abc", "2.58MB"},
		{"b/c", "v2", "0123456789abc", "2.58MB"},
		{"quay.io/d", none, "1", "1B"},
		{none, none, "3", "0B"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("rows are %q", rows)
	}
}

func TestIsNamed(t *testing.T) {
	image := &runtimeapi.Image{Id: "sha256:0123456789", RepoTags: []string{"docker.io/library/nginx:1"}}
	for name, want := range map[string]bool{
		"docker.io/library/nginx:1": true, "nginx": true, "library/nginx": true, "nginx:1": true, "0123": true,
		"nginx:2": false, "ginx": false, "docker.io": false,
	} {
		if got := isNamed(image, name); got != want {
			t.Errorf("isNamed(%q) = %v", name, got)
		}
	}
}

func TestUnusedImages(t *testing.T) {
	images := []*runtimeapi.Image{{Id: "used"}, {Id: "pinned", Pinned: true}, {Id: "old"}}
	containers := []*runtimeapi.Container{{ImageRef: "used"}}
	if got := unused(images, containers); !slices.Equal(got, []string{"old"}) {
		t.Errorf("unused are %q", got)
	}
}

func TestCPUPercent(t *testing.T) {
	usage := func(at int64, used uint64) *runtimeapi.CpuUsage {
		return &runtimeapi.CpuUsage{Timestamp: at, UsageCoreNanoSeconds: &runtimeapi.UInt64Value{Value: used}}
	}
	if got := cpuPercent(usage(1000, 500), usage(2000, 2000)); got != 150 {
		t.Errorf("150 %% is shown as %v", got)
	}
	if got := cpuPercent(nil, usage(2000, 2000)); got != 0 {
		t.Errorf("a container without an earlier sample uses %v", got)
	}
}

func TestDetailsThatAreNotJSONStayReadable(t *testing.T) {
	var out strings.Builder
	details := map[string]string{"config": `{"a": 1}`, "reason": "no network"}
	if err := printStatus(&out, &runtimeapi.PodSandboxStatus{Id: "p"}, details); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"a": 1`, `"reason": "no network"`, `"id": "p"`} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is missing in %s", part, out.String())
		}
	}
}
