package gateway

import (
	"errors"
	"fmt"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/weirws/weir/engine"
)

// topics holds the topics that someone subscribes to, and only those: a
// publication to another name leaves nothing behind.
type topics struct {
	mu    sync.Mutex // guards the following, and holders of each topic
	named map[string]*topic
}

// topic is one of them.
type topic struct {
	engine.Topic
	name    string
	holders int // clients that acquired it
}

// acquire returns the topic of that name, made if need be. release gives it
// back.
func (ts *topics) acquire(name string) *topic {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.named[name]
	if t == nil {
		if ts.named == nil {
			ts.named = make(map[string]*topic)
		}
		t = &topic{name: name}
		ts.named[name] = t
	}
	t.holders++
	return t
}

// release forgets t when nobody holds it any more.
func (ts *topics) release(t *topic) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.holders--
	if t.holders == 0 {
		delete(ts.named, t.name)
	}
}

// publish queues a message for all that subscribe to the topic, and returns
// for how many.
func (ts *topics) publish(name string, k engine.Kind, data []byte) int {
	ts.mu.Lock()
	t := ts.named[name]
	ts.mu.Unlock()
	if t == nil {
		return 0
	}
	return t.Publish(k, data)
}

// len is the number of topics.
func (ts *topics) len() int {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return len(ts.named)
}

// checkTopic says what is wrong with a topic's name.
func checkTopic(name string) error {
	switch {
	case name == "":
		return errors.New("a topic has an empty name; name it like /ws?topic=news")
	case len(name) > maxTopicBytes:
		return fmt.Errorf("a topic's name has %d bytes; %d are the most", len(name), maxTopicBytes)
	case !utf8.ValidString(name):
		return errors.New("a topic's name is not UTF-8")
	case name == "." || name == "..":
		return fmt.Errorf("a topic cannot be named %q: no URL could name it", name) // RFC 3986, 5.2.4
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fmt.Errorf("the topic's name %q has a control character", name)
		}
	}
	return nil
}
