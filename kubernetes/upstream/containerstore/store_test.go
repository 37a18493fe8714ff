package containerstore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/report"
	bolt "go.etcd.io/bbolt"
)

const snapshotter = "io.containerd.snapshotter.v1.overlayfs"

// newStore makes databases such as containerd's, of many pages, and a blob.
func newStore(t *testing.T) (root, reportPath string) {
	t.Helper()
	root = t.TempDir()
	for _, path := range []string{metadata + "/meta.db", snapshotter + "/metadata.db"} {
		fill(t, filepath.Join(root, path))
	}
	blob := filepath.Join(root, "io.containerd.content.v1.content", "blob")
	if err := os.MkdirAll(filepath.Dir(blob), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, blob, []byte("x"))
	return root, filepath.Join(t.TempDir(), "report.json")
}

func fill(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	database, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	err = database.Update(func(tx *bolt.Tx) error {
		outer, err := tx.CreateBucket([]byte("v1"))
		if err != nil {
			return err
		}
		inner, err := outer.CreateBucket([]byte("k8s.io"))
		for n := 0; n < 2000 && err == nil; n++ {
			err = inner.Put(fmt.Appendf(nil, "key-%d", n), []byte(strings.Repeat("value", 20)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAWholeStoreIsLeftAlone(t *testing.T) {
	root, reportPath := newStore(t)
	if err := Ready(root, reportPath); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(reportPath); !os.IsNotExist(err) {
		t.Errorf("there is a report: %v", err)
	}
	if fault := firstFault(root); fault != "" {
		t.Error(fault)
	}
	if err := Ready(filepath.Join(root, "none"), reportPath); err != nil {
		t.Errorf("a machine without a store: %v", err)
	}
}

func TestADamagedStoreIsSetAside(t *testing.T) {
	for _, database := range []string{metadata + "/meta.db", snapshotter + "/metadata.db"} {
		for name, damage := range map[string]func(content []byte) []byte{
			"zeros":    func(content []byte) []byte { return make([]byte, len(content)) },
			"cut":      func(content []byte) []byte { return content[:len(content)/3] },
			"text":     func([]byte) []byte { return []byte(strings.Repeat("no database\n", 5000)) },
			"no pages": func(content []byte) []byte { return append(content[:8192:8192], make([]byte, len(content)-8192)...) },
			"rubbish": func(content []byte) []byte {
				return append(content[:8192:8192], strings.Repeat("\xa5", len(content)-8192)...)
			},
		} {
			t.Run(filepath.Base(database)+" "+name, func(t *testing.T) {
				root, reportPath := newStore(t)
				path := filepath.Join(root, database)
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				write(t, path, damage(content))
				expectAside(t, root, reportPath)
			})
		}
	}
}

func TestSnapshotsWithoutTheirNamesAreSetAside(t *testing.T) {
	root, reportPath := newStore(t)
	write(t, filepath.Join(root, metadata, "meta.db"), nil)
	expectAside(t, root, reportPath)
}

func expectAside(t *testing.T, root, reportPath string) {
	t.Helper()
	if err := Ready(root, reportPath); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(reportPath)
	if err != nil {
		t.Fatal(err)
	}
	var result report.Report
	if err := json.Unmarshal(content, &result); err != nil || result.Outcome != report.Recovered || !strings.Contains(result.Message, ".db: ") {
		t.Errorf("report is %q: %v", content, err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), asidePrefix) {
		t.Errorf("in the store are %v: %v", entries, err)
	}
	if fault := firstFault(root); fault != "" {
		t.Errorf("the next start finds %s", fault)
	}
}

func TestOnlyDatabasesAreKeptOfWhatWasSetAside(t *testing.T) {
	root, _ := newStore(t)
	kept, err := setAside(root, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if err := os.MkdirAll(filepath.Join(root, fmt.Sprintf("%s2020010%dT000000Z", asidePrefix, n), metadata), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tidy(root)
	if _, err := os.Stat(filepath.Join(kept, metadata, "meta.db")); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "*", "*"))
	if len(left) != 2 {
		t.Errorf("left are %v", left)
	}
}

// What the pages hold is damage; what the disk or another process does is none.
func TestOtherErrorsAreNoDamage(t *testing.T) {
	root, _ := newStore(t)
	path := filepath.Join(root, metadata, "meta.db")
	holder, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := readAll(path); err != nil {
		t.Errorf("a database in use: %v", err)
	}
	if err := damageOnly(&os.PathError{Op: "open", Path: path, Err: os.ErrPermission}); err != nil {
		t.Error(err)
	}
}
