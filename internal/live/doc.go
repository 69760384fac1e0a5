// Package live shows what happens to events at this moment, to whoever watches.
//
// It reads the journal from its end like anybody else, and only while somebody watches: otherwise it costs nothing, and
// neither the gateway nor a delivery knows of it or can be held up by it. What it shows is what is on disk, whichever
// process wrote it. A tap in the gateway would see one process of several, and would have to guard what carries events
// against those who look.
//
// What comes faster than anyone can look at is counted and left out, at three places: packs are not unfolded beyond so many
// events a second, events are not looked up beyond so many, and of what is left a watcher is shown so many rows.
// Memory is bounded, whatever comes.
package live
