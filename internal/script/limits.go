package script

import "time"

// Limits bound what a script may take for one event. Zero fields mean the defaults.
type Limits struct {
	// Time is how much processor time the script may take for one event. Each MB of the event adds 100 ms for
	// reading and writing it. Default 100 ms.
	Time time.Duration `json:"time"`

	// Memory is how many bytes of objects may be alive, the engine's own (some MB) included. Default 128 MiB.
	Memory int64 `json:"memory"`

	// Patience is how long to wait for the script's process, whatever it does, before it is ended. Default 30 s.
	Patience time.Duration `json:"patience"`
}

func (l Limits) withDefaults() Limits {
	if l.Time <= 0 {
		l.Time = 100 * time.Millisecond
	}
	if l.Memory <= 0 {
		l.Memory = 128 << 20
	}
	if l.Patience <= 0 {
		l.Patience = 30 * time.Second
	}
	return l
}

// timePerMB is added to Limits.Time.
const timePerMB = 100 * time.Millisecond

// timeFor is the processor time that an event of a size may take.
func (l Limits) timeFor(size int) time.Duration {
	return l.Time + time.Duration(size)*timePerMB/(1<<20)
}
