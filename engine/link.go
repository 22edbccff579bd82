package engine

// link carries publications between the topics of the same name on several
// nodes: each has a Server, and a link that knows the others'. What arrives
// from another node goes to spread, which does not come back here.
type link interface {
	// gained says that t has its first subscriber on this node, lost that it
	// has none any more: in turn, on a worker, where they may block.
	gained(t *Topic)
	lost(t *Topic)
	// publish gives a message on to the other nodes. It is called on the
	// goroutine that publishes, in its order, after the subscribers of this
	// node were given it, and must not block. data is valid until it returns.
	publish(t *Topic, k Kind, data []byte, key string)
}

// link is what connects t with other nodes, nil if nothing does.
func (t *Topic) link() link {
	if t.home == nil {
		return nil
	}
	return t.home.link
}
