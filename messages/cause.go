package messages

// Cause names every way in which a session can end. Deciders, events, log lines and the admin API all use this one type,
// so that the reason printed in a log is the reason that the code acted on.
type Cause uint8

const (
	// CauseNone is the cause of a session that is still alive.
	CauseNone Cause = iota
	// CauseFinished: both directions reached their end of stream and were delivered. The only fully ordinary ending.
	CauseFinished
	// CauseIdle: no byte moved in either direction for Config.IdleTimeout.
	CauseIdle
	// CauseHung: a flow held bytes for Config.HangTimeout that its socket would not take.
	CauseHung
	// CauseClientReset: the client reset its connection, or left before the destination had answered.
	CauseClientReset
	// CauseServerReset: the destination reset its connection.
	CauseServerReset
	// CauseRefused: every address of the destination refused the connection.
	CauseRefused
	// CauseUnreachable: no address of the destination could be reached (no route, host or network down).
	CauseUnreachable
	// CauseUnresolved: the destination's name could not be resolved.
	CauseUnresolved
	// CauseConnectTimeout: the destination did not answer within Config.ConnectTimeout.
	CauseConnectTimeout
	// CauseConnectFailed: connecting failed for a local reason, such as a lack of descriptors or of local ports.
	CauseConnectFailed
	// CauseSupervision: a supervisor gave up on the session: strategy "stop", or too many restarts.
	CauseSupervision
	// CauseShutdown: the proxy was stopped, or the drain period ran out.
	CauseShutdown
	// CauseEnded: somebody asked for the end of this one session (EndSession, the admin API's DELETE).
	CauseEnded

	causes // the number of causes
)

var causeNames = [causes]string{
	"none", "finished", "idle", "hung", "client-reset", "server-reset", "refused", "unreachable", "unresolved",
	"connect-timeout", "connect-failed", "supervision", "shutdown", "ended",
}

// String returns the name that log lines, metric labels and the admin API use.
func (c Cause) String() string {
	if c >= causes {
		return "unknown"
	}
	return causeNames[c]
}

// MarshalText makes a Cause appear by name in JSON.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
