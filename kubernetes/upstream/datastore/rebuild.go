package datastore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/durable"
)

// schema is kine's table, and the one of its indexes that forbids a row; kine
// makes the others.
const schema = `
CREATE TABLE kine
	(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, create_revision INTEGER,
	 prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);
CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);`

// insertRow leaves out what is there already, from a better source.
const insertRow = "INSERT OR IGNORE INTO kine (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

// revisionLeap is added to the newest revision that is known: clients have seen
// later ones, which must not come again with another content.
const revisionLeap = 100_000

// source is a database whose rows go into the new one.
type source struct {
	path string
	rows salvage
}

// rebuild makes a database at path of the rows of the sources, the best first.
// A source that is no database gives none.
func rebuild(ctx context.Context, path string, sources []*source) error {
	if err := removeDatabase(path); err != nil {
		return err
	}
	database, err := open(path, "rwc", "journal_mode(off)", "synchronous(off)") // synced when it is whole
	if err != nil {
		return err
	}
	defer database.Close()
	if _, err := database.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	if err := fill(ctx, database, sources); err != nil {
		return fmt.Errorf("filling %s: %w", path, err)
	}
	return database.Close()
}

func fill(ctx context.Context, database *sql.DB, sources []*source) error {
	transaction, err := database.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	insert, err := transaction.PrepareContext(ctx, insertRow)
	if err != nil {
		return err
	}
	for _, from := range sources {
		if err := from.copyTo(ctx, insert); err != nil {
			return fmt.Errorf("reading %s: %w", from.path, err)
		}
	}
	const leap = `INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value)
		SELECT max(id) + ?1, ?2 || (max(id) + ?1), 0, 1, 0, 0, 0, '' FROM kine HAVING max(id) IS NOT NULL`
	if _, err := transaction.ExecContext(ctx, leap, revisionLeap, gapName); err != nil {
		return err
	}
	return transaction.Commit()
}

func (s *source) copyTo(ctx context.Context, insert *sql.Stmt) error {
	// With this pragma SQLite reads a file that was cut off, up to its end.
	database, err := open(s.path, "ro", "writable_schema(on)")
	if err != nil {
		return err
	}
	defer database.Close()
	s.rows.database = database
	s.rows.take = func(one *row) error {
		_, err := insert.ExecContext(ctx, one.values()...)
		return err
	}
	return s.rows.rows(ctx)
}

// companions are the files that SQLite keeps beside a database.
var companions = []string{"", "-wal", "-shm", "-journal"}

func removeDatabase(path string) error {
	for _, suffix := range companions {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// keepAs gives a database and its companions second names, which say when, and takes the
// companions away from beside it: another database at this path must not meet
// them. The database itself stays until it is replaced, so that a start that is
// cut off here is followed by one that does the same again.
func keepAs(path string, now time.Time) (kept string, err error) {
	kept = unusedName(fmt.Sprintf("%s.damaged-%s", path, durable.Stamp(now)))
	for _, suffix := range companions {
		if err := os.Link(path+suffix, kept+suffix); err != nil && !os.IsNotExist(err) {
			return "", err
		}
	}
	for _, suffix := range companions[1:] {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return "", err
		}
	}
	return kept, durable.SyncDirectory(path)
}

// unusedName adds a number to a name that is taken: a clock that was guessed
// may say the same at every start.
func unusedName(wanted string) string {
	name := wanted
	for n := 2; n < 100; n++ {
		if _, err := os.Lstat(name); os.IsNotExist(err) {
			break
		}
		name = fmt.Sprintf("%s-%d", wanted, n)
	}
	return name
}
