package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// storage is the storage limit of JetStream, in bytes. Accounts reserve storage without using it.
const storage = 1 << 42

// lab holds the servers. Each is behind a proxy that counts requests, and behind one that also adds latency.
type lab struct {
	buckets, accounts endpoint
	stops             []func()
}

// endpoint is a server for resources.
type endpoint struct {
	near, far *natslab.Proxy
	// block holds the lines of the provider block other than the servers.
	block string
}

func startLab(ctx context.Context, dir string, latency time.Duration) (l *lab, err error) {
	l = &lab{}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	operator, err := natslab.NewOperator("bench")
	if err != nil {
		return nil, err
	}
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		return nil, err
	}
	if l.buckets, err = l.endpoint(ctx, filepath.Join(dir, "buckets"), latency); err != nil {
		return nil, err
	}
	l.accounts, err = l.endpoint(ctx, filepath.Join(dir, "accounts"), latency, natslab.OperatorMode(operator))
	if err != nil {
		return nil, err
	}
	l.accounts.block = fmt.Sprintf("  operator = {\n    signing_key        = %q\n    system_credentials = %q\n  }\n",
		operator.SigningKeySeed(), system)
	return l, nil
}

func (l *lab) endpoint(
	ctx context.Context, dir string, latency time.Duration, options ...natslab.Option,
) (e endpoint, err error) {
	server, err := natslab.Start(ctx, natslab.NewOptions(append(options,
		natslab.StoreDir(dir), natslab.MaxStore(storage))...))
	if err != nil {
		return e, err
	}
	l.stops = append(l.stops, server.Stop)
	for _, proxy := range []**natslab.Proxy{&e.near, &e.far} {
		if *proxy, err = natslab.StartProxy(server.ClientURL()); err != nil {
			return e, err
		}
		l.stops = append(l.stops, (*proxy).Stop)
	}
	e.far.SetLatency(latency/2, latency/2)
	return e, nil
}

// stop stops everything in reverse order.
func (l *lab) stop() {
	for _, stop := range slices.Backward(l.stops) {
		stop()
	}
}
