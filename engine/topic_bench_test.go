//go:build unix && !race && !invariants

package engine

import (
	"fmt"
	"testing"
)

// A publication, until every subscriber has it. Each peer is a bare descriptor.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			first := openLine(b, Handler{}, Options{Inline: true})
			lines := []*line{first}
			for len(lines) < n {
				lines = append(lines, dialLine(b, first.s))
			}
			var top Topic
			for _, l := range lines {
				top.Subscribe(l.c)
			}
			msg := blob(128)
			b.ReportAllocs()
			for b.Loop() {
				top.Publish(Binary, msg)
				for _, l := range lines {
					l.read(replyLen(128))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/delivery")
		})
	}
}

// Coming and going.
func BenchmarkSubscribe(b *testing.B) {
	l := openLine(b, Handler{}, Options{Inline: true})
	var top Topic
	b.ReportAllocs()
	for b.Loop() {
		top.Subscribe(l.c)
		top.Unsubscribe(l.c)
	}
}

// The names of topics.
func BenchmarkTopicByName(b *testing.B) {
	l := openLine(b, Handler{}, Options{Inline: true})
	held := l.s.Topic("the same")
	b.ReportAllocs()
	for b.Loop() {
		if l.s.Topic("the same") != held {
			b.Fatal("another topic")
		}
	}
}
