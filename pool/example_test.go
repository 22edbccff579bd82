package pool_test

import (
	"fmt"

	"github.com/weirws/weir/pool"
)

// Two holders share the bytes; they go home when both have released them.
func ExampleBuffer() {
	buf := pool.Get(5)
	buf.B = append(buf.B, "hello"...)
	shared := buf.Retain()
	buf.Release()

	fmt.Printf("%s, %d outstanding\n", shared.B, pool.Outstanding())
	shared.Release()
	fmt.Println(pool.Outstanding(), "outstanding")
	// Output:
	// hello, 1 outstanding
	// 0 outstanding
}

// What is pushed for one owner runs in order, on whatever goroutine is free.
func ExampleStrands() {
	type account struct {
		line    pool.Line[*account, int]
		balance int
	}
	workers := pool.NewWorkers(4, 0)
	strands := pool.NewStrands(workers, pool.StrandsOptions[*account, int]{
		Run: func(a *account, amount *int, left int) { a.balance += *amount },
	})

	var a account
	for amount := range 101 {
		strands.Push(&a, &a.line, amount)
	}
	workers.Close()
	fmt.Println(a.balance)
	// Output: 5050
}
