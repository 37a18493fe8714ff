package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestArchivesAreReportedWhenTheyAreQuiet(t *testing.T) {
	directory := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	changed := watchArchives(ctx, []string{directory, filepath.Join(directory, "none")}, 200*time.Millisecond)
	archive := filepath.Join(directory, "a.tar")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := file.WriteString("part"); err != nil {
			t.Fatal(err)
		}
		select {
		case whole := <-changed:
			t.Fatalf("%v was reported while it was written", whole)
		case <-time.After(50 * time.Millisecond):
		}
	}
	file.Close()
	if err := os.WriteFile(filepath.Join(directory, "note.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case whole := <-changed:
		if !slices.Equal(whole, []string{archive}) {
			t.Errorf("%v was reported", whole)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was reported")
	}
	cancel()
	if _, open := <-changed; open {
		t.Error("the channel is open after the end")
	}
}

func TestThePackingIsToldByContent(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	var found []byte
	read := func(stream io.Reader) (err error) {
		found, err = io.ReadAll(stream)
		return err
	}
	for name, content := range map[string][]byte{"a.tar": packed.Bytes(), "b.tar.gz": []byte("content"), "c.tgz": packed.Bytes()} {
		if err := withArchive(t.Context(), writeFile(t, name, content), read); err != nil || string(found) != "content" {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
}

func TestErrorsSayWhatIsWrongWithTheFile(t *testing.T) {
	digests := func(stream io.Reader) error {
		_, err := imageDigests(stream)
		return err
	}
	for _, wrong := range []struct{ content, words string }{
		{"", "ends too early"},
		{strings.Repeat("x", 100), "ends too early"},
		{strings.Repeat("x", 4096), "no image archive"},
		{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00", "ends too early"},
	} {
		err := withArchive(t.Context(), writeFile(t, "a.tar", []byte(wrong.content)), digests)
		if err == nil || !strings.Contains(err.Error(), wrong.words) {
			t.Errorf("%.10q: %v", wrong.content, err)
		}
	}
}
