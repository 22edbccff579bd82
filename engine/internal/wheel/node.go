package wheel

// Node is what an owner embeds to be in a Wheel. The zero Node is in none. It must not be copied
// while it is in one.
//
// Node: 24 bytes = 16 B links + 4 when + 2 slot + 2 padding.
type Node[T any] struct {
	next, prev *T
	when       uint32
	slot       uint16 // one more than the index of the slot; 0: in no wheel
}

// Armed reports whether the node is in a wheel: its deadline was set and neither cleared nor fired
// since.
func (n *Node[T]) Armed() bool {
	return n.slot != 0
}
