package server

import (
	"os"
	"runtime/debug"
	"time"
)

const (
	// startGC and steadyGC are GOGC while starting and after: at the start, time
	// counts; later, half the garbage is worth a little more processor time.
	startGC  = 200
	steadyGC = 50
	// settleTime is how long after its start a server's caches still fill.
	settleTime = 10 * time.Second
)

// startUnsparing lets the heap grow while the server starts. Who sets GOGC
// knows better.
func startUnsparing() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(startGC)
	}
}

// settle saves memory from now on, and gives back what only the start needed.
func settle() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(steadyGC)
	}
	time.AfterFunc(settleTime, debug.FreeOSMemory)
}
