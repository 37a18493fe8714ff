// Package report hands what an applet found at its start to the process that
// started it: a small JSON file, which that one watches.
package report

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/k3os/k3os/kubernetes/upstream/durable"
)

// Outcome says what came of something that was found damaged.
type Outcome string

const (
	// Recovered means that the applet goes on; something may have been lost.
	Recovered Outcome = "recovered"
	// Refused means that it does not start until a person has done something.
	Refused Outcome = "refused"
)

// Report is the content of the file.
type Report struct {
	Outcome Outcome `json:"outcome"`
	// Message is for the owner of the machine: what was found, what is lost, what to do.
	Message string `json:"message"`
}

// Write replaces the file at path and prints the message under the applet's
// name. Without a path it is only printed.
func (r Report) Write(applet, path string) error {
	fmt.Fprintf(os.Stderr, "%s: %s\n", applet, r.Message)
	if path == "" {
		return nil
	}
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return durable.Write(path, append(content, '\n'))
}

// Clear removes what an earlier start reported.
func Clear(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
