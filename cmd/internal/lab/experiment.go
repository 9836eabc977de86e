package lab

// Experiment is a question about supervision that the proxy can answer: what is killed, how, under which traffic and which strategies, and
// what one expects. It is what an experiment file says.
type Experiment struct {
	Name       string   `yaml:"name" json:"name"`             // a word with hyphens, unique
	Title      string   `yaml:"title" json:"title"`           // a line
	Question   string   `yaml:"question" json:"question"`     // that the reader should be able to answer from the report
	Method     string   `yaml:"method" json:"method"`         // what is done, in a paragraph
	Why        string   `yaml:"why" json:"why"`               // what explains the outcome, in a paragraph
	Strategies []string `yaml:"strategies" json:"strategies"` // of a session's children; "naive" is a child that keeps bytes itself
	Session    string   `yaml:"session" json:"session"`       // --session-supervision; "" = restart
	// Victims are client-reader, server-writer, server-reader, client-writer, session, acceptor, listener, process.
	Victims []string `yaml:"victims" json:"victims"`
	Faults  []Fault  `yaml:"faults" json:"faults"`
	Traffic []string `yaml:"traffic" json:"traffic"` // upload, download, ping-pong, half-closed, stalled, many
	Repeat  int      `yaml:"repeat" json:"repeat"`   // runs of each cell; 0 = 20
	Quick   int      `yaml:"quick" json:"quick"`     // the same with --quick; 0 = 3
	// MaxRestarts and Within are the intensity and the period; 0 = the proxy's defaults.
	MaxRestarts int      `yaml:"max_restarts" json:"max_restarts"`
	Within      Duration `yaml:"within" json:"within"`
	Predict     []Claim  `yaml:"predict" json:"predict"`
}

// Fault is a way to make a victim fail.
type Fault struct {
	// Kind is panic (between two messages), point (of its code), stop (behind its supervisor's back), kill (of the process, with -9), or
	// none: nothing fails, for comparison.
	Kind  string   `yaml:"kind" json:"kind"`
	Point string   `yaml:"point" json:"point"` // for kind point: see actors.Point
	Nth   int      `yaml:"nth" json:"nth"`     // for kind point: the n-th time that it is passed; 0 = 1
	Times int      `yaml:"times" json:"times"` // how often; 0 = 1
	Every Duration `yaml:"every" json:"every"` // the time between two
}

// Claim is a prediction: of the cells that it speaks of (empty = all), a figure holds a relation to a value.
type Claim struct {
	Strategy string  `yaml:"strategy" json:"strategy"`
	Victim   string  `yaml:"victim" json:"victim"`
	Traffic  string  `yaml:"traffic" json:"traffic"`
	Figure   string  `yaml:"figure" json:"figure"` // see Figures
	Is       string  `yaml:"is" json:"is"`         // =, !=, <, <=, >, >=
	Value    float64 `yaml:"value" json:"value"`
	Says     string  `yaml:"says" json:"says"` // the same in words
}
