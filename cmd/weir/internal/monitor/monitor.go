// Package monitor is the live view behind weir top.
package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/weirws/weir/cmd/weir/internal/operator"
)

const (
	// listEvery is how often the list of topics or connections is asked for.
	listEvery = 2 * time.Second
	// retryEvery is how often a server that has gone is looked for.
	retryEvery = time.Second
	// maxListed is how many connections are asked for: more than a screen shows,
	// so that sorting them is worth something.
	maxListed = 1000
)

// Run shows the server behind client, at the address of that name, in the
// terminal that is in and out, until the user has enough or ctx ends.
func Run(ctx context.Context, client *operator.Client, at string, in, out *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	m := &model{at: at, byTopic: true, width: 80, height: 24, order: orders[0]}
	m.list = func(topics bool) tea.Cmd { return func() tea.Msg { return fetch(ctx, client, topics) } }
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	watched := make(chan struct{})
	go func() { // ends with ctx, and is waited for
		defer close(watched)
		watch(ctx, client, p.Send)
	}()
	_, err := p.Run()
	cancel()
	<-watched
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, context.Canceled) {
		return nil // ctx has ended it
	}
	return err
}

// counted are new counters.
type counted struct{ *operator.Stats }

// lost says that the server cannot be reached.
type lost struct{ error }

// listed is a new list; one of both is nil.
type listed struct {
	at     time.Time
	topics []operator.Topic
	conns  []operator.Conn
	err    error
}

// tick asks for a new list.
type tick struct{}

// watch sends what the server's stream says until ctx ends.
func watch(ctx context.Context, client *operator.Client, send func(tea.Msg)) {
	for ctx.Err() == nil {
		err := client.Watch(ctx, operator.Watched{}, func(name string, body []byte) error {
			s := new(operator.Stats)
			if name != "stats" {
				return nil
			}
			if err := json.Unmarshal(body, s); err != nil {
				return err
			}
			send(counted{s})
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the server has gone")
		}
		send(lost{err})
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

// fetch asks for a list.
func fetch(ctx context.Context, client *operator.Client, topics bool) tea.Msg {
	l := listed{at: time.Now()}
	if topics {
		l.topics, _, l.err = client.Topics(ctx)
	} else {
		l.conns, _, l.err = client.Conns(ctx, operator.Query{Limit: maxListed})
	}
	return l
}
