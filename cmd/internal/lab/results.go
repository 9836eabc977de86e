package lab

import "time"

// ResultsVersion is the version of the form of results.json. It changes whenever a field does.
const ResultsVersion = 1

// Results are what results.json holds: everything that was measured, run by run.
type Results struct {
	Version     int       `json:"version"`
	Command     string    `json:"command"` // that makes the same again
	Seed        uint64    `json:"seed"`
	Began       time.Time `json:"began"`
	Took        Duration  `json:"took"`
	Interrupted bool      `json:"interrupted"` // Ctrl-C: what had been done by then
	Machine     string    `json:"machine"`     // system, processors, version of Go
	Experiments []Outcome `json:"experiments"`
}

// Outcome is an experiment with what came of it.
type Outcome struct {
	Experiment Experiment `json:"experiment"`
	Cells      []Cell     `json:"cells"`
	Verdicts   []Verdict  `json:"verdicts"` // one for each of Experiment.Predict
}

// Cell is one combination of strategy, victim, fault and traffic, with all its runs.
type Cell struct {
	Strategy string `json:"strategy"`
	Victim   string `json:"victim"`
	Fault    Fault  `json:"fault"`
	Traffic  string `json:"traffic"`
	Runs     []Run  `json:"runs"`
}

// Run is one repetition: one connection, in the midst of which the fault was made.
type Run struct {
	Seed  uint64 `json:"seed"`
	Error string `json:"error,omitempty"` // why it could not be carried out; then nothing else counts

	Lived      bool   `json:"lived"` // the connection went on to its ordinary end
	Lost       int64  `json:"lost"`  // bytes
	Repeated   int64  `json:"repeated"`
	Reordered  int64  `json:"reordered"`
	WrongAt    int64  `json:"wrong_at"`   // the first wrong byte; -1 = none
	ClientSaw  string `json:"client_saw"` // FIN, RST, nothing
	ServerSaw  string `json:"server_saw"`
	Bytes      int64  `json:"bytes"` // that arrived, both directions
	Cause      string `json:"cause"` // of the session's end
	GaveUp     bool   `json:"gave_up"`
	Faults     int    `json:"faults"`      // that were made
	RestartsMs []Took `json:"restarts_ms"` // who restarted, and how long after its failure it ran again

	PauseMs       float64 `json:"pause_ms"`       // the longest time without a byte that the receiving peer saw, around the fault
	UndisturbedMs float64 `json:"undisturbed_ms"` // the same in the same connection, before the fault

	// Others are sessions beside the victim's: the 99th percentile of their round trips, before the fault and around it.
	OthersBeforeMs float64 `json:"others_before_ms"`
	OthersDuringMs float64 `json:"others_during_ms"`
	OthersHurt     int     `json:"others_hurt"` // those that ended, or whose actors restarted

	// Timeline is of the first run of each cell only: bytes that arrived in each millisecond, from Before milliseconds before the fault on.
	BeforeMs int     `json:"before_ms,omitempty"`
	Timeline []int64 `json:"timeline,omitempty"`
	Events   []Event `json:"events,omitempty"`
}

// Took is an actor that restarted.
type Took struct {
	Who string  `json:"who"` // its role
	Ms  float64 `json:"ms"`  // after its own failure; 0 if it went down with another
}

// Event is a supervision event on a timeline.
type Event struct {
	Ms   float64 `json:"ms"` // since the fault
	Name string  `json:"name"`
	Who  string  `json:"who"`
	What string  `json:"what"`
}

// Verdict is what became of a prediction.
type Verdict struct {
	Holds    bool    `json:"holds"`
	Measured float64 `json:"measured"` // the worst of the cells that it speaks of
	Low      float64 `json:"low"`      // 95 % confidence, by bootstrap
	High     float64 `json:"high"`
	Cells    int     `json:"cells"`
	Runs     int     `json:"runs"`
}
