// Package configfile reads the JSON file that an applet is started with.
package configfile

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

// Config is what a file holds: a pointer to a struct with JSON names. A field
// that the struct does not have is an error.
type Config interface {
	// Validate says what cannot be worked with.
	Validate() error
}

// FromArgs reads the file of `kubernetes APPLET --config FILE` over what config
// holds already; it returns the file's path.
func FromArgs(applet string, args []string, config Config) (string, error) {
	flags := flag.NewFlagSet(applet, flag.ContinueOnError)
	path := flags.String("config", "", "JSON `file` with the flags of each component")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if *path == "" || flags.NArg() > 0 {
		return "", fmt.Errorf("usage: kubernetes %s --config FILE", applet)
	}
	return *path, Read(*path, config)
}

// Read reads the file at path over what config holds already. Errors name the file.
func Read(path string, config Config) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	err = decoder.Decode(config)
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
