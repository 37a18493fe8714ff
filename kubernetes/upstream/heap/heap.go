// Package heap trades memory against processor time: a node is small, and the
// heap's live part is about half of what Go keeps by default.
package heap

import (
	"os"
	"runtime/debug"
	"time"
)

const (
	// startGC is GOGC where only the time until the start is over counts.
	startGC = 200
	// sparingGC is GOGC afterwards: a little more processor time for less garbage.
	sparingGC = 50
	// settleTime is how long after a start its caches still fill.
	settleTime = 10 * time.Second
)

// LetGrow lets the heap grow while a process starts, until Settle.
func LetGrow() { setGC(startGC) }

// Settle saves memory from now on, and soon gives back what only the start needed.
func Settle() {
	Spare()
	time.AfterFunc(settleTime, debug.FreeOSMemory)
}

// Spare saves memory from now on.
func Spare() { setGC(sparingGC) }

// setGC does nothing where GOGC is set: who sets it knows better.
func setGC(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
