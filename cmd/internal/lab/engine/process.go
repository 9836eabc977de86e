package engine

import "errors"

func (t *trial) startProcess() (subject, error) { return nil, errors.New("not yet") }
