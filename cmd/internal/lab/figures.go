package lab

// Word is a word that experiment files may use, and what it means, for error messages, the schema and the report.
type Word struct {
	Name string
	Unit string // of a figure; "" for all other words
	Says string
}

// Figures are what a prediction may speak of. Each is worked out from all runs of a cell that could be carried out.
var Figures = []Word{
	{"lived", "of runs", "runs in which the connection went on to its ordinary end; 1 = all of them"},
	{"lost", "bytes", "bytes that never arrived, though nobody was told, per run: what a reset cut off does not count"},
	{"repeated", "bytes", "bytes that arrived more than once, per run"},
	{"reordered", "bytes", "bytes that arrived in another place of the stream, per run"},
	{"client_reset", "of runs", "runs in which the client saw a reset at the end"},
	{"server_reset", "of runs", "runs in which the server saw a reset at the end"},
	{"gave_up", "of runs", "runs in which a supervisor gave up"},
	{"faults", "", "faults that were made, per run"},
	{"restarts", "", "restarts of actors, those included that went down with another, per run"},
	{"restart_p50_ms", "ms", "from an actor's own failure until it ran again, median"},
	{"pause_p50_ms", "ms", "longest time without a byte that the receiving peer saw around the fault, median of the runs"},
	{"pause_p99_ms", "ms", "the same, 99th percentile"},
	{"pause_max_ms", "ms", "the same, the worst run"},
	{"undisturbed_p50_ms", "ms", "the same in the same connection before the fault, median of the runs"},
	{"undisturbed_p99_ms", "ms", "the same, 99th percentile"},
	{"others_before_p99_ms", "ms", "round trips of the sessions beside the victim's before the fault: 99th percentile, mean of the runs"},
	{"others_during_p99_ms", "ms", "the same around the fault"},
	{"others_hurt", "sessions", "sessions beside the victim's that ended, or whose actors restarted, per run"},
}

// Victims are whom a fault may hit.
var Victims = []Word{
	{Name: "client-reader", Says: "reads from the client"},
	{Name: "server-writer", Says: "writes to the server what client-reader read"},
	{Name: "server-reader", Says: "reads from the server"},
	{Name: "client-writer", Says: "writes to the client what server-reader read"},
	{Name: "session", Says: "the parent of these four"},
	{Name: "acceptor", Says: "lets clients in, beside the sessions"},
	{Name: "listener", Says: "the parent of all sessions and of the acceptor"},
	{Name: "process", Says: "the process with all of them in it"},
}

// Kinds are the kinds of faults.
var Kinds = []Word{
	{Name: "panic", Says: "the victim panics between two messages"},
	{Name: "point", Says: "the victim panics at a named point of its code"},
	{Name: "stop", Says: "the victim is stopped behind its supervisor's back"},
	{Name: "kill", Says: "the process is killed with -9"},
	{Name: "none", Says: "nothing fails, for comparison: the victim only says where one looks"},
}

// Traffics are the kinds of traffic.
var Traffics = []Word{
	{Name: "upload", Says: "the client sends, the server receives"},
	{Name: "download", Says: "the server sends, the client receives"},
	{Name: "ping-pong", Says: "a few bytes there and back, again and again"},
	{Name: "half-closed", Says: "the client has sent all and shut its side; the server still sends"},
	{Name: "stalled", Says: "the receiver does not read until every buffer is full"},
	{Name: "many", Says: "clients that connect, exchange a few bytes and go, one after the other"},
}

// Relations are what a prediction may say of a figure and a value.
var Relations = []string{"=", "!=", "<", "<=", ">", ">="}

// Naive is the strategy whose name stands for more than an answer: one-for-one, over children that keep bytes in their own fields.
const Naive = "naive"
