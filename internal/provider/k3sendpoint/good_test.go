package k3sendpoint_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// goodEndpoint is an endpoint that KINE reads as intended.
type goodEndpoint struct {
	config acctest.Config
	// lab is the server to which KINE must connect, and user its user, or "" for any.
	lab  *natslab.Server
	user string
}

// goodEndpoints returns such endpoints by the name of their bucket.
func goodEndpoints(t *testing.T) map[string]goodEndpoint {
	t.Helper()
	open := natslab.Single(t)
	users := natslab.Single(t, natslab.UserPassword("u-_.~$&+;=", "p-_.~$&+;="), natslab.UserPassword("1", "2"),
		natslab.UserPassword("k3s", "correct-horse.battery_staple"))
	token, secure, mutual := natslab.Single(t, natslab.Token("t-_.~$&+;=")), natslab.Single(t,
		natslab.TLS()), natslab.Single(t, natslab.VerifyClients())
	operator := newOperatorLab(t)
	content, _ := operator.credentials(t, "unused")

	good := map[string]goodEndpoint{}
	add := func(name string, lab *natslab.Server, user string, config acctest.Config) {
		datastore := acctest.Config{"name": name, "history": 10, "replicas": 1}
		if given, ok := config["datastore"].(acctest.Config); ok {
			maps.Copy(datastore, given)
		}
		if _, ok := config["context_file"]; !ok && config["servers"] == nil {
			config["servers"] = list(lab.ClientURL())
		}
		config["datastore"], config["verify"] = datastore, "none"
		good[name] = goodEndpoint{config, lab, user}
	}
	const closed = "nats://127.0.0.1:1"
	_, port, _ := strings.Cut(strings.TrimPrefix(open.ClientURL(), "nats://"), ":")

	add("plain", open, "", acctest.Config{})
	add("A-z_0", open, "", acctest.Config{})
	add("-", open, "", acctest.Config{})
	add("_", open, "", acctest.Config{})
	add("0", open, "", acctest.Config{})
	add(strings.Repeat("n", 252), open, "", acctest.Config{})
	for _, history := range []int{2, 3, 63, 64} {
		add(fmt.Sprintf("history-%d", history), open, "", acctest.Config{"datastore": acctest.Config{"history": history}})
	}
	for name, slow := range map[string]string{"ms": "1ms", "us": "1.5us", "hours": "1h30m", "plus": "+2s"} {
		add("slow-"+name, open, "", acctest.Config{"slow_method": slow})
	}
	add("second-server", open, "", acctest.Config{"servers": list(closed, open.ClientURL())})
	add("third-server", open, "", acctest.Config{"servers": list(closed, "nats://127.0.0.1:2", open.ClientURL())})
	add("localhost", open, "", acctest.Config{"servers": list("nats://localhost:" + port)})
	add("capital-host", open, "", acctest.Config{"servers": list("nats://LOCALHOST:" + port)})
	add("safe-password", users, "u-_.~$&+;=", acctest.Config{"user": "u-_.~$&+;=", "password": "p-_.~$&+;="})
	add("digits", users, "1", acctest.Config{"user": "1", "password": "2"})
	add("second-password", users, "k3s",
		acctest.Config{"servers": list(closed, users.ClientURL()), "user": "k3s", "password": "correct-horse.battery_staple"})
	add("token", token, "", acctest.Config{"token": "t-_.~$&+;="})
	add("second-token", token, "", acctest.Config{"servers": list(closed, token.ClientURL()), "token": "t-_.~$&+;="})
	add("tls", secure, "", acctest.Config{"tls": acctest.Config{"ca_file": secure.CAFile()}})
	files := mutual.TLSFiles()
	add("mutual", mutual, "", acctest.Config{"tls": acctest.Config{"ca_file": files.CA, "cert_file": files.ClientCert,
		"key_file": files.ClientKey}})
	// File names with characters that have a meaning in a URL or in a list of URLs.
	dir := t.TempDir()
	for i, character := range []string{",", "&", "#", "%", "+", "~", " ", "=", "?", "@", ":", ";", "'", "\"", "ü", "%20"} {
		file := filepath.Join(dir, "a"+character+"b.creds")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("credentials-%d", i), operator.Server, "", acctest.Config{"credentials_file": file})
	}
	for i, character := range []string{",", "&", "#", "%", "+", "~", " ", "@", "$"} {
		text, err := json.Marshal(map[string]string{"url": users.ClientURL(), "user": "1", "password": "2",
			"jetstream_domain": "ignored"})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "a"+character+"b.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("context-%d", i), users, "1", acctest.Config{"context_file": file})
	}
	return good
}

// KINE connects to the server of each endpoint, as its user, and opens exactly its bucket.
func TestAccGoodEndpointsStartKINE(t *testing.T) {
	good := goodEndpoints(t)
	if len(good) < 30 {
		t.Fatalf("%d endpoints, want more than 30", len(good))
	}
	names := slices.Sorted(maps.Keys(good))
	configs, outputs := map[string]acctest.Config{}, map[string]any{}
	for i, name := range names {
		label := fmt.Sprintf("e%d", i)
		configs[label] = good[name].config
		outputs[label] = map[string]any{"value": fmt.Sprintf("${%s.%s.url}", resourceType, label), "sensitive": true}
	}
	w := acctest.NewWorkspace(t, acctest.ProviderConfig([]string{nowhere}))
	w.ConfigureJSON(t, "good", map[string]any{"resource": map[string]any{resourceType: configs}, "output": outputs})
	w.Apply(t)
	w.AssertEmptyPlan(t)

	var urls map[string]struct{ Value string }
	if err := json.Unmarshal([]byte(w.Must(t, "output", "-json")), &urls); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		c, url := good[name], urls[fmt.Sprintf("e%d", i)].Value
		t.Run(name, func(t *testing.T) {
			file := func(attribute string) string {
				tls, _ := c.config["tls"].(acctest.Config)
				path, _ := tls[attribute].(string)
				return path
			}
			kinelab.Run(t, url, func(config *kinelab.Config) {
				config.CAFile, config.CertFile, config.KeyFile = file("ca_file"), file("cert_file"), file("key_file")
			})
			open, err := c.lab.NATSServer().Connz(&server.ConnzOptions{Username: true})
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(open.Conns,
				func(conn *server.ConnInfo) bool { return conn.Name == "kine using bucket: "+name })
			if at < 0 {
				t.Fatalf("%s: KINE is not connected with this bucket", url)
			}
			if user := open.Conns[at].AuthorizedUser; c.user != "" && user != c.user {
				t.Errorf("%s: KINE is user %q, want %q", url, user, c.user)
			}
			if in := kine.InspectEndpoint(url); in.Error != "" || in.Spec.Name != name && in.Spec != (kine.Spec{}) {
				t.Errorf("%s: the inspection returns %+v", url, in)
			}
			datastore, _ := c.config["datastore"].(acctest.Config)
			if _, ok := c.config["credentials_file"]; ok {
				return // the lab's own connection is in another account
			}
			stream, err := openJetStream(t, c.lab.Connect(t)).Stream(t.Context(), kine.StreamName(name))
			if err != nil {
				t.Fatal(err)
			}
			if history := stream.CachedInfo().Config.MaxMsgsPerSubject; fmt.Sprint(history) != fmt.Sprint(datastore["history"]) {
				t.Errorf("%s: the history is %d, want %v", url, history, datastore["history"])
			}
		})
	}
}
