package sendq

// Memory is what the Queue takes, apart from the buffers that it shares.
func (q *Queue) Memory() int {
	return queueBytes + q.private + frameBytes*(cap(q.data.fs)+cap(q.control.fs)) + 2*cap(q.run.sizes) + keyBytes*len(q.keys)
}

// charge brings the ledger up to date.
func (q *Queue) charge() {
	if q.ledger == nil {
		return
	}
	size := q.Memory()
	if !q.clock.held && size <= freeBytes {
		size = 0
	}
	if size != q.charged {
		q.ledger.Add(int64(size - q.charged))
		q.charged = size
	}
}
