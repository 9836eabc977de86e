//go:build !linux

package keeper

import "tcpproxy/actors/survival"

// Run does not work on this system.
func Run(Config) (code int, err error) { return 1, survival.ErrUnsupported }
