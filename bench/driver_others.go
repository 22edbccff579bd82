//go:build !linux

package bench

// newDriver opens the only driver of this system.
func newDriver(g *generator) (driver, error) { return newPortable(g), nil }
