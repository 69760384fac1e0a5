package gateway

// FreeMemory is how much of MaxMemory no request holds at the moment.
func (g *Gateway) FreeMemory() int { return g.memory.left() + g.parsing.left() }

func (b *budget) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free
}

// InFlight is how many requests are being answered.
func (g *Gateway) InFlight() int { return int(g.inFlight.Load()) }
