package gateway

import "context"

// FreeMemory is how much of MaxMemory no request holds at the moment.
func (g *Gateway) FreeMemory() int { return g.memory.left() + g.parsing.left() }

func (b *budget) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free
}

// InFlight is how many requests are being answered.
func (g *Gateway) InFlight() int { return int(g.inFlight.Load()) }

// HoldParsing takes all the memory there is for parsing and returns how to give it back.
func (g *Gateway) HoldParsing() (release func()) {
	n := g.parsing.left()
	g.parsing.take(context.Background(), n)
	return func() { g.parsing.give(n) }
}
