package crictl

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// shortLength is how much of an id is shown: enough to be unique on a node.
const shortLength = 13

// output is the -o flag of a command.
type output struct{ format string }

func (o *output) addFlag(command *cobra.Command, byDefault string) {
	command.Flags().StringVarP(&o.format, "output", "o", byDefault, "json or table")
}

// print writes the message as JSON, or the rows as a table with a header.
func (o *output) print(message proto.Message, header []string, rows [][]string) error {
	switch o.format {
	case "json":
		return printMessage(os.Stdout, message)
	case "table", "":
		return printTable(os.Stdout, header, rows)
	}
	return fmt.Errorf("unknown output format %q: it is json or table", o.format)
}

func printTable(to io.Writer, header []string, rows [][]string) error {
	table := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func messageJSON(message proto.Message) (json.RawMessage, error) {
	return protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(message)
}

func printMessage(to io.Writer, message proto.Message) error {
	text, err := messageJSON(message)
	if err != nil {
		return err
	}
	return printJSON(to, text)
}

// printStatus writes a status with the runtime's own details beside it, which
// come as JSON in strings.
func printStatus(to io.Writer, status proto.Message, details map[string]string) error {
	text, err := messageJSON(status)
	if err != nil {
		return err
	}
	all := map[string]json.RawMessage{"status": text}
	for name, detail := range details {
		all[name] = rawOrString(detail)
	}
	return printJSON(to, all)
}

func rawOrString(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null")
	}
	return quoted
}

func printJSON(to io.Writer, value any) error {
	out := json.NewEncoder(to)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(value)
}

func printLines(lines []string) {
	for _, line := range lines {
		fmt.Println(line)
	}
}

// short shortens an id or a digest, unless whole is asked for.
func short(id string, whole bool) string {
	id = strings.TrimPrefix(id, "sha256:")
	if whole || len(id) <= shortLength {
		return id
	}
	return id[:shortLength]
}

// age says how long ago a time in nanoseconds was.
func age(nanoseconds int64, now time.Time) string {
	return units.HumanDuration(now.Sub(time.Unix(0, nanoseconds))) + " ago"
}

func size(bytes uint64) string {
	return units.HumanSizeWithPrecision(float64(bytes), 3)
}
