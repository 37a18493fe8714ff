package datastore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/durable"
	"github.com/k3os/k3os/kubernetes/upstream/report"
)

// applet is the name under which messages are printed.
const applet = "server"

// keptDamaged is how many damaged databases are kept: the newest ones.
const keptDamaged = 2

// Facts are what the caller knows of the database.
type Facts struct {
	// Path is the SQLite file.
	Path string `json:"-"`
	// HadCluster says that a cluster has been served from it: then an empty
	// one in its place would be a loss.
	HadCluster bool `json:"hadCluster"`
	// StartEmpty is what a person removes to begin an empty cluster on purpose.
	StartEmpty []string `json:"startEmpty"`
	// Report is the file for what was found, "" for none.
	Report string `json:"report"`
}

func (f Facts) copyPath() string { return f.Path + ".copy" }

// Ready checks the database and, where it is damaged or gone, makes it anew
// from what can be read of it and from the copy. An error means that it must
// not be used, and has been reported where a person has to do something.
func Ready(ctx context.Context, facts Facts) error {
	if err := report.Clear(facts.Report); err != nil {
		return err
	}
	found, err := check(ctx, facts.Path)
	if err != nil {
		return fmt.Errorf("checking %s: %w", facts.Path, err)
	}
	switch {
	case found.state == whole, found.state == empty && !facts.HadCluster:
		return nil
	default:
		return recoverFrom(ctx, facts, found)
	}
}

// recoverFrom makes a new database beside the damaged one and puts it in its place.
func recoverFrom(ctx context.Context, facts Facts, found finding) error {
	fmt.Fprintf(os.Stderr, "%s: the datastore %s %s; recovering\n", applet, facts.Path, found.words)
	made := facts.Path + ".new"
	parts, err := gather(ctx, facts, found, made)
	if err != nil {
		return fmt.Errorf("recovering %s: %w", facts.Path, err)
	}
	if parts.rows() == 0 && facts.HadCluster {
		return refuse(facts, found)
	}
	kept, err := keepAs(facts.Path, time.Now())
	if err != nil {
		return fmt.Errorf("setting %s aside: %w", facts.Path, err)
	}
	if err := durable.Replace(made, facts.Path); err != nil {
		return err
	}
	forgetOldest(facts.Path)
	result := report.Report{Outcome: report.Recovered, Message: parts.message(facts, found, kept)}
	return result.Write(applet, facts.Report)
}

// parts are what a new database was made of.
type parts struct {
	damaged *source
	// copied is nil where the damaged file was enough, or where there is no copy.
	copied   *source
	copiedAt time.Time
}

func (p *parts) rows() int {
	if p.copied == nil {
		return p.damaged.rows.read
	}
	return p.damaged.rows.read + p.copied.rows.read
}

// gather makes the new database: of the damaged file alone where all of it can
// be read, else with the copy.
func gather(ctx context.Context, facts Facts, found finding, made string) (*parts, error) {
	result := &parts{damaged: &source{path: facts.Path}}
	if found.state == empty {
		result.damaged.rows.missed = true
	} else if err := rebuild(ctx, made, []*source{result.damaged}); err != nil {
		return nil, err
	}
	at, ok := copyTime(ctx, facts.copyPath())
	if result.damaged.rows.isWhole() || !ok {
		return result, nil
	}
	result.copied, result.copiedAt = &source{path: facts.copyPath()}, at
	sources := []*source{result.copied}
	if found.state != empty {
		result.damaged.rows = salvage{}
		sources = []*source{result.damaged, result.copied}
	}
	return result, rebuild(ctx, made, sources)
}

// copyTime is when the copy was made, if it is one that can be used.
func copyTime(ctx context.Context, path string) (time.Time, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, false
	}
	found, err := check(ctx, path)
	return info.ModTime(), err == nil && found.state == whole
}

// message says what was found and what is lost.
func (p *parts) message(facts Facts, found finding, kept string) string {
	head := fmt.Sprintf("the datastore %s %s", facts.Path, found.words)
	switch {
	case p.copied != nil && p.damaged.rows.read == 0:
		return fmt.Sprintf("%s; restored from its copy of %s: what was changed later is lost, what was deleted later is back%s",
			head, clock(p.copiedAt), aside(kept))
	case p.copied != nil:
		return fmt.Sprintf("%s; %d rows of it could be read, the rest is from its copy of %s: changes made later may be lost, what was deleted later may be back%s",
			head, p.damaged.rows.read, clock(p.copiedAt), aside(kept))
	case p.damaged.rows.isWhole():
		return fmt.Sprintf("%s; all its %d rows could be read: nothing is lost%s", head, p.damaged.rows.read, aside(kept))
	case p.damaged.rows.read == 0:
		return fmt.Sprintf("%s; it had not served a cluster yet and was made anew%s", head, aside(kept))
	default:
		return fmt.Sprintf("%s; %d rows could be read, there was no copy of it: objects in the other part are lost%s",
			head, p.damaged.rows.read, aside(kept))
	}
}

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

func aside(kept string) string {
	if _, err := os.Stat(kept); err != nil {
		return ""
	}
	return "; the damaged file is kept as " + kept
}

// refuse leaves everything as it is: an empty cluster is no substitute.
func refuse(facts Facts, found finding) error {
	message := fmt.Sprintf("the datastore %s %s, this machine had a cluster in it, and there is no copy: Kubernetes is not started. "+
		"Put a backup at its place", facts.Path, found.words)
	if len(facts.StartEmpty) > 0 {
		message += "; or, to begin an empty cluster: sudo rm -f"
		for _, path := range append(slices.Clone(facts.StartEmpty), facts.Path) {
			message += " " + path
		}
	}
	result := report.Report{Outcome: report.Refused, Message: message}
	if err := result.Write(applet, facts.Report); err != nil {
		return err
	}
	return fmt.Errorf("opening %s: it %s", facts.Path, found.words)
}

func isCompanion(path string) bool {
	return slices.ContainsFunc(companions[1:], func(suffix string) bool { return strings.HasSuffix(path, suffix) })
}

// forgetOldest removes all but the newest damaged databases.
func forgetOldest(path string) {
	kept, _ := filepath.Glob(path + ".damaged-*Z*")
	kept = slices.DeleteFunc(kept, isCompanion)
	slices.Sort(kept) // by time, as their names end in it
	for len(kept) > keptDamaged {
		if err := removeDatabase(kept[0]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: removing %s: %v\n", applet, kept[0], err)
		}
		kept = kept[1:]
	}
}
