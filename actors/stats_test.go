package actors

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// TestStatsCountWhileASessionRuns: bytes show before the session's end, and so does the session.
func TestStatsCountWhileASessionRuns(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cfg := DefaultConfig()
	cfg.Host, cfg.Port, cfg.ListenHost = "127.0.0.1", uint16(server.Addr().(*net.TCPAddr).Port), "127.0.0.1"
	proxy, err := Start(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		proxy.Stop()
		<-proxy.Done()
	}()
	client, err := net.Dial("tcp", proxy.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	peer, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for _, pair := range [][2]net.Conn{{client, peer}, {peer, client}} {
		if _, err := pair[0].Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(pair[1], make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if lags, err := proxy.Lag(ctx); err != nil || len(lags) != len(proxy.Stats().Loops) { // and the writers are through with their turn
		t.Fatalf("lags %v, %v", lags, err)
	}
	sum := LoopStats{}
	for _, l := range proxy.Stats().Loops {
		sum.Sessions += l.Sessions
		sum.BytesClientToServer += l.BytesClientToServer
		sum.BytesServerToClient += l.BytesServerToClient
	}
	if sum != (LoopStats{Sessions: 1, BytesClientToServer: 1000, BytesServerToClient: 1000}) {
		t.Errorf("the figures are %+v", sum)
	}
}
