//go:build poll_opt

package poller

// gnet's tag poll_opt gives netpoll.Polling another signature, which this package does not serve.
var _ = build_without_the_tag_poll_opt
