package lab

import (
	"time"
)

// Duration is a time that files spell as Go does: "10s", "50ms".
type Duration time.Duration

// MarshalText spells it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
