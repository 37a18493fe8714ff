package configfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type sample struct {
	Flags []string `json:"flags"`
	Kept  string   `json:"kept"`
}

func (s *sample) Validate() error {
	if len(s.Flags) == 0 {
		return errors.New(`"flags" is empty`)
	}
	return nil
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileIsReadOverTheDefaults(t *testing.T) {
	path := write(t, `{"flags": ["--a=1"]}`)
	config := &sample{Kept: "default"}
	got, err := FromArgs("server", []string{"--config", path}, config)
	if err != nil || got != path || config.Kept != "default" || len(config.Flags) != 1 {
		t.Errorf("%s, %v: configuration is %+v", got, err, config)
	}
}

func TestErrorsNameTheFileAndTheFault(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:              `"flags" is empty`,
		`{"flag": ["a"]}`: `unknown field "flag"`,
		`{`:               "unexpected EOF",
	} {
		path := write(t, text)
		err := Read(path, &sample{})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", text, err, want)
		}
	}
}

func TestUsageNamesTheApplet(t *testing.T) {
	for _, args := range [][]string{{}, {"--config", "a", "b"}} {
		if _, err := FromArgs("agent", args, &sample{}); err == nil || !strings.Contains(err.Error(), "kubernetes agent --config FILE") {
			t.Errorf("%q: error is %v", args, err)
		}
	}
}
