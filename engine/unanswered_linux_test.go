package engine

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/poller"
)

// deafness has the system take nothing of what is written to the next connection that is read.
type deafness struct {
	poller.Faults // nil: what is not here does not happen
	mu            sync.Mutex
	known         map[int]bool
	armed         bool
	deaf          int // descriptor; 0: none yet
}

func (d *deafness) Loop(*poller.Loop, func(int, bool, bool)) {}
func (d *deafness) Accept() syscall.Errno                    { return 0 }

func (d *deafness) Read(fd, n int) (int, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.armed && d.deaf == 0 && !d.known[fd] {
		d.deaf = fd
	}
	d.known[fd] = true
	return n, 0
}

func (d *deafness) Write(fd, n int) (int, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if fd == d.deaf {
		return n, syscall.EAGAIN
	}
	return n, 0
}

// An answer that the socket does not take, since its peer reads nothing, is waited for until the time for the upgrade is
// over: of a 101, of a refusal, and of one from Upgrade.
func TestHostile18Unread(t *testing.T) {
	for _, inline := range []bool{false, true} {
		for name, head := range map[string]string{"101": ask("/"), "from Upgrade": ask("/judged"), "refusal": "POST / HTTP/1.1\r\nHost: a\r\n\r\n"} {
			t.Run(name+choose(inline, "/inline", "/workers"), func(t *testing.T) {
				r := rig{inline: inline, loops: 2, door: listened}
				h, ended := ends(Handler{})
				s := &running{t: t, rules: &rules{t: t}, log: new(logBook)}
				home(t)
				set := r.settings(t, &Options{MaxUpgradeTime: 300 * time.Millisecond, CloseTimeout: 300 * time.Millisecond, KeepAlive: -1, MaxUnackedTime: -1, MaxBacklogAge: -1}, s.log)
				faults := &deafness{known: map[int]bool{}}
				set.faults = faults
				var err error
				if s.Server, err = newServer(Handler{}, set); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.end)
				s.Handle("/good", s.rules.hold(echo))
				s.Handle("/", s.rules.hold(h))
				h.Upgrade = func(*Request) (any, error) { return nil, nil }
				s.Handle("/judged", s.rules.hold(h))
				s.start(listened)
				w := s.witnesses("/good")
				faults.mu.Lock()
				faults.armed = true
				faults.mu.Unlock()
				p := s.dial()
				p.write([]byte(head))
				p.gone()
				if name != "refusal" {
					if e := within(t, "Close", ended); e.Code != StatusAbnormalClosure || e.Err != ErrTimeout {
						t.Errorf("got %+v", e)
					}
				}
				eventually(t, "only the witnesses are left", func() bool { return s.Metrics().Sockets == manyWitnesses })
				if n := s.Metrics().Timeouts; n != 1 {
					t.Errorf("%d timeouts, want 1", n)
				}
				w.alive(t)
			})
		}
	}
}
