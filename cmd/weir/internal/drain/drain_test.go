package drain

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestEven: each tenth of the window closes a tenth.
func TestEven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, over = 10_000, 30 * time.Second
		start := time.Now()
		tenths, reports, last := make([]int, 10), 0, n+1
		p := Plan{Over: over, Every: 5 * time.Second,
			Close: func(place, left int) {
				tenths[min(int(time.Since(start)*10/over), 9)]++
				if left != n-place {
					t.Errorf("place %d: %d are left", place, left)
				}
			},
			Progress: func(left int) {
				if reports++; left >= last {
					t.Errorf("%d are left, after %d", left, last)
				}
				last = left
			},
		}
		if err := p.Run(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if slices.Min(tenths) < 990 || slices.Max(tenths) > 1010 {
			t.Errorf("got %v", tenths)
		}
		if took := time.Since(start); took > over || reports < 5 {
			t.Errorf("it took %v, with %d reports", took, reports)
		}
	})
}

func TestMaxRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := Plan{MaxRate: 10, Every: time.Second, Close: func(int, int) {}, Progress: func(int) {}}
		if err := p.Run(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 9900*time.Millisecond || took > 10*time.Second {
			t.Errorf("a hundred at 10/s took %v", took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		closed := 0
		p := Plan{Over: time.Hour, Every: time.Minute, Close: func(int, int) {
			if closed++; closed == 5 {
				cancel()
			}
		}, Progress: func(int) {}}
		if err := p.Run(ctx, 100); err != context.Canceled || closed != 5 {
			t.Errorf("got %v after %d", err, closed)
		}
	})
}
