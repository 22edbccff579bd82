// Package clienttest has codec's compression checked against zlib, as Node and
// Python have it. It is all tests.
package clienttest
