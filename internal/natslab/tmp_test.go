package natslab

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func TestTmp(t *testing.T) {
	for range 3 {
		for _, d := range []int{20, 50, 80, 110, 150} {
			server.SetGatewaysSolicitDelay(time.Duration(d) * time.Millisecond)
			for range 5 {
				start := time.Now()
				c, err := StartSuperCluster(testContext(t), 3, []string{"east", "west"}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				up := time.Since(start)
				c.Stop()
				t.Log("RES", d, up.Round(10*time.Millisecond))
			}
		}
	}
}
