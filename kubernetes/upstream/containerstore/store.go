// Package containerstore checks containerd's databases before it opens them: it
// would end at a damaged one, at every start. What they name can be had again
// (images are imported or pulled, pods are made by the kubelet), so a damaged
// store is set aside as a whole and containerd begins with a new one.
package containerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/durable"
	"github.com/k3os/k3os/kubernetes/upstream/report"
)

const (
	// applet is the name under which messages are printed.
	applet = "containerd"
	// metadata is the directory of the database that names everything else.
	metadata = "io.containerd.metadata.v1.bolt"
	// asidePrefix begins the name of a directory, in containerd's own, of what was set aside.
	asidePrefix = "damaged-"
	// keptAside is how many of those are kept: the newest ones.
	keptAside = 2
)

// bulk are the directories with images' and containers' files. They are of no
// use without the database, and large.
var bulk = []string{"io.containerd.content.*", "io.containerd.snapshotter.*"}

// Ready checks the databases below root, containerd's directory, and sets the
// store aside when one is damaged. What it found is written to reportPath.
func Ready(root, reportPath string) error {
	if err := report.Clear(reportPath); err != nil {
		return err
	}
	if fault := firstFault(root); fault != "" {
		kept, err := setAside(root, time.Now())
		if err != nil {
			return fmt.Errorf("setting containerd's store aside (%s): %w", fault, err)
		}
		result := report.Report{Outcome: report.Recovered, Message: fmt.Sprintf(
			"containerd's store was damaged (%s) and is made anew: the release's images and those in agent/images are imported again, others are pulled again, pods are started anew; its databases are kept in %s", fault, kept)}
		if err := result.Write(applet, reportPath); err != nil {
			return err
		}
	}
	// It may take minutes, and nothing waits for it.
	go tidy(root)
	return nil
}

// firstFault says what is wrong, in words, or "".
func firstFault(root string) string {
	databases, _ := filepath.Glob(filepath.Join(root, "*", "*.db"))
	for _, path := range databases {
		if strings.HasPrefix(filepath.Base(filepath.Dir(path)), asidePrefix) {
			continue
		}
		if err := readAll(path); err != nil {
			return fmt.Sprintf("%s: %v", path, err)
		}
	}
	// New names would meet the snapshots of old ones.
	path := filepath.Join(root, metadata, "meta.db")
	if hasContent(path) {
		return ""
	}
	for _, snapshots := range databases {
		if filepath.Base(snapshots) == "metadata.db" && hasContent(snapshots) {
			return path + ": it is missing or empty, though there are snapshots"
		}
	}
	return ""
}

func hasContent(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// setAside moves everything below root into a new directory there: root itself
// may be a mount point. The metadata goes first; without it the rest is known
// to be damaged, should this be cut off.
func setAside(root string, now time.Time) (string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", err
	}
	kept, err := makeAside(root, now)
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int {
		return rank(a.Name()) - rank(b.Name())
	})
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), asidePrefix) {
			continue
		}
		if err := durable.Rename(filepath.Join(root, entry.Name()), filepath.Join(kept, entry.Name())); err != nil {
			return "", err
		}
	}
	return kept, durable.SyncDirectory(kept)
}

func rank(name string) int {
	if name == metadata {
		return 0
	}
	return 1
}

// makeAside numbers a name that is taken: a guessed clock may say the same again.
func makeAside(root string, now time.Time) (string, error) {
	wanted := filepath.Join(root, asidePrefix+durable.Stamp(now))
	for n, path := 2, wanted; ; n++ {
		err := os.Mkdir(path, 0o700)
		if err == nil || !errors.Is(err, os.ErrExist) || n > 100 {
			return path, err
		}
		path = fmt.Sprintf("%s-%d", wanted, n)
	}
}

// tidy removes the large parts of what was set aside, and all of the oldest.
func tidy(root string) {
	aside, _ := filepath.Glob(filepath.Join(root, asidePrefix+"*"))
	slices.Sort(aside) // by time
	for n, path := range aside {
		patterns := bulk
		if n < len(aside)-keptAside {
			patterns = []string{"*"}
		}
		for _, pattern := range patterns {
			remove(filepath.Join(path, pattern))
		}
		_ = os.Remove(path) // fails while there is something in it
	}
}

func remove(pattern string) {
	found, _ := filepath.Glob(pattern)
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: removing %s: %v\n", applet, path, err)
		}
	}
}
