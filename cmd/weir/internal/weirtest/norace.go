//go:build !race

package weirtest

const race = false
