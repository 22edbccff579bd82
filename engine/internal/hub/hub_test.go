package hub

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

type item struct {
	n     int
	place Place
}

func (i *item) Place() *Place { return &i.place }

func numbers(s *Shard[item, *item]) (all []int) {
	for _, m := range s.Append(nil) {
		all = append(all, m.n)
	}
	slices.Sort(all)
	return all
}

// A Shard holds what was added and not removed, and gives room back.
func TestModel(t *testing.T) {
	var s Shard[item, *item]
	rnd := rand.New(rand.NewPCG(1, 2))
	model := map[int]*item{}
	for i := range 20_000 {
		if grow := i < 10_000; len(model) == 0 || rnd.IntN(10) < 4 == !grow {
			m := &item{n: i}
			if !s.Add(m) {
				t.Fatal("not added")
			}
			model[i] = m
		} else {
			for n, m := range model {
				if !s.Remove(m) || s.Remove(m) {
					t.Fatal("not removed once")
				}
				delete(model, n)
				break
			}
		}
		if s.Len() != len(model) {
			t.Fatalf("Len is %d, want %d", s.Len(), len(model))
		}
	}
	var want []int
	for n := range model {
		want = append(want, n)
	}
	slices.Sort(want)
	if got := numbers(&s); !slices.Equal(got, want) {
		t.Errorf("%d members, want %d", len(got), len(want))
	}
	for _, m := range model {
		s.Remove(m)
	}
	if cap(s.members) > 64 {
		t.Errorf("room for %d is kept", cap(s.members))
	}
}

// Who was removed before he was added stays out.
func TestRemoveFirst(t *testing.T) {
	var s Shard[item, *item]
	m := new(item)
	if s.Remove(m) {
		t.Error("removed what was not in")
	}
	if s.Add(m) || s.Len() != 0 {
		t.Error("added what is gone")
	}
}

func TestAddTwice(t *testing.T) {
	var s Shard[item, *item]
	m := new(item)
	s.Add(m)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Add(m)
}

// Adding, removing and looking may happen at once.
func TestAtOnce(t *testing.T) {
	var s Shard[item, *item]
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var mine []*item
			for i := range 2000 {
				m := &item{n: i}
				s.Add(m)
				if mine = append(mine, m); len(mine) > 20 {
					s.Remove(mine[0])
					mine = mine[1:]
				}
				if i%100 == 0 {
					s.Append(nil)
				}
			}
			for _, m := range mine {
				s.Remove(m)
			}
		})
	}
	all.Wait()
	if s.Len() != 0 || len(numbers(&s)) != 0 {
		t.Errorf("%d are left", s.Len())
	}
}
