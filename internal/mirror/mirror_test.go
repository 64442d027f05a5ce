package mirror

import (
	"testing"
	"time"
)

func TestEstablish(t *testing.T) {
	t.Parallel()
	hub, edge := hubAndEdge(t)
	from, js := openAPI(t, hub.URLs(), ""), openAPI(t, edge.URLs(), "")
	makeBucket(t, from, hub.Connect(t), "kine", 50)
	for _, name := range []string{"kine", "copy"} {
		spec := Spec{Name: name, History: 10, Replicas: 1, Source: Source{Bucket: "kine", Domain: "hub"}}
		m, err := Establish(within(t, 20*time.Second), js, from, spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Spec != spec || len(m.Violations) > 0 || m.LastSequence != 50 || m.Health() != Healthy {
			t.Errorf("%+v: %s", m, m.Describe())
		}
	}
}
