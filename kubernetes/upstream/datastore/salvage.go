package datastore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime"
	sqlite3 "modernc.org/sqlite/lib"
)

// gapName begins the name of the rows with which kine fills revisions that nobody wrote.
const gapName = "gap-"

const columns = "id, name, created, deleted, create_revision, prev_revision, lease, value, old_value"

// row is one of kine's: one version of one object.
type row struct {
	id                                            int64
	name                                          string
	created, deleted, createRevision, prev, lease int64
	value, oldValue                               []byte
}

func (r *row) targets() []any {
	return []any{&r.id, &r.name, &r.created, &r.deleted, &r.createRevision, &r.prev, &r.lease, &r.value, &r.oldValue}
}

func (r *row) values() []any {
	return []any{r.id, r.name, r.created, r.deleted, r.createRevision, r.prev, r.lease, r.value, r.oldValue}
}

// isPlausible tells a row from what a damaged page looks like when it is read as one.
func (r *row) isPlausible() bool {
	if !utf8.ValidString(r.name) || r.id <= 0 || r.createRevision < 0 || r.prev < 0 || r.prev > r.id {
		return false
	}
	if strings.HasPrefix(r.name, "/registry/") {
		return r.deleted != 0 || isObject(r.value)
	}
	return r.name == "compact_rev_key" || strings.HasPrefix(r.name, gapName) || strings.HasPrefix(r.name, "/")
}

var protobufPrefix = []byte("k8s\x00")

// isObject says whether the API server will be able to read a value: one that
// it cannot makes it refuse to list the whole resource.
func isObject(value []byte) bool {
	if envelope, isProtobuf := bytes.CutPrefix(value, protobufPrefix); isProtobuf {
		var unknown runtime.Unknown
		return unknown.Unmarshal(envelope) == nil && unknown.Kind != ""
	}
	// Custom resources are JSON; encrypted values name their provider.
	return json.Valid(value) || bytes.HasPrefix(value, []byte("k8s:enc:"))
}

// salvage reads what can be read of a database.
type salvage struct {
	database *sql.DB
	take     func(*row) error
	// read and dropped count rows; missed is true when there are some that could not be read.
	read, dropped int
	missed        bool
}

// isWhole says whether every row was read and believed.
func (s *salvage) isWhole() bool { return !s.missed && s.dropped == 0 }

// rows takes every row that can be read: forwards up to the first page that
// cannot, backwards down to the last such page, then what lies between them.
func (s *salvage) rows(ctx context.Context) error {
	last, damage, err := s.scan(ctx, 0, math.MaxInt64, "ASC")
	if damage == nil || err != nil {
		return err
	}
	s.missed = true
	first, damage, err := s.scan(ctx, last, math.MaxInt64, "DESC")
	if damage == nil || err != nil {
		return err
	}
	return s.between(ctx, last, first)
}

// between looks for readable pages between two that are not. Each probe begins
// twice as far on; where one finds rows, it looks back for what was leapt over.
func (s *salvage) between(ctx context.Context, low, high int64) error {
	position := low
	for step := int64(1); position < high-step; step *= 2 {
		position += step
		reached, damage, err := s.scan(ctx, position, high, "ASC")
		if err != nil {
			return err
		}
		if reached > position {
			if _, _, err := s.scan(ctx, low, position+1, "DESC"); err != nil {
				return err
			}
			low, position, step = reached, reached, 1
		}
		if damage == nil {
			return nil
		}
	}
	return nil
}

// scan takes the rows between two ids, in one direction, up to the first that
// cannot be read. It returns the id that it reached, and what stopped it.
func (s *salvage) scan(ctx context.Context, above, below int64, direction string) (reached int64, damage, err error) {
	reached = above
	if direction == "DESC" {
		reached = below
	}
	found, err := s.database.QueryContext(ctx, "SELECT "+columns+" FROM kine WHERE id > ? AND id < ? ORDER BY id "+direction, above, below)
	if err != nil {
		return classify(reached, err)
	}
	defer found.Close()
	for found.Next() {
		var one row
		if found.Scan(one.targets()...) != nil || !one.isPlausible() {
			s.dropped++
			continue
		}
		if err := s.take(&one); err != nil {
			return reached, nil, err
		}
		reached = one.id
		s.read++
	}
	return classify(reached, found.Err())
}

// classify parts damage from other errors. A file without the table, or whose
// schema makes no sense, is damage here.
func classify(reached int64, err error) (int64, error, error) {
	if isDamage(err) || isCode(err, sqlite3.SQLITE_ERROR) {
		return reached, err, nil
	}
	return reached, nil, err
}
