package server

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/k3os/k3os/kubernetes/upstream/datastore"
	_ "modernc.org/sqlite" // the driver that kine uses too
)

// At its start kine 0.16.4 asks an ancient table, key_value, and its own how
// many rows they have, and forgets the second answer unless the first is above
// zero. With the driver in Go that answer stays open as a read transaction until
// the process ends: no checkpoint ever succeeds, and the write-ahead log grows
// until the disk is full. One empty row in key_value makes kine read both. It
// copies nothing from it, because the row has no id.
const closeForgottenQuery = `
CREATE TABLE IF NOT EXISTS key_value (id INTEGER, name TEXT, value BLOB, ttl INTEGER);
INSERT INTO key_value (id) SELECT NULL WHERE NOT EXISTS (SELECT 1 FROM key_value);`

// prepareDatabase checks the database of a sqlite:// endpoint and readies it
// for kine; other endpoints need nothing.
func prepareDatabase(ctx context.Context, endpoint string, facts datastore.Facts) error {
	path := databasePath(endpoint)
	if path == "" {
		return nil
	}
	facts.Path = path
	if err := datastore.Ready(ctx, facts); err != nil {
		return err
	}
	database, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer database.Close()
	if _, err := database.Exec(closeForgottenQuery); err != nil {
		return fmt.Errorf("preparing %s: %w", path, err)
	}
	return nil
}

// databasePath is the file of a sqlite:// endpoint, or "".
func databasePath(endpoint string) string {
	location, isSQLite := strings.CutPrefix(endpoint, "sqlite://")
	if !isSQLite {
		return ""
	}
	path, _, _ := strings.Cut(location, "?")
	return path
}
