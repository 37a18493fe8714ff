package agent

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must have been written to an archive before it
// counts as whole.
const quiet = 2 * time.Second

// watchArchives sends the archives of directories that are put there or written
// to, each when it has been quiet for a while. A directory that is not there is
// not watched. The channel is closed when ctx ends, or nothing can be watched.
func watchArchives(ctx context.Context, directories []string, quiet time.Duration) <-chan []string {
	changed := make(chan []string)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		report("watching for images: %v", err)
		close(changed)
		return changed
	}
	for _, directory := range directories {
		if err := watcher.Add(directory); err != nil && !errors.Is(err, os.ErrNotExist) {
			report("watching %s for images: %v", directory, err)
		}
	}
	go func() {
		defer close(changed)
		defer watcher.Close()
		follow(ctx, watcher, quiet, changed)
	}()
	return changed
}

func follow(ctx context.Context, watcher *fsnotify.Watcher, quiet time.Duration, changed chan<- []string) {
	pending := map[string]time.Time{}
	timer := time.NewTimer(quiet)
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-watcher.Events:
			if !open {
				return
			}
			if isArchive(event.Name) && event.Op&(fsnotify.Create|fsnotify.Write) != 0 {
				pending[event.Name] = time.Now()
				timer.Reset(quiet)
			}
		case err := <-watcher.Errors:
			report("watching for images: %v", err)
		case <-timer.C:
			whole, wait := takeQuiet(pending, time.Now(), quiet)
			if len(pending) > 0 {
				timer.Reset(wait)
			}
			if len(whole) == 0 {
				continue
			}
			select {
			case changed <- whole:
			case <-ctx.Done():
				return
			}
		}
	}
}

// takeQuiet takes out of pending what nobody has written to for a while, and
// says when to look again.
func takeQuiet(pending map[string]time.Time, now time.Time, quiet time.Duration) (whole []string, wait time.Duration) {
	wait = quiet
	for archive, written := range pending {
		rest := quiet - now.Sub(written)
		if rest > 0 {
			wait = min(wait, rest)
			continue
		}
		whole = append(whole, archive)
		delete(pending, archive)
	}
	return whole, wait
}
