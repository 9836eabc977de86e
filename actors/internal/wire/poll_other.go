//go:build !linux && !darwin && !freebsd

package wire

// tcpproxy waits for readiness with epoll or kqueue. Elsewhere the build ends here, with this name in the compiler's message.
var _ = tcpproxy_runs_on_linux_darwin_and_freebsd_only
