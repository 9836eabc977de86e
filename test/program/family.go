//go:build linux

package program

// Family are the PIDs of all living processes of the program but the one that was started: worker, holder, and a holder's holder.
func (p *Program) Family() []int { return p.processes.PIDs() }

// Worker is the PID of the worker; 0 while there is none.
func (p *Program) Worker() int { return p.processes.Worker() }

// Holder is the PID of the holder; 0 while there is none.
func (p *Program) Holder() int { return p.processes.Holder() }
