// Package clienttest has only tests: clients that are not ours talk to a
// Server, and a Client to servers that are not ours, nginx between them. What is
// not on the machine is skipped by name; with WEIR_REQUIRE_CLIENTS=1 it fails
// instead.
package clienttest
