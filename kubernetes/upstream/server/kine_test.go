package server

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/datastore"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// startTestKine runs kine on a new database, with a client for it.
func startTestKine(t *testing.T) (store *kine, client *clientv3.Client, database string) {
	t.Helper()
	directory := t.TempDir()
	database = filepath.Join(directory, "state.db")
	socket := "unix://" + filepath.Join(directory, "kine.sock")
	store, err := startKine(context.Background(), []string{"--listen-address", socket, "--endpoint", "sqlite://" + database + "?_journal=WAL&_synchronous=FULL", "--metrics-bind-address", "0"}, datastore.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	client, err = clientv3.New(clientv3.Config{Endpoints: []string{socket}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return store, client, database
}

func create(t *testing.T, client *clientv3.Client, key string) {
	t.Helper()
	absent := clientv3.Compare(clientv3.ModRevision(key), "=", 0)
	if _, err := client.Txn(context.Background()).If(absent).Then(clientv3.OpPut(key, "value")).Commit(); err != nil {
		t.Fatal(err)
	}
}

// A checkpoint must reach the end of the write-ahead log while kine runs, or the
// log grows for ever.
func TestCheckpointReachesTheEnd(t *testing.T) {
	store, client, path := startTestKine(t)
	defer store.close()
	for n := range 20 {
		create(t, client, fmt.Sprintf("/registry/%d", n))
	}
	database, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var busy, frames, moved int
	if err := database.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved); err != nil {
		t.Fatal(err)
	}
	if frames == 0 || moved != frames {
		t.Errorf("%d of %d frames moved into the database", moved, frames)
	}
}

func TestCloseDespiteWatchIsQuickAndLeavesNoLog(t *testing.T) {
	store, client, path := startTestKine(t)
	create(t, client, "/registry/a")
	watch := client.Watch(context.Background(), "/registry/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-watch
	started := time.Now()
	if err := store.close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took > time.Second {
		t.Errorf("closing took %v", took)
	}
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the write-ahead log is still there: %v", err)
	}
}

func TestDatabasePath(t *testing.T) {
	for endpoint, want := range map[string]string{
		"sqlite:///var/lib/state.db?_journal=WAL": "/var/lib/state.db",
		"sqlite:///var/lib/state.db":              "/var/lib/state.db",
		"postgres://host/db":                      "",
		"":                                        "",
	} {
		if got := databasePath(endpoint); got != want {
			t.Errorf("databasePath(%q) = %q, want %q", endpoint, got, want)
		}
	}
}

func TestUnknownKineFlagIsNamed(t *testing.T) {
	_, err := startKine(context.Background(), []string{"--no-such-flag"}, datastore.Facts{})
	if err == nil {
		t.Fatal("an unknown flag was accepted")
	}
}
