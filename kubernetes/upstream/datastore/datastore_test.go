package datastore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k3os/k3os/kubernetes/upstream/report"
)

// pageSize is SQLite's.
const pageSize = 4096

// testRows is enough for many pages, with a page or less for each row.
const testRows = 400

func objectKey(n int) string { return fmt.Sprintf("/registry/configmaps/default/%04d", n) }

// newDatabase makes a database with testRows objects, some larger than a page.
func newDatabase(t *testing.T) Facts {
	t.Helper()
	directory := t.TempDir()
	facts := Facts{Path: filepath.Join(directory, "state.db"), Report: filepath.Join(directory, "report.json"), HadCluster: true, StartEmpty: []string{"/served"}}
	database, err := open(facts.Path, "rwc", "journal_mode(wal)", "synchronous(off)")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if _, err := database.Exec(schema); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= testRows; n++ {
		value, _ := json.Marshal(map[string]string{"data": strings.Repeat("x", 500+n*7%6000)})
		one := row{id: int64(n), name: objectKey(n), created: 1, value: value}
		if _, err := database.Exec(insertRow, one.values()...); err != nil {
			t.Fatal(err)
		}
	}
	return facts
}

func count(t *testing.T, path, where string) int {
	t.Helper()
	database, err := open(path, "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var rows int
	if err := database.QueryRow("SELECT count(*) FROM kine WHERE name LIKE '/registry/%' AND " + where).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// overwrite puts rubbish over some pages of the file, counted from 0.
func overwrite(t *testing.T, path string, pages ...int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, page := range pages {
		if _, err := file.WriteAt([]byte(strings.Repeat("\xa5", pageSize)), page*pageSize); err != nil {
			t.Fatal(err)
		}
	}
}

func pages(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size() / pageSize
}

func readReport(t *testing.T, facts Facts) report.Report {
	t.Helper()
	content, err := os.ReadFile(facts.Report)
	if err != nil {
		t.Fatal(err)
	}
	var result report.Report
	if err := json.Unmarshal(content, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func ready(t *testing.T, facts Facts) string {
	t.Helper()
	if err := Ready(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	result := readReport(t, facts)
	if result.Outcome != report.Recovered {
		t.Errorf("outcome is %q", result.Outcome)
	}
	if found, err := check(context.Background(), facts.Path); err != nil || found.state != whole {
		t.Errorf("what was recovered is %+v, %v", found, err)
	}
	return result.Message
}

func TestAWholeDatabaseIsLeftAlone(t *testing.T) {
	facts := newDatabase(t)
	if err := os.WriteFile(facts.Report, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Ready(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(facts.Report); !os.IsNotExist(err) {
		t.Errorf("there is still a report: %v", err)
	}
	if rows := count(t, facts.Path, "true"); rows != testRows {
		t.Errorf("%d rows are left", rows)
	}
}

func TestANewMachineStartsEmpty(t *testing.T) {
	for _, content := range []string{"", "absent"} {
		facts := Facts{Path: filepath.Join(t.TempDir(), "state.db")}
		if content == "" {
			if err := os.WriteFile(facts.Path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Ready(context.Background(), facts); err != nil {
			t.Error(err)
		}
	}
}

// Whatever takes the place of a machine's cluster: nothing, no bytes, zeros, a
// database without a cluster.
func TestAClusterIsNeverReplacedByAnEmptyOne(t *testing.T) {
	bare := func(t *testing.T, path string) {
		database, err := open(path, "rwc")
		if err != nil {
			t.Fatal(err)
		}
		defer database.Close()
		if _, err := database.Exec(schema); err != nil {
			t.Fatal(err)
		}
	}
	for name, damage := range map[string]func(t *testing.T, path string){
		"missing":  func(*testing.T, string) {},
		"no bytes": func(t *testing.T, path string) { write(t, path, nil) },
		"zeros":    func(t *testing.T, path string) { write(t, path, make([]byte, 3*pageSize)) },
		"text":     func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("no database\n", 1000))) },
		"no rows":  bare,
	} {
		t.Run(name, func(t *testing.T) {
			facts := newDatabase(t)
			if err := removeDatabase(facts.Path); err != nil {
				t.Fatal(err)
			}
			damage(t, facts.Path)
			if err := Ready(context.Background(), facts); err == nil {
				t.Fatal("it was accepted")
			}
			result := readReport(t, facts)
			if result.Outcome != report.Refused || !strings.Contains(result.Message, "sudo rm -f /served "+facts.Path) {
				t.Errorf("report is %+v", result)
			}
			// What the message says begins anew.
			facts.HadCluster = false
			if err := removeDatabase(facts.Path); err != nil {
				t.Fatal(err)
			}
			if err := Ready(context.Background(), facts); err != nil {
				t.Error(err)
			}
		})
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheCopyTakesThePlaceOfWhatIsGone(t *testing.T) {
	facts := newDatabase(t)
	if err := makeCopy(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	if err := removeDatabase(facts.Path); err != nil {
		t.Fatal(err)
	}
	if message := ready(t, facts); !strings.Contains(message, "is missing; restored from its copy of 2") {
		t.Errorf("message is %q", message)
	}
	if rows := count(t, facts.Path, "true"); rows != testRows {
		t.Errorf("%d rows are back", rows)
	}
}

func TestRevisionsDoNotComeAgain(t *testing.T) {
	facts := newDatabase(t)
	if err := makeCopy(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	write(t, facts.Path, nil)
	ready(t, facts)
	database, err := open(facts.Path, "ro")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var last, sequence int64
	if err := database.QueryRow("SELECT (SELECT max(id) FROM kine), (SELECT seq FROM sqlite_sequence)").Scan(&last, &sequence); err != nil {
		t.Fatal(err)
	}
	if last != testRows+revisionLeap || sequence != last {
		t.Errorf("the last revision is %d, the next one follows %d", last, sequence)
	}
}

// Each page in turn is overwritten; what the rest holds must be read, with and
// without a copy.
func TestDamagedPagesCostWhatTheyHold(t *testing.T) {
	const tolerated = 12 // rows of a page, with those that overflow into it
	for _, withCopy := range []bool{false, true} {
		facts := newDatabase(t)
		total := pages(t, facts.Path)
		original, err := os.ReadFile(facts.Path)
		if err != nil {
			t.Fatal(err)
		}
		if withCopy {
			if err := makeCopy(context.Background(), facts); err != nil {
				t.Fatal(err)
			}
		}
		lost := 0
		for page := int64(4); page < total; page += 23 {
			write(t, facts.Path, original)
			overwrite(t, facts.Path, page, page+total/3)
			err := Ready(context.Background(), facts)
			if err != nil {
				t.Errorf("page %d: %v", page, err)
				continue
			}
			rows := count(t, facts.Path, "true")
			if rows < testRows {
				lost++
			}
			if withCopy && rows != testRows || rows < testRows-2*tolerated {
				t.Errorf("page %d, copy %v: %d of %d rows are left", page, withCopy, rows, testRows)
			}
		}
		if !withCopy && lost == 0 {
			t.Error("nothing was ever lost: this test damages nothing")
		}
	}
}

func TestACutFileKeepsItsBeginning(t *testing.T) {
	facts := newDatabase(t)
	if err := os.Truncate(facts.Path, pages(t, facts.Path)/2*pageSize); err != nil {
		t.Fatal(err)
	}
	message := ready(t, facts)
	if !strings.Contains(message, "there was no copy of it") || !strings.Contains(message, ".damaged-") {
		t.Errorf("message is %q", message)
	}
	if rows := count(t, facts.Path, "true"); rows < testRows/4 {
		t.Errorf("%d rows are left", rows)
	}
}

func TestADamagedIndexCostsNothing(t *testing.T) {
	facts := newDatabase(t)
	database, err := open(facts.Path, "ro")
	if err != nil {
		t.Fatal(err)
	}
	var root int64
	if err := database.QueryRow("SELECT rootpage FROM sqlite_master WHERE type = 'index'").Scan(&root); err != nil {
		t.Fatal(err)
	}
	database.Close()
	overwrite(t, facts.Path, root-1)
	if message := ready(t, facts); !strings.Contains(message, fmt.Sprintf("all its %d rows could be read: nothing is lost", testRows)) {
		t.Errorf("message is %q", message)
	}
	if rows := count(t, facts.Path, "true"); rows != testRows {
		t.Errorf("%d rows are left", rows)
	}
}

func TestOnlyTheNewestDamagedFilesAreKept(t *testing.T) {
	facts := newDatabase(t)
	for n := range 5 {
		write(t, fmt.Sprintf("%s.damaged-2026010%dT000000Z", facts.Path, n), nil)
	}
	forgetOldest(facts.Path)
	kept, _ := filepath.Glob(facts.Path + ".damaged-*")
	if len(kept) != keptDamaged || !strings.HasSuffix(kept[1], "20260104T000000Z") {
		t.Errorf("kept are %v", kept)
	}
}

func TestRowsThatNoProgramWroteAreDropped(t *testing.T) {
	object := []byte(`{"kind": "ConfigMap"}`)
	for _, test := range []struct {
		row  row
		want bool
	}{
		{row{id: 1, name: "compact_rev_key"}, true},
		{row{id: 1, name: "gap-7", deleted: 1}, true},
		{row{id: 5, name: "/registry/a", value: object}, true},
		{row{id: 5, name: "/registry/a", value: []byte("k8s:enc:aescbc:v1:key:x")}, true},
		{row{id: 5, name: "/registry/a", deleted: 1}, true},
		{row{id: 5, name: "/registry/a"}, false},
		{row{id: 5, name: "/registry/a", value: []byte("k8s\x00\xff\xff\xff")}, false},
		{row{id: 5, name: "/registry/a", value: object, prev: 6}, false},
		{row{id: 5, name: "/registry/\xff", value: object}, false},
		{row{id: 5, name: "x", value: object}, false},
	} {
		if got := test.row.isPlausible(); got != test.want {
			t.Errorf("%+v: plausible is %v", test.row, got)
		}
	}
}

func TestWhenACopyIsMade(t *testing.T) {
	now := time.Now()
	if isFresh(now.Add(-2*time.Hour), now) || isFresh(now.Add(time.Hour), now) || !isFresh(now.Add(-time.Minute), now) {
		t.Error("the age of a copy is misjudged")
	}
	if mayCopy(20<<20, 5<<30) != nil || mayCopy(20<<20, 100<<20) == nil || mayCopy(2<<30, 100<<30) == nil {
		t.Error("sizes are misjudged")
	}
	facts := newDatabase(t)
	if err := copyIfOld(context.Background(), facts, now); err != nil {
		t.Fatal(err)
	}
	first, err := os.Stat(facts.copyPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := copyIfOld(context.Background(), facts, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if second, err := os.Stat(facts.copyPath()); err != nil || !os.SameFile(first, second) {
		t.Errorf("a fresh copy was made anew: %v", err)
	}
	if err := copyIfOld(context.Background(), facts, now.Add(copyEvery+time.Minute)); err != nil {
		t.Fatal(err)
	}
	if third, err := os.Stat(facts.copyPath()); err != nil || os.SameFile(first, third) {
		t.Errorf("an old copy was kept: %v", err)
	}
}

func TestADamagedDatabaseReplacesNoCopy(t *testing.T) {
	facts := newDatabase(t)
	if err := makeCopy(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	total := pages(t, facts.Path)
	overwrite(t, facts.Path, total/2, total/2+1, total/2+2)
	if err := makeCopy(context.Background(), facts); !isDamage(err) {
		t.Errorf("error is %v", err)
	}
	if rows := count(t, facts.copyPath(), "true"); rows != testRows {
		t.Errorf("the copy has %d rows", rows)
	}
}
