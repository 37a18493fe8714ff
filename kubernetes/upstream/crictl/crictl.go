package crictl

// Main is not there yet.
func Main([]string) error { return nil }
