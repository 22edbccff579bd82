package bench_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/weirws/weir/bench"
)

// A thousand connections, each with one message under way, and what one costs the
// process 4242.
func ExampleEcho() {
	result, err := bench.Echo(context.Background(), bench.EchoOptions{
		Target: bench.Target{URL: "ws://127.0.0.1:9001/echo", PID: 4242},
		Load:   bench.Load{Size: 512, Duration: 10 * time.Second},
		Conns:  1000,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := result.WriteTable(os.Stdout); err != nil {
		log.Fatal(err)
	}
	if _, err := result.WritePlots("plots"); err != nil {
		log.Fatal(err)
	}
}
