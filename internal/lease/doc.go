// Package lease decides which of several processes does what. Each process is a member of a group that shares one
// key-value bucket; each thing that one process alone may do is an item: a destination, or a job such as the janitor's.
//
// A [Keeper] is the membership of one process. It announces the process, spreads the items evenly over the members that
// offer them, has the process do those that fall to it, and hands them over when it stops.
//
// # Who holds what
//
// A member's record changes several times a second, as its sign of life. Whoever sees it unchanged for [Options.TTL], less
// a fifth, deletes it by compare-and-set; that can only succeed if there has been no sign of life in between. From
// then on the member's leases are free. The records of leases change by compare-and-set as well, and carry an epoch that
// grows with each holder.
//
// A holder believes in its leases for so long, less two fifths of the TTL, counted from the moment at which its last good
// sign of life was sent. So it stops believing well before anybody else may take over, whatever the network does, and
// as long as no machine's clock runs a quarter faster than another's. Clocks are never compared: each member measures
// with its own, which counts on while the process is stopped and while the machine sleeps, and which nobody sets. What
// cannot be noticed is a virtual machine all of whose clocks stand still: it goes on believing for what is left of the two
// fifths when it goes on. What it does then must be fenced elsewhere.
//
// All records are in one stream. Every member sees their changes in the same order, only not at the same time, so all
// come to the same plan; where two have not yet, the compare-and-set of the lease decides.
package lease
