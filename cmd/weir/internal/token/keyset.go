package token

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/keyfunc/v3"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// keySet is the keys behind a URL. They are fetched in the background, and what
// was fetched last is used until the next fetch succeeds.
type keySet struct {
	config.JWKS
	client *http.Client
	log    *slog.Logger
	keys   atomic.Pointer[[]key] // nil: never fetched
	asks   chan chan struct{}    // each is closed when a fetch that began later is over

	asked struct {
		sync.Mutex           // guards the following
		last       time.Time // when the last fetch was asked for
	}
	every time.Duration // askEvery, but for tests
	ended chan struct{} // closed when run has returned
}

// openKeySet starts to fetch a set, until ctx ends; ended is closed then.
func openKeySet(ctx context.Context, c config.JWKS, log *slog.Logger) *keySet {
	s := &keySet{
		JWKS: c, log: log, asks: make(chan chan struct{}), every: askEvery, ended: make(chan struct{}),
		client: &http.Client{Timeout: fetchTime},
	}
	go s.run(ctx) // ends with ctx; Verifier.Close waits
	return s
}

func (s *keySet) run(ctx context.Context) {
	defer close(s.ended)
	timer := time.NewTicker(s.Refresh)
	defer timer.Stop()
	for waiting := []chan struct{}(nil); ; {
		if err := s.fetch(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the keys of tokens cannot be fetched; those that are there stay", "url", s.URL, "error", err)
		}
		for _, w := range waiting {
			close(w)
		}
		waiting = nil
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case w := <-s.asks:
			waiting = append(waiting, w)
		}
	}
}

// fetch replaces the keys by those behind the URL. Keys of no use here are left
// out.
func (s *keySet) fetch(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxSetBytes+1))
	if err != nil {
		return err
	}
	keys, err := parseSet(text, s.Algs)
	if err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

// parseSet reads a JSON Web Key Set (RFC 7517, 5) and keeps the public keys
// that verify signatures of the algorithms that are allowed.
func parseSet(text []byte, allowed []string) ([]key, error) {
	if len(text) > maxSetBytes {
		return nil, fmt.Errorf("the set has more than %d bytes", maxSetBytes)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("it is no key set: %w", err)
	}
	if len(set.Keys) > maxSetKeys {
		return nil, fmt.Errorf("the set has %d keys; %d are the most", len(set.Keys), maxSetKeys)
	}
	var keys []key
	for _, raw := range set.Keys {
		if k, ok := parseSetKey(raw, allowed); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the set verifies %v", len(set.Keys), allowed)
	}
	return keys, nil
}

// parseSetKey reads one key; one that others may use, and weir may not, is not
// an error.
func parseSetKey(raw json.RawMessage, allowed []string) (key, bool) {
	var about struct {
		ID   string `json:"kid"`
		Alg  string `json:"alg"`
		Use  string `json:"use"`
		Type string `json:"kty"`
	}
	// A symmetric key that is published is a secret of nobody.
	if json.Unmarshal(raw, &about) != nil || about.Type == "oct" || about.Use != "" && about.Use != "sig" {
		return key{}, false
	}
	one, err := keyfunc.NewJWKJSON(raw)
	if err != nil {
		return key{}, false
	}
	values, err := one.VerificationKeySet(context.Background()) // it is in memory
	if err != nil || len(values.Keys) != 1 {
		return key{}, false
	}
	k := key{id: about.ID, value: values.Keys[0]}
	algs, err := algsOf(k.value)
	if err != nil {
		return key{}, false
	}
	for _, alg := range algs {
		if slices.Contains(allowed, alg) && (about.Alg == "" || about.Alg == alg) {
			k.algs = append(k.algs, alg)
		}
	}
	return k, len(k.algs) > 0
}

// find returns the keys for an algorithm and a kid. If there is none it has the
// set fetched, and waits for that, unless it was just fetched.
func (s *keySet) find(ctx context.Context, alg, kid string) ([]key, error) {
	if !slices.Contains(s.Algs, alg) { // no set will have a key for it
		return nil, nil
	}
	if keys := s.fitting(alg, kid); len(keys) > 0 {
		return keys, nil
	}
	s.ask(ctx)
	keys := s.fitting(alg, kid)
	if len(keys) == 0 && s.keys.Load() == nil {
		return nil, ErrUnavailable
	}
	return keys, nil
}

func (s *keySet) fitting(alg, kid string) (found []key) {
	keys := s.keys.Load()
	if keys == nil {
		return nil
	}
	for _, k := range *keys {
		if k.fits(alg, kid) || kid == "" && slices.Contains(k.algs, alg) {
			found = append(found, k)
		}
	}
	return found
}

// ask has the set fetched and waits until it is, for a bounded time. It returns
// at once when that was asked for a moment ago: whoever sends tokens with kids
// of his own makes no more than a fetch every askEvery.
func (s *keySet) ask(ctx context.Context) {
	s.asked.Lock()
	soon := time.Since(s.asked.last) < s.every
	if !soon {
		s.asked.last = time.Now()
	}
	s.asked.Unlock()
	if soon {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	done := make(chan struct{})
	select {
	case s.asks <- done:
	case <-s.ended:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-s.ended:
	case <-ctx.Done():
	}
}
