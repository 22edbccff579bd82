package spelling

import "testing"

func TestNearest(t *testing.T) {
	flags := []string{"listen", "loops", "workers", "max-message", "max-fragments", "keepalive", "stats", "lock-memory", "cpuprofile", "warn", "max_topics_per_conn", "max_pending_bytes"}
	for _, test := range []struct {
		word string
		want string
	}{
		{"lisen", "listen"},
		{"lsiten", "listen"},
		{"LISTEN", "listen"},
		{"loop", "loops"},
		{"max-mesage", "max-message"},
		{"max-fragment", "max-fragments"},
		{"keep-alive", "keepalive"},
		{"cpu-profile", "cpuprofile"},
		{"lock", "lock-memory"},
		{"warning", "warn"},
		{"max_channels_per_conn", "max_topics_per_conn"},
		{"max_pending", "max_pending_bytes"},
		{"max_size", ""},
		{"port", ""},
		{"l", ""},
		{"", ""},
	} {
		t.Run(test.word, func(t *testing.T) {
			got, ok := Nearest(test.word, flags)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, test.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"serve", "srve", 1},
		{"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q): got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
