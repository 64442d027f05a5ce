package main

import (
	"strings"
	"testing"
)

func TestRekey(t *testing.T) {
	got, err := rekey([]byte(`{"format_version":"1.0","provider_schemas":{"registry.terraform.io/nats-k3s/nats":{"provider":{"version":0},"x":[1,"<&>"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format_version":"1.0","provider_schemas":{"registry.terraform.io/hashicorp/nats":{"provider":{"version":0},"x":[1,"\u003c\u0026\u003e"]}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRekeyErrors(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"not JSON":            {"Error: no", "not JSON"},
		"no providers":        {`{"format_version":"1.0"}`, "0 providers"},
		"null":                {`{"provider_schemas":null}`, "0 providers"},
		"two providers":       {`{"provider_schemas":{"b":{},"a":{}}}`, `2 providers instead of one: ["a" "b"]`},
		"providers no object": {`{"provider_schemas":[]}`, "provider_schemas: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rekey([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s and error %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}
