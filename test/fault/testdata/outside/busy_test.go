// Package outside is a test of a proxy from a module of its own, as yours would be: copy this folder, and let the replace directive in
// go.mod point to where tcpproxy lies. The other requirements in go.mod are what tcpproxy is built of; go mod tidy writes them.
package outside

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"tcpproxy/actors"
	"tcpproxy/test/fault"
)

// TestBusyStreamSurvivesItsReader kills the reader of the client's socket four times under a busy stream: each time when bytes have been
// read and nobody has been told of them yet.
func TestBusyStreamSurvivesItsReader(t *testing.T) {
	const (
		session = "listener/session-1"
		victim  = session + "/client-reader"
		kills   = 4
		bytes   = 4 << 20
	)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // for all waits: nothing should ever take so long
	defer cancel()

	// The destination checks what arrives, and answers with a stream of its own.
	destination, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer destination.Close()
	arrived := make(chan error, 1)
	go func() {
		server, err := destination.Accept()
		if err != nil {
			arrived <- err
			return
		}
		defer server.Close()
		_ = server.SetDeadline(time.Now().Add(30 * time.Second))
		in := fault.NewStream(1)
		got := in.Expect(server, bytes)
		end := in.ExpectEnd(server)
		arrived <- errors.Join(got, end, fault.NewStream(2).Send(server, bytes))
	}()

	// The plan says whom to kill, and the watch sees what becomes of it.
	plan := fault.NewPlan(fault.At(actors.PointAfterRead, victim).Nth(2).Times(kills))
	watch := fault.NewWatch()
	proxy, err := actors.Start(actors.Config{
		Host: "127.0.0.1", Port: destination.Addr().(*net.TCPAddr).AddrPort().Port(), ListenHost: "127.0.0.1",
		Loops: 1, Fault: plan.Strike, // with one loop there is one listener, so the first client's session is session-1
	}, watch.Observe)
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
	_ = client.SetDeadline(time.Now().Add(30 * time.Second))
	out := fault.NewStream(1)
	for out.At() < bytes {
		if err := out.Send(client, 64<<10); err != nil {
			t.Fatal(err)
		}
	}
	if err := watch.Restarted(ctx, victim, kills); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	back := fault.NewStream(2)
	if saw := fault.Verdict(back.Expect(client, bytes), back.ExpectEnd(client)); saw != fault.Intact {
		t.Errorf("the client saw: %s", saw)
	}
	if saw := fault.Verdict(<-arrived); saw != fault.Intact {
		t.Errorf("the server saw: %s", saw)
	}

	// Nothing was lost, and nobody else noticed.
	if _, err := watch.Gone(ctx, session); err != nil {
		t.Error(err)
	}
	if err := watch.Quiet(ctx, proxy); err != nil {
		t.Error(err)
	}
	outcomes := watch.Outcomes()
	if len(outcomes) != kills || plan.Killed() != kills {
		t.Errorf("%d kills and %d failures, want %d", plan.Killed(), len(outcomes), kills)
	}
	for _, o := range outcomes {
		t.Log(o)
		if o.PID != victim || o.Fate != fault.Restarted || len(o.With) > 0 {
			t.Errorf("not as one-for-one has it: %v", o)
		}
	}
}
