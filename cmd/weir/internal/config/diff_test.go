package config

import (
	"reflect"
	"testing"
)

func TestDiff(t *testing.T) {
	before := load(t, Source{File: file(t, "topics: [{match: \"a\"}]\nauth: {allowed_origins: []}\n")})
	if got := Diff(before, before); got.Live != nil || got.Restart != nil {
		t.Errorf("got %v, want nothing", got)
	}
	empty := load(t, Source{File: file(t, "topics: [{match: \"a\"}]\nauth: {publish_keys: [{name: n, secret: \"0123456789abcdef\", topics: []}]}\n")})
	without := load(t, Source{File: file(t, "topics: [{match: \"a\"}]\nauth: {publish_keys: [{name: n, secret: \"0123456789abcdef\"}]}\n")})
	if got := Diff(empty, without); got.Live != nil || got.Restart != nil {
		t.Errorf("an empty list within a list: got %v, want nothing", got)
	}
	after := load(t, Source{File: file(t, `
listen: {addr: ":9000", trusted_proxies: [10.0.0.0/8]}
topics: [{match: "a", on_slow: disconnect}]
limits: {client_rate: 5/s, keep_alive: 10s}
auth: {keys: [{alg: HS256, secret: "0123456789abcdef0123456789abcdef"}]}
`)})
	want := Changes{
		Live:    []string{"auth.keys", "topics", "limits.client_rate"},
		Restart: []string{"listen.addr", "listen.trusted_proxies", "limits.keep_alive"},
	}
	if got := Diff(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	held := Hold(before, after)
	if got := Diff(before, held); !reflect.DeepEqual(got, Changes{Live: want.Live}) {
		t.Errorf("what holds without a restart: got %v, want %v", got, want.Live)
	}
	if got := Diff(held, after); !reflect.DeepEqual(got, Changes{Restart: want.Restart}) {
		t.Errorf("what a restart changes: got %v, want %v", got, want.Restart)
	}
}
