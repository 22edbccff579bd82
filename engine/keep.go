package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// KeepOptions are how Keep dials. A nil *KeepOptions works. Keep copies them.
type KeepOptions struct {
	Dial DialOptions // of every attempt

	// MinDelay bounds the pause before an attempt; 1s. The bound doubles with
	// each pause, up to MaxDelay; 30s. A connection that lasted for MaxDelay has it
	// begin anew. The pause itself is random below the bound, so that those who
	// lost their server together don't come back together.
	MinDelay, MaxDelay time.Duration

	// Attempt, if not nil, is called before each attempt with its options, which
	// are its to change: a token that expires, say. Their Header is never nil. An
	// error ends Keep.
	Attempt func(ctx context.Context, o *DialOptions) error
	// Waiting, if not nil, is called before each pause: err is how the connection
	// ended, a [*CloseError], or why an attempt failed.
	Waiting func(pause time.Duration, err error)
	// Ended, if not nil, is called once, when there will be no further attempt: err
	// is the cause of the end of Keep's context, net.ErrClosed after the Client's Close,
	// what no further attempt could change, or [ErrPanic] after a panic of one of these.
	Ended func(err error)
}

// Keep keeps a connection to a URL open until ctx ends: it dials, and dials again
// after each end, whoever caused it. Each is a Conn of its own, with the Value of
// [DialOptions], whose first callback is Open; that of the one before has been
// told of its end by then. When ctx ends the connection is closed with 1000.
//
// A pause is as long as the server asks for at least, up to an hour: by
// Retry-After, or the reason "retry=<milliseconds>" of its closing frame, as
// weir serve says it. Keep gives up at an answer that no further attempt could change, such as 401,
// 403 or 404, and any below 500 but 408, 425 and 429, and at a server that
// chooses none of the subprotocols.
//
// Keep does not block: its error is that of a bad URL or option, or net.ErrClosed
// of a Client that is closed. It may be called from any goroutine, any number of
// times. While the connection is down, and only then, a goroutine is there for
// it, which calls the functions of o, and for which Close waits. They may
// block, but must not close the Client.
func (cl *Client) Keep(ctx context.Context, rawURL string, o *KeepOptions) error {
	k := &kept{client: cl, url: rawURL}
	if o != nil {
		k.KeepOptions = *o
		k.Dial.Header = o.Dial.Header.Clone()
	}
	k.MinDelay, k.MaxDelay = or(k.MinDelay, DefaultMinReconnectDelay), or(k.MaxDelay, DefaultMaxReconnectDelay)
	if k.MinDelay < 0 || k.MaxDelay < k.MinDelay {
		return fmt.Errorf("engine: keep: MinDelay is %v, MaxDelay is %v", k.MinDelay, k.MaxDelay)
	}
	if _, err := parseEndpoint(rawURL); err != nil {
		return fmt.Errorf("engine: keep: %w", err)
	}
	h := cl.base.handler
	told := h.Close
	h.Close = func(c *Conn, err error) {
		defer k.lost(err) // also when told panics
		if told != nil {
			told(c, err)
		}
	}
	k.route = cl.core.newRoute(nil, h)
	var cancel context.CancelCauseFunc
	k.ctx, cancel = context.WithCancelCause(ctx)
	unfollow := context.AfterFunc(cl.life, func() { cancel(errClosed) })
	unwatch := context.AfterFunc(k.ctx, k.leave)
	k.release = func() {
		unwatch()
		unfollow()
		cancel(nil)
	}
	if !cl.keeps.start(func() { k.run(nil) }) {
		k.release()
		return errClosed
	}
	return nil
}

// kept is a connection that is kept.
type kept struct {
	KeepOptions
	client  *Client
	url     string
	route   *route
	ctx     context.Context
	release func() // what ctx holds

	// Owned by its goroutine, and by whoever starts the next one.
	pauses int // since a connection lasted
	opened time.Time

	mu   sync.Mutex // guards the following
	conn *Conn      // the one that is open; nil while the goroutine runs
	end  error      // of a connection that ended before it was conn
}

// run dials until a connection is open, Keep is over, or dialling is in vain. down
// is why it is needed; nil at first.
func (k *kept) run(down error) {
	returned := false
	defer func() {
		if !returned {
			k.panicked(recover())
		}
	}()
	for {
		over := k.over()
		if over != nil {
			down = over
		}
		if over != nil || vain(down) {
			k.finish(down)
			break
		}
		if down != nil && !k.pause(down) {
			continue // ctx has ended
		}
		if down = k.attempt(); down == nil {
			break
		}
	}
	returned = true
}

// over is why there is no further attempt, nil while there may be one. ctx is told
// of the Client's end by a goroutine, which may be late.
func (k *kept) over() error {
	if err := context.Cause(k.ctx); err != nil {
		return err
	}
	if k.client.life.Err() != nil {
		return errClosed
	}
	return nil
}

// pause waits before the next attempt, and reports whether it has come.
func (k *kept) pause(down error) bool {
	if !k.opened.IsZero() && time.Since(k.opened) >= k.MaxDelay {
		k.pauses = 0
	}
	k.opened = time.Time{}
	d := backoff(k.MinDelay, k.MaxDelay, k.pauses) + hint(down, time.Now())
	k.pauses++
	if k.Waiting != nil {
		k.Waiting(d, down)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// attempt dials once. Without an error the connection is open, and its end is what
// goes on.
func (k *kept) attempt() error {
	o := k.Dial
	if o.Header = o.Header.Clone(); o.Header == nil {
		o.Header = http.Header{}
	}
	if k.Attempt != nil {
		if err := k.Attempt(k.ctx, &o); err != nil {
			return final{err}
		}
	}
	c, err := k.client.dial(k.ctx, k.url, &o, k.route)
	if err != nil {
		return err
	}
	k.opened = time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if end := k.end; end != nil {
		k.end = nil
		return end
	}
	k.conn = c
	if k.ctx.Err() != nil {
		_ = c.Close(StatusNormalClosure, "") // it may be closed already
	}
	return nil
}

// lost is called when a connection has ended.
func (k *kept) lost(err error) {
	k.mu.Lock()
	resting := k.conn != nil
	k.conn = nil
	if !resting {
		k.end = err
	}
	k.mu.Unlock()
	if resting { // Close waits for callbacks first, and then for what they have started
		k.client.keeps.running.Go(func() { k.run(err) })
	}
}

// leave closes the connection when ctx has ended.
func (k *kept) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil {
		_ = k.conn.Close(StatusNormalClosure, "") // it may be closed already
	}
}

// finish says that there is no further attempt.
func (k *kept) finish(err error) {
	k.release()
	if ended := k.Ended; ended != nil {
		k.Ended = nil
		ended(err)
	}
}

// panicked ends what a panic, or a Goexit, of one of the options' functions has
// left: on another goroutine, for this one ends.
func (k *kept) panicked(r any) {
	co := k.client.core
	co.panics.Add(1)
	co.Log.Error("engine: a callback of Keep panicked", "url", k.url, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	k.client.keeps.running.Go(func() { k.run(final{ErrPanic}) })
}

// keeps are the goroutines of a Client's Keeps.
type keeps struct {
	running sync.WaitGroup

	mu   sync.Mutex // guards the following
	over bool       // the Client is closed
}

// start runs f on a goroutine, unless the Client is closed.
func (ks *keeps) start(f func()) bool {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if ks.over {
		return false
	}
	ks.running.Go(f) // ends when a connection is open, or Keep is over: on Close, which waits
	return true
}

// close has none start any more.
func (ks *keeps) close() {
	ks.mu.Lock()
	ks.over = true
	ks.mu.Unlock()
}

// final is an error that a further attempt would meet too.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

// vain reports whether a further attempt would fail as that with err did.
func vain(err error) bool {
	var refused *DialError
	if errors.As(err, &refused) {
		return refused.Status < 500 && !isTransient(refused.Status)
	}
	return errors.Is(err, errNoSubprotocol) || errors.As(err, new(final))
}
