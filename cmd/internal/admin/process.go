package admin

import (
	"net/http"
	"os"
	"time"
)

// Process is what the API tells of the operating system's processes that the proxy consists of.
type Process struct {
	Survive    bool    `json:"survive"`
	Generation uint64  `json:"generation"`       // 1 for the first process that served, and one more for each that went on after it
	Reason     string  `json:"reason,omitempty"` // why the process before this one ended
	Keeper     int     `json:"keeper,omitempty"` // PIDs; without it there is none
	Worker     int     `json:"worker"`
	Holder     int     `json:"holder,omitempty"`
	Since      float64 `json:"since"` // seconds since it has served
}

// alone is the answer for a proxy that does not outlive its process.
func alone() func() Process {
	begun := time.Now()
	return func() Process { return Process{Generation: 1, Worker: os.Getpid(), Since: time.Since(begun).Seconds()} }
}

func (a *api) showProcess(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, a.process())
}
