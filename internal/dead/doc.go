// Package dead looks at many dead letters together: it puts them into groups, and sends again or discards all that a
// filter selects.
//
// It reads the letters one after the other and holds a few of them in memory, however many there are. What is done to a
// single letter is its caller's.
package dead
