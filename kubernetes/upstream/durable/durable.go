// Package durable makes changes of files that a power cut leaves either made
// or not made.
package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Write replaces the file at path; a reader sees the old content or the new one.
func Write(path string, content []byte) error {
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return Replace(temporary, path)
}

// Replace syncs the file at from and renames it to the file at to.
func Replace(from, to string) error {
	if err := sync(from); err != nil {
		return fmt.Errorf("syncing %s: %w", from, err)
	}
	return Rename(from, to)
}

// Rename renames from to to, and returns when the disk has that.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDirectory(to)
}

// SyncDirectory returns when the disk has the entries of the directory of path.
func SyncDirectory(path string) error {
	if err := sync(filepath.Dir(path)); err != nil {
		return fmt.Errorf("syncing the directory of %s: %w", path, err)
	}
	return nil
}

func sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// Stamp is a time as it stands in names of files that were set aside, in UTC.
func Stamp(at time.Time) string {
	return at.UTC().Format("20060102T150405Z")
}
