package kinelab

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestMaskKineErrors makes KINE refuse endpoints of which it quotes a part, and checks the errors for secrets.
func TestMaskKineErrors(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{
		"nats://kine:hunter22@127.0.0.1:1?noEmbed",
		"nats://kine:hunter22@127.0.0.1:1,http://kine:hunter22@127.0.0.1:1",
		"nats://kine:hun%zzter22@127.0.0.1:1",
		"nats://kine:hun,ter22@127.0.0.1:1",
		"nats://kine:12,hunter22@127.0.0.1:1",
		"nats://kine:hun/ter22@127.0.0.1:1",
		"nats://kine:hun ter22@127.0.0.1:1",
		"nats://kine:hun%20ter22@127.0.0.1:1",
		"nats://hunter22@127.0.0.1:port",
		"nats:kine:hunter22@127.0.0.1",
	} {
		_, err := Start(t.Context(), Config{Endpoint: endpoint})
		if err == nil {
			t.Fatalf("KINE started on %s", endpoint)
		}
		for _, secret := range []string{"hunter", "ter22", "hun%zz", "%zz", "hun "} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %q is in %v", endpoint, secret, err)
			}
		}
		var parse *url.Error
		if errors.As(err, &parse) && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter") {
			t.Errorf("%s: with a different format, the error contains it: %#v", endpoint, err)
		}
	}
}
