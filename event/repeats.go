package event

// fewMembers is up to how many members comparing each with each is cheaper than a map.
const fewMembers = 48

// repeats looks for members of the object that have the same name. It returns nil if there are none,
// else for each member's index the index of the value to show there: 0 for all but the first of a name.
func (d *document) repeats(object uint32) map[uint32]uint32 {
	if !d.hasRepeats(object) {
		return nil
	}
	first := map[string]uint32{}
	shown := map[uint32]uint32{}
	for i, end := object+1, d.nodes[object].next; i < end; i = d.nodes[i].next {
		key := d.key(i)
		if f, ok := first[key]; ok {
			shown[f] = i
			continue
		}
		first[key], shown[i] = i, i
	}
	return shown
}

func (d *document) hasRepeats(object uint32) bool {
	end, count := d.nodes[object].next, 0
	for i := object + 1; i < end; i = d.nodes[i].next {
		if count++; count > fewMembers {
			return d.hasRepeatsOfMany(object)
		}
		for j := object + 1; j < i; j = d.nodes[j].next {
			if d.sameKey(i, j) {
				return true
			}
		}
	}
	return false
}

func (d *document) hasRepeatsOfMany(object uint32) bool {
	seen := map[string]struct{}{}
	for i, end := object+1, d.nodes[object].next; i < end; i = d.nodes[i].next {
		key := d.key(i)
		if _, ok := seen[key]; ok {
			return true
		}
		seen[key] = struct{}{}
	}
	return false
}
