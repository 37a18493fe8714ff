package datastore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/durable"
)

const (
	// copyEvery is the age at which a copy is made anew. A small cluster's
	// database has some 20 MB, so a day's copies are half a gigabyte of writes.
	copyEvery = time.Hour
	// copyLook is how often the age is looked at.
	copyLook = 5 * time.Minute
	// copyLargest is the size in bytes above which no copy is made.
	copyLargest = 1 << 30
	// copySpare is what has to be free beside the copy, in bytes.
	copySpare = 512 << 20
)

// KeepCopy makes a copy of the database now and then, until ctx ends. It
// returns an error when the database turns out to be damaged.
func KeepCopy(ctx context.Context, facts Facts) error {
	ticker := time.NewTicker(copyLook)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := copyIfOld(ctx, facts, time.Now())
		if isDamage(err) {
			// Perhaps of a page that is in no table: the check of the start decides.
			if found, failure := check(ctx, facts.Path); failure == nil && found.state == damaged {
				return fmt.Errorf("the datastore %s %s", facts.Path, found.words)
			}
		}
		if err != nil && err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			fmt.Fprintf(os.Stderr, "%s: copying the datastore: %v\n", applet, err)
		}
	}
}

func copyIfOld(ctx context.Context, facts Facts, now time.Time) error {
	source, err := os.Stat(facts.Path)
	if err != nil {
		return err
	}
	if last, err := os.Stat(facts.copyPath()); err == nil && isFresh(last.ModTime(), now) {
		return nil
	}
	free, err := freeBytes(facts.Path)
	if err != nil {
		return err
	}
	if err := mayCopy(source.Size(), free); err != nil {
		return err
	}
	return makeCopy(ctx, facts)
}

// isFresh says whether a copy need not be made anew; one from the future was
// made by a wrong clock.
func isFresh(made, now time.Time) bool {
	age := now.Sub(made)
	return age >= 0 && age < copyEvery
}

// mayCopy says why a database of this size is not copied.
func mayCopy(size, free int64) error {
	switch {
	case size > copyLargest:
		return fmt.Errorf("it has %d MB, above %d MB no copy is made: make backups of your own", size>>20, copyLargest>>20)
	case free < size+copySpare:
		return fmt.Errorf("%d MB are free, %d MB are needed", free>>20, (size+copySpare)>>20)
	}
	return nil
}

func freeBytes(path string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

// makeCopy writes a copy, reads it back, and only then replaces the last one.
func makeCopy(ctx context.Context, facts Facts) error {
	temporary := facts.copyPath() + ".new"
	if err := removeDatabase(temporary); err != nil {
		return err
	}
	database, err := open(facts.Path, "ro")
	if err != nil {
		return err
	}
	defer database.Close()
	if err := vacuumInto(ctx, database, temporary); err != nil {
		os.Remove(temporary)
		return err
	}
	found, err := check(ctx, temporary)
	if err == nil && found.state != whole {
		err = fmt.Errorf("the copy %s", found.words)
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	return durable.Replace(temporary, facts.copyPath())
}

func vacuumInto(ctx context.Context, database *sql.DB, target string) error {
	_, err := database.ExecContext(ctx, "VACUUM INTO ?", target)
	return err
}
