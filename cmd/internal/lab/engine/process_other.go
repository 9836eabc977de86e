//go:build !linux

package engine

import "tcpproxy/test/fault"

func (t *trial) startProcess() (subject, error) { return nil, fault.ErrNoProcesses }
