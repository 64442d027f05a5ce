package natslab

import "errors"

// port is a TCP port of 127.0.0.1 that stays reserved while no server listens on it: ports must be known before the
// servers of a cluster start, and must still be free when a server is restarted.
type port struct {
	number  int
	release func()
}

// ports are the ports of one server. Unused ports are zero.
type ports struct{ client, cluster, gateway, leaf port }

// reservePorts reserves a client port (the given one, or a free one if it is 0) and the other ports that are
// requested.
func reservePorts(client int, cluster, gateway, leaf bool) (ports, error) {
	var p ports
	var errs []error
	reserve := func(to *port, number int, wanted bool) {
		if !wanted || len(errs) > 0 {
			return
		}
		var err error
		if *to, err = reservePort(number); err != nil {
			errs = append(errs, err)
		}
	}
	reserve(&p.client, client, true)
	reserve(&p.cluster, 0, cluster)
	reserve(&p.gateway, 0, gateway)
	reserve(&p.leaf, 0, leaf)
	if len(errs) > 0 {
		p.free()
		return ports{}, errors.Join(errs...)
	}
	return p, nil
}

// free releases the ports.
func (p ports) free() {
	for _, one := range []port{p.client, p.cluster, p.gateway, p.leaf} {
		if one.release != nil {
			one.release()
		}
	}
}
