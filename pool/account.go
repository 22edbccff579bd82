package pool

import "sync/atomic"

// Account counts the bytes of the Buffers that were lent on it and are not home. Its methods may be
// called from any goroutine and never block. The zero Account is ready; it must not be copied. A
// nil *Account lends without counting.
type Account struct {
	bytes atomic.Int64
	_     [56]byte // the next account is on another cache line
}

// Get is Get, and charges the Buffer's capacity to a until its last holder releases it. What a
// holder lets B grow to is not charged.
func (a *Account) Get(n int) *Buffer {
	b := Get(n)
	if a != nil {
		b.account, b.charge = a, cap(b.B)
		a.bytes.Add(int64(b.charge))
	}
	return b
}

// Bytes returns what is charged to a.
func (a *Account) Bytes() int64 { return a.bytes.Load() }

// settleAccount takes b, which goes home, off its account.
func (b *Buffer) settleAccount() {
	if b.account != nil {
		b.account.bytes.Add(-int64(b.charge))
		b.account = nil
	}
}
