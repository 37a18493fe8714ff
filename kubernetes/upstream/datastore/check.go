// Package datastore looks after the SQLite file in which kine keeps the
// cluster: it is checked before it is used, copied while it is, and made anew
// from what is left when it is damaged.
package datastore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// checkLimit bounds the check at start. It reads every page: some 100 MB take
// a second; what is not read by then is read by the next copy.
const checkLimit = 10 * time.Second

// state is what a file holds.
type state int

const (
	// whole: a database without a fault.
	whole state = iota
	// empty: no file, no bytes, or no object of a cluster.
	empty
	// damaged: SQLite cannot make sense of it, or the disk cannot read it.
	damaged
)

// finding is the result of a check, in words that go on after "it".
type finding struct {
	state state
	words string
}

// check looks at the database at path. An error is one that says nothing about
// the content: no memory, no permission, the disk full.
func check(ctx context.Context, path string) (finding, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return finding{empty, "is missing"}, nil
	case err != nil:
		return finding{}, err
	case info.Size() == 0:
		return finding{empty, "has no content (0 bytes)"}, nil
	}
	database, err := open(path, "rw")
	if err != nil {
		return finding{}, err
	}
	defer database.Close()
	fault, err := quickCheck(ctx, database)
	if fault == "" && err == nil {
		return contents(ctx, database)
	}
	return verdict(fault, err)
}

// quickCheck returns the first fault that SQLite finds.
func quickCheck(ctx context.Context, database *sql.DB) (string, error) {
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	var result string
	err := database.QueryRowContext(limited, "PRAGMA quick_check(1)").Scan(&result)
	if limited.Err() != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "server: the check of the datastore was ended after %v, it is large\n", checkLimit)
		return "", nil
	}
	if err != nil || result == "ok" {
		return "", err
	}
	return result, nil
}

func contents(ctx context.Context, database *sql.DB) (finding, error) {
	var tables, objects int
	const table = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'kine'"
	if err := database.QueryRowContext(ctx, table).Scan(&tables); err != nil || tables == 0 {
		return orEmpty(err)
	}
	const some = "SELECT count(*) FROM (SELECT 1 FROM kine WHERE name >= '/registry/' AND name < '/registry0' LIMIT 1)"
	if err := database.QueryRowContext(ctx, some).Scan(&objects); err != nil || objects == 0 {
		return orEmpty(err)
	}
	return finding{state: whole}, nil
}

func orEmpty(err error) (finding, error) {
	if err != nil {
		return verdict("", err)
	}
	return finding{empty, "holds no object of a cluster"}, nil
}

func verdict(fault string, err error) (finding, error) {
	if err == nil {
		// Several faults, or a heading, make several lines.
		lines := strings.Split(strings.TrimSpace(fault), "\n")
		return finding{damaged, "is damaged (" + lines[len(lines)-1] + ")"}, nil
	}
	if isDamage(err) {
		return finding{damaged, fmt.Sprintf("is damaged (%v)", err)}, nil
	}
	return finding{}, err
}

// isDamage says whether an error of SQLite is about what the file holds, or
// about a disk that cannot read it.
func isDamage(err error) bool {
	return isCode(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
}

// isCode says whether an error of SQLite has one of the codes; a primary code
// stands for all its extended ones.
func isCode(err error, codes ...int) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return false
	}
	return slices.Contains(codes, failure.Code()) || slices.Contains(codes, failure.Code()&0xff)
}

// open opens the database at path in a mode of SQLite's URIs (ro, rw, rwc),
// with pragmas such as "synchronous(off)".
func open(path, mode string, pragmas ...string) (*sql.DB, error) {
	address := fmt.Sprintf("file:%s?mode=%s&_pragma=busy_timeout(30000)", path, mode)
	for _, pragma := range pragmas {
		address += "&_pragma=" + pragma
	}
	database, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	// Pragmas and temporary state are of one connection.
	database.SetMaxOpenConns(1)
	return database, nil
}
