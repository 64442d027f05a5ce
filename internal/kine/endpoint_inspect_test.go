package kine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Each part that KINE ignores, misreads or rejects is reported with a remedy, and nothing else is.
func TestInspectEndpoint(t *testing.T) {
	t.Parallel()
	const shape = "nats://h?noEmbed=true"
	for text, want := range map[string]struct {
		err string
		// warnings are parts of the expected warnings, in order.
		warnings []string
	}{
		shape: {}, "nats://u:p@h:4222,nats://[::1]:4222?": {warnings: []string{"Without noEmbed"}},
		"nats://u:p@h,nats://i": {warnings: []string{"Without noEmbed"}},

		"h:4222":                            {err: "KINE has no driver for an endpoint that does not begin with nats://"},
		"tls://h":                           {err: "no driver"},
		"ws://h":                            {err: "no driver"},
		"NATS://h":                          {err: "no driver"},
		"":                                  {err: "no driver"},
		"jetstream://h":                     {err: "KINE requires a complete URL after jetstream://", warnings: []string{"selects an old driver"}},
		"jetstream://" + shape:              {warnings: []string{"selects an old driver"}},
		shape + ",tls://i":                  {err: "the text after the comma before URL 2 does not begin with nats://"},
		"nats://h ost":                      {err: "URL 1 of the endpoint cannot be parsed"},
		shape + "&replicas=0":               {err: "the parameter replicas is 0, but KINE accepts 1 to 5"},
		shape + "&replicas=6":               {err: "the parameter replicas is 6"},
		shape + "&revHistory=1":             {err: "the parameter revHistory is 1, but KINE accepts 2 to 64"},
		shape + "&revHistory=65":            {err: "revHistory is 65"},
		shape + "&slowMethod=1":             {err: "slowMethod is not a duration"},
		shape + "&a=%zz":                    {err: "the parameters of the endpoint cannot be parsed"},
		shape + "&contextFile=/c":           {err: "KINE does not accept a host together with contextFile"},
		"nats://?noEmbed&contextFile=/c":    {},
		"nats://u:p@?noEmbed&contextFile=/": {warnings: []string{"The context file defines servers and credentials"}},

		shape + "&replicas=three":    {warnings: []string{"so KINE uses its default, 1. Set a number from 1 to 5."}},
		shape + "&replicas=-1":       {warnings: []string{"The parameter replicas is not an integer"}},
		shape + "&replicas=3.0":      {warnings: []string{"The parameter replicas is not an integer"}},
		shape + "&replicas=300":      {warnings: []string{"The parameter replicas is not an integer"}},
		shape + "&revHistory=x":      {warnings: []string{"its default, 10. Set a number from 2 to 64."}},
		shape + "&revHistory=256":    {warnings: []string{"The parameter revHistory is not an integer"}},
		shape + "&Bucket=x":          {warnings: []string{`KINE ignores the parameter "Bucket"`}},
		shape + "&bucket=x&bucket=y": {warnings: []string{"The parameter bucket is set 2 times"}},
		shape + "&bucket=":           {warnings: []string{"The parameter bucket is empty"}},
		shape + "&bucket=a.b":        {warnings: []string{"The server refuses the bucket"}},
		shape + "&slowMethod=-1s":    {warnings: []string{"KINE logs every call as slow"}},
		shape + "&credsFile=/a+b":    {warnings: []string{"reads a + in the parameters as a space"}},
		shape + "&credsFile=~/c":     {warnings: []string{"KINE does not expand the ~"}},
		shape + "&credsFile=c":       {warnings: []string{"is relative to the directory in which k3s is started"}},
		"nats://h?noEmbed=false":     {warnings: []string{"KINE treats noEmbed as true, whatever its value is"}},
		shape + "&serverConfig=/c": {warnings: []string{"KINE ignores the parameters of the embedded server " +
			"(dataDir, dontListen, serverConfig, stdoutLogging)"}},
		"nats://?serverConfig=/c":           {warnings: []string{"has no embedded server", "listens on a random port", "has no host"}},
		"nats://h/path?noEmbed":             {warnings: []string{"ignores the path or fragment of URL 1"}},
		"nats://h?noEmbed#f":                {warnings: []string{"ignores the path or fragment of URL 1"}},
		shape + ",nats://i?bucket=x":        {warnings: []string{"ignores the credentials and parameters of URL 2"}},
		shape + ",nats://u:p@i":             {warnings: []string{"ignores the credentials and parameters of URL 2"}},
		shape + ",nats://h":                 {warnings: []string{"has the same server as another URL"}},
		"nats://h:0?noEmbed":                {warnings: []string{"port 0 is not between 1 and 65535"}},
		"nats://h:99999?noEmbed":            {warnings: []string{"port 99999 is not between 1 and 65535"}},
		"nats://?noEmbed":                   {warnings: []string{"has no host"}},
		"nats://u:p%40s@h?noEmbed":          {warnings: []string{"KINE sends percent-encoded"}},
		"nats://t%2Fk@h?noEmbed":            {warnings: []string{"KINE sends percent-encoded"}},
		"nats://@h?noEmbed":                 {warnings: []string{"has an @ without a user"}},
		"nats://u:@h?noEmbed":               {warnings: []string{"KINE sends the other one empty"}},
		"nats://:p@h?noEmbed":               {warnings: []string{"KINE sends the other one empty"}},
		"nats://[fe80::1%25e]?noEmbed":      {err: "the address of URL 1 has a zone", warnings: []string{"URL 1: not a URL"}},
		"jetstream://nats://h?dataDir=/d":   {warnings: []string{"selects an old driver"}},
		"nats://u:p@h?noEmbed&credsFile=/c": {warnings: []string{"and the server ignores one of them"}},
		"nats://u:p/w@h?noEmbed":            {err: "cannot be parsed"},
		"nats://u:1/w@h?noEmbed":            {warnings: []string{"has an @ that does not end its credentials"}},
		"nats://h?noEmbed&credsFile=/a@b":   {warnings: []string{"has an @ that does not end its credentials"}},
		"nats://u:p,w@h?noEmbed":            {err: "cannot be parsed"},
		"nats://u:1,w@h?noEmbed":            {err: "the text after the comma before URL 2 does not begin with nats://"},
	} {
		in := InspectEndpoint(text)
		if want.err == "" && in.Error != "" || !strings.Contains(in.Error, want.err) {
			t.Errorf("%q: the error is %q, want %q", text, in.Error, want.err)
		}
		if len(in.Warnings) != len(want.warnings) {
			t.Errorf("%q: the warnings are %q, want %q", text, in.Warnings, want.warnings)
			continue
		}
		for i, part := range want.warnings {
			if !strings.Contains(in.Warnings[i], part) {
				t.Errorf("%q: warning %d is %q, want %q", text, i, in.Warnings[i], part)
			}
		}
	}
}

// The embedded settings of an endpoint are read as a build with an embedded server reads them.
func TestInspectEmbedded(t *testing.T) {
	t.Parallel()
	in := InspectEndpoint("nats://127.0.0.1:4223?serverConfig=/c&dataDir=/d&dontListen&stdoutLogging=false")
	if want := (Embedded{ServerConfig: "/c", DataDir: "/d", DontListen: true, LogsStdout: true, Host: "127.0.0.1",
		Port: 4223}); in.Embedded != want {
		t.Errorf("got %+v, want %+v", in.Embedded, want)
	}
}

// The inspection contains no part of a secret, wherever in the endpoint it was put without encoding.
func TestInspectionHasNoSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"s3cr3t", "s3c@r3t", "s3c/r3t", "s3c#r3t", "s3c?r3t", "s3c:r3t", "s3c,r3t", "s3c%r3t",
		"s3c&r3t", "s3c r3t", "s3c%40r3t", "12,s3c", "1/s3c", "1?s3c&bucket=s3c"} {
		for _, form := range []string{"nats://u:%s@h?bucket=b", "nats://%s@h?bucket=b", "nats://u:%s@h,nats://i",
			"nats://h,nats://u:%s@i", "jetstream://nats://u:%s@h",
			"tls://u:%s@h", "u:%s@h"} {
			if secret == "s3c:r3t" && form == "nats://%s@h?bucket=b" {
				continue // that is a user with a password, and a user is no secret
			}
			text := strings.Replace(form, "%s", secret, 1)
			if got := fmt.Sprintf("%+v", InspectEndpoint(text)); strings.Contains(got, "s3c") || strings.Contains(got, "r3t") {
				t.Errorf("%q: %s", text, got)
			}
		}
	}
}

// A secret in an unknown parameter is not shown.
func TestRedactedParameters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nats://u:p@h?bucket=b&token=s3cr3t&noEmbed,nats://i?password=s3cr3t": "nats://xxxxx@h?bucket=b&token=xxxxx&noEmbed,nats://i?password=xxxxx",
		"jetstream://nats://h?dataDir=/d&Pass=s3c=r3t":                        "jetstream://nats://h?dataDir=/d&Pass=xxxxx",
	} {
		in := InspectEndpoint(text)
		if in.Redacted != want || strings.Contains(fmt.Sprintf("%+v", in), "s3c") {
			t.Errorf("%q: got %q, want %q, in %+v", text, in.Redacted, want, in)
		}
	}
}

// KINE reads every endpoint that ParseEndpoint accepts completely, and both read the same from it.
func FuzzInspectEndpoint(f *testing.F) {
	f.Add("nats://u:p@h:4222,nats://i?bucket=b&replicas=3&revHistory=20&slowMethod=1s&noEmbed=true&credsFile=/c")
	f.Add("nats://?contextFile=/c")
	f.Fuzz(func(t *testing.T, text string) {
		in := InspectEndpoint(text)
		e, err := ParseEndpoint(text)
		if err != nil {
			return
		}
		if in.Error != "" || in.Spec != e.Spec || !slices.Equal(in.Servers, e.Servers) ||
			in.CredentialsFile != e.CredentialsFile ||
			in.ContextFile != e.ContextFile || in.User != e.User && e.User != "" {
			t.Errorf("%q: InspectEndpoint sees %+v, ParseEndpoint %+v", text, in, e)
		}
		for _, warning := range in.Warnings {
			if !strings.HasPrefix(warning, "Without noEmbed") && !strings.Contains(warning, "redacted") {
				t.Errorf("%q: %s", text, warning)
			}
		}
	})
}

// KINE treats any endpoint as the inspection says: it rejects it, or connects to that server as that user and opens
// that bucket.
func TestKINEDoesAsInspected(t *testing.T) {
	t.Parallel()
	const seed = 20
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same each time
	t.Logf("seed %d", seed)
	lab := natslab.Single(t,
		natslab.Users(natslab.User{Name: "open", Password: "open"}, natslab.User{Name: "u-_.~$&+;=", Password: "p-_.~$&+;="}),
		natslab.NoAuthUser("open"))
	host := strings.TrimPrefix(lab.ClientURL(), "nats://")
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	js := openAPI(t, lab.URLs())

	// A stream that stays: with its last stream, the server removes a directory that the next one may be about to use.
	mustCreate(t, js, Spec{Name: "stays", History: DefaultHistory, Replicas: DefaultReplicas})

	started, refused := 0, 0
	for i := range 200 {
		bucket := fmt.Sprintf("b%d", i)
		var params []string
		maybe := func(p string) {
			if p != "" {
				params = append(params, p)
			}
		}
		named := pick("bucket=", "bucket=", "bucket=", "Bucket=")
		maybe(named + bucket)
		maybe(pick("", "", "replicas=1", "replicas=three", "replicas=-1", "replicas=300", "replicas=", "replicas=0",
			"replicas=1&replicas=2"))
		maybe(pick("", "", "revHistory=5", "revHistory=64", "revHistory=2", "revHistory=x", "revHistory=256",
			"revHistory=%2B20", "revHistory=1", "revHistory=20&revHistory=30"))
		maybe(pick("", "", "slowMethod=1s", "slowMethod=-1s", "slowMethod=1h", "slowMethod=", "slowMethod=1"))
		maybe(pick("", "noEmbed", "noEmbed=false", "other=1", "dontListen", "bucket=later"))
		random.Shuffle(len(params), func(a, b int) { params[a], params[b] = params[b], params[a] })
		user := pick("", "", "u-_.~$&+;=:p-_.~$&+;=@", "@")
		first := pick(host, host, "127.0.0.1:1,nats://"+host, "127.0.0.1:1,nats://ignored:x@"+host,
			host+",nats://127.0.0.1:1")
		query := "?" + strings.Join(params, "&")
		if random.IntN(20) == 0 {
			first = "[fe80::1%25eth0]:4222,nats://" + host
		}
		if at, rest, ok := strings.Cut(first, ","); ok { // the parameters belong to the first URL
			first = at + pick(query, "/path"+query, query+"#fragment") + "," + rest + pick("", "?bucket=ignored", "/path")
		} else {
			first += pick("", "/path", "/") + query + pick("", "", "#fragment")
		}
		text := pick("nats://", "nats://", "nats://", "nats://", "jetstream://nats://", "NATS://", "tls://") + user + first

		in := InspectEndpoint(text)
		k, err := kinelab.Start(t.Context(), kinelab.Config{Endpoint: text, StartTimeout: time.Minute})
		if (err != nil) != (in.Error != "") {
			t.Errorf("%q: KINE says %v, the inspection %q", text, err, in.Error)
		}
		if err != nil {
			refused++
			continue
		}
		started++
		open, connzErr := lab.NATSServer().Connz(&server.ConnzOptions{Username: true})
		if connzErr != nil {
			t.Fatal(connzErr)
		}
		at := slices.IndexFunc(open.Conns,
			func(c *server.ConnInfo) bool { return c.Name == "kine using bucket: "+in.Spec.Name })
		user = in.User
		if user == "" {
			user = "open" // whom the server takes whoever says no name for
		}
		switch {
		case at < 0:
			t.Errorf("%q: KINE is not connected with the bucket %s", text, in.Spec.Name)
		case open.Conns[at].AuthorizedUser != user:
			t.Errorf("%q: KINE is user %q, the inspection says %q", text, open.Conns[at].AuthorizedUser, user)
		case !slices.Contains(in.Servers, lab.ClientURL()):
			t.Errorf("%q: KINE is connected to %s, the inspection says %q", text, lab.ClientURL(), in.Servers)
		}
		if found := streamConfig(t, lab.Connect(t), in.Spec.Name).contractDifferences(in.Spec, true); len(found) > 0 {
			t.Errorf("%q: the bucket that KINE has made is not %+v: %v", text, in.Spec, found)
		}
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
		if err := js.Request(t.Context(), "STREAM.DELETE."+StreamName(in.Spec.Name), nil, nil); err != nil &&
			!errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
	t.Logf("KINE has started on %d endpoints and refused %d", started, refused)
	if started < 50 || refused < 30 {
		t.Errorf("%d started and %d refused: too few of one kind to show anything", started, refused)
	}
}
