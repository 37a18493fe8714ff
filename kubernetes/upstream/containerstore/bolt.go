package containerstore

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// lockLimit is how long a database that another process holds is waited for.
	lockLimit = 2 * time.Second
	// smallestEntry is the least that a key takes in the file, in bytes. More keys
	// than fit mean that the pages form a circle.
	smallestEntry = 16
)

var errCircle = errors.New("its pages form a circle")

// readAll reads every key and value of a database as containerd would. bolt
// trusts its files: it panics at a damaged one, or reads where nothing is.
func readAll(path string) (err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return nil // bolt begins a new one
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	database, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockLimit})
	if err != nil {
		return damageOnly(err)
	}
	reader := reader{left: info.Size() / smallestEntry}
	if err := database.View(reader.all); err != nil {
		return err
	}
	return database.Close()
}

// damageOnly forgets errors that say nothing about the content; containerd will
// meet and name them.
func damageOnly(err error) error {
	var path *os.PathError
	if errors.Is(err, bolterrors.ErrTimeout) || errors.As(err, &path) {
		return nil
	}
	return err
}

type reader struct {
	// left is how many keys there may still be.
	left int64
	// sum makes sure that values are read.
	sum byte
}

func (r *reader) all(tx *bolt.Tx) error {
	return tx.ForEach(func(_ []byte, bucket *bolt.Bucket) error { return r.bucket(bucket) })
}

func (r *reader) bucket(bucket *bolt.Bucket) error {
	return bucket.ForEach(func(key, value []byte) error {
		if r.left--; r.left < 0 {
			return errCircle
		}
		for _, one := range value {
			r.sum ^= one
		}
		if value == nil {
			return r.bucket(bucket.Bucket(key))
		}
		return nil
	})
}
