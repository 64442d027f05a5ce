package claims

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// keys are public keys for tables of problems.
type keys struct{ operator, account, other, signing, user, curve, seed string }

func newKeys(tb testing.TB) keys {
	tb.Helper()
	_, seed, err := NewKey(natsconn.AccountKey)
	if err != nil {
		tb.Fatal(err)
	}
	return keys{
		operator: newPublic(tb, natsconn.OperatorKey), account: newPublic(tb, natsconn.AccountKey),
		other:   newPublic(tb, natsconn.AccountKey),
		signing: newPublic(tb, natsconn.AccountKey), user: newPublic(tb, natsconn.UserKey),
		curve: newPublic(tb, natsconn.CurveKey), seed: seed,
	}
}

// goodAccount is an account that uses much and has no problem.
func goodAccount(k keys) *Account {
	at := time.Unix(1700000000, 0)
	n := new(int64(1 << 30))
	return &Account{
		Claims: Claims{PublicKey: k.account, Name: "Team Ä", Tags: []string{"prod", "env:eu"}, NotBefore: at,
			Expires: at.Add(time.Hour)},
		Description: "All of\nit", InfoURL: "https://example.com/x",
		Limits: Limits{Subscriptions: n, Data: n, Payload: n, Imports: new(int64(9)), Exports: new(int64(9)),
			Connections: n, LeafNodes: new(int64(0))},
		JetStream: &JetStream{MemoryStorage: new(int64(0)), DiskStorage: n, Streams: new(int64(0)), DiskMaxStreamBytes: n},
		Exports: []Export{
			{Subject: "orders.*.new", Type: Service, ResponseType: "Singleton", TokenRequired: true, AccountTokenPosition: 2,
				Latency: &Latency{Sampling: 0, Results: "latency.orders"}, ResponseThreshold: time.Second, AllowTrace: true,
				Revocations: map[string]time.Time{k.other: at, "*": at}},
			{Subject: "orders.>", Type: Stream, Advertise: true, InfoURL: "https://example.com"},
			{Subject: "chunks", Type: Service, ResponseType: "Chunked"},
		},
		Imports: []Import{
			{Subject: "time.*.now", Type: Service, Account: k.other, LocalSubject: "local.$1", Share: true},
			{Subject: "a.*.*.>", Type: Stream, Account: k.other, LocalSubject: "b.$2.$1.>", AllowTrace: true},
			{Subject: "a.*.*.>", Type: Stream, Account: k.signing, LocalSubject: "c.*.*.>"},
			{Subject: "old", Type: Stream, Account: k.other, To: "prefix"},
			{Subject: "ask.here", Type: Service, Account: k.other, To: "ask.there"},
			{Subject: "$JS.EU.API.>", Type: Service, Account: k.other, LocalSubject: "$JS.other.API.>"},
		},
		SigningKeys: []SigningKey{
			{PublicKey: k.signing},
			{PublicKey: k.other, Scope: &Scope{Role: "reader", Template: UserLimits{
				Permissions: Permissions{
					Publish:   Permission{Allow: []string{"{{name()}}.>", "x.{{ tag(team) }}"}},
					Subscribe: Permission{Allow: []string{"_INBOX.>"}, Deny: []string{"secret.> workers"}},
					Responses: &Responses{MaxMessages: -1},
				},
				ConnectionTypes: []string{"STANDARD", "LEAFNODE_WS"}, SourceNetworks: []string{"192.0.2.0/24", "2001:db8::/32"},
				Times: []TimeRange{{"08:00:00", "18:30:00"}, {"22:00:00", "06:00:00"}}, TimesLocation: "Europe/Berlin",
			}}},
		},
		DefaultPermissions: Permissions{Subscribe: Permission{Allow: []string{"jobs.* workers.*", ">"}},
			Publish: Permission{Deny: []string{"$SYS.>"}}},
		Mappings: map[string][]Destination{
			"m.*.*": {{Subject: "n.$2.{{wildcard(1)}}", Weight: 60}, {Subject: "n.{{partition(3,1)}}", Weight: 40}, {Subject: "eu.$1.$2", Weight: 100, Cluster: "eu"}},
			"t.>":   {{Subject: "u.>", Weight: 1}},
		},
		Revocations: map[string]time.Time{k.user: at, "*": at},
		Authorization: Authorization{AuthUsers: []string{k.user}, AllowedAccounts: []string{k.other, k.signing},
			XKey: k.curve},
		Trace:          &Trace{Destination: "traces", Sampling: 100},
		ClusterTraffic: "owner",
	}
}

// problemRow is one bad value: how it comes about, where it is found, and what is said about it.
type problemRow[T any] struct {
	change     func(v *T)
	path, text string
}

// checkProblems checks that good values have no problem, and each bad one just that which is expected.
func checkProblems[T any](
	t *testing.T, good func() *T, problems func(*T) []Problem, rows map[string]problemRow[T], secrets ...string,
) {
	t.Helper()
	for _, p := range problems(good()) {
		t.Errorf("a good one: %s", p)
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			v := good()
			row.change(v)
			found := problems(v)
			if len(found) != 1 {
				t.Errorf("%d problems, not one: %v", len(found), found)
			}
			for _, p := range found {
				text := p.String()
				if want := row.path + ": "; !strings.HasPrefix(text, want) || !strings.Contains(text, row.text) {
					t.Errorf("%s\nis not %s with %q", text, want, row.text)
				}
				if strings.Contains(text, "would not be valid") {
					t.Errorf("only the library found it: %s", text)
				}
				if !strings.HasSuffix(text, ".") {
					t.Errorf("not a sentence: %s", text)
				}
				for _, s := range secrets {
					if strings.Contains(text, s) {
						t.Errorf("the text shows a seed: %s", text)
					}
				}
			}
		})
	}
}

func TestProblemsComeTogether(t *testing.T) {
	a := &Account{Exports: []Export{{Subject: "a", Type: Stream}, {Type: "x"}}, Trace: &Trace{Destination: "a b"}}
	var got []string
	for _, p := range a.Problems() {
		path, _, _ := strings.Cut(p.String(), ": ")
		got = append(got, path)
	}
	want := "Name Exports[1].Type Exports[1].Subject Trace.Destination Trace.Sampling"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, not %s", got, want)
	}
}

func TestUserProblems(t *testing.T) {
	k := newKeys(t)
	good := func() *User {
		return &User{Claims: Claims{PublicKey: k.user, Name: "u"}, IssuerAccount: k.account, UserLimits: UserLimits{
			Permissions: Permissions{Publish: Permission{Allow: []string{"a.>", "$JS.API.>"}},
				Subscribe: Permission{Allow: []string{"q workers"}}},
			Subscriptions: new(int64(5)), SourceNetworks: []string{"10.0.0.0/8"}, Times: []TimeRange{{"22:00:00", "06:00:00"}},
			TimesLocation: "Asia/Tokyo", BearerToken: true, ConnectionTypes: []string{"MQTT", "IN_PROCESS"},
		}}
	}
	checkProblems(t, good, (*User).Problems, map[string]problemRow[User]{
		"an account's key":       {func(u *User) { u.PublicKey = k.account }, "PublicKey", "the public key of a user is needed, which starts with U"},
		"no name":                {func(u *User) { u.Name = "" }, "Name", "missing"},
		"an issuer that is none": {func(u *User) { u.IssuerAccount = k.operator }, "IssuerAccount", "is needed, which starts with"},
		"a seed as the issuer":   {func(u *User) { u.IssuerAccount = k.seed }, "IssuerAccount", "may be a seed"},
		"a negative limit":       {func(u *User) { u.Subscriptions = new(int64(-1)) }, "Subscriptions", "negative"},
		"an address":             {func(u *User) { u.SourceNetworks[0] = "10.0.0.1" }, "SourceNetworks[0]", "not a network"},
		"a mask":                 {func(u *User) { u.SourceNetworks[0] = "10.0.0.1/33" }, "SourceNetworks[0]", "not a network"},
		"no start":               {func(u *User) { u.Times[0].Start = "" }, "Times[0].Start", "not a time of the day"},
		"no end":                 {func(u *User) { u.Times[0].End = "" }, "Times[0].End", "not a time of the day"},
		"the hour 24":            {func(u *User) { u.Times[0].End = "24:00:00" }, "Times[0].End", "not a time of the day"},
		"a range of nothing":     {func(u *User) { u.Times[0].End = u.Times[0].Start }, "Times[0]", "is empty"},
		"a time zone":            {func(u *User) { u.TimesLocation = "Berlin" }, "TimesLocation", "Europe/Berlin"},
		"a connection type":      {func(u *User) { u.ConnectionTypes[1] = "QUIC" }, "ConnectionTypes[1]", "LEAFNODE_WS"},
		"a connection type twice": {func(u *User) { u.ConnectionTypes = []string{"STANDARD", "STANDARD"} },
			"ConnectionTypes[1]", "at index 0"},
		"a subject":           {func(u *User) { u.Permissions.Publish.Deny = []string{".a"} }, "Permissions.Publish.Deny[0]", "dot"},
		"a subject of nobody": {func(u *User) { u.Permissions.Publish.Allow[1] = "" }, "Permissions.Publish.Allow[1]", "missing"},
		"a publishing queue":  {func(u *User) { u.Permissions.Publish.Allow[1] = "a b" }, "Permissions.Publish.Allow[1]", "queue"},
		"a function":          {func(u *User) { u.Permissions.Publish.Allow[1] = "{{ name() }}" }, "Permissions.Publish.Allow[1]", "templates"},
		"a tag":               {func(u *User) { u.Tags = []string{"A"} }, "Tags[0]", "lower case"},
	}, k.seed[4:])
	scoped := &User{Claims: Claims{PublicKey: k.user, Name: "u"}, UserLimits: ScopedUserLimits()}
	for _, p := range scoped.Problems() {
		t.Errorf("a scoped user: %s", p)
	}
}

func TestActivationProblems(t *testing.T) {
	k := newKeys(t)
	good := func() *Activation {
		return &Activation{Claims: Claims{PublicKey: k.account}, Subject: "a.*", Type: Stream, IssuerAccount: k.other}
	}
	checkProblems(t, good, (*Activation).Problems, map[string]problemRow[Activation]{
		"a user's key":   {func(a *Activation) { a.PublicKey = k.user }, "PublicKey", "is needed, which starts with"},
		"no type":        {func(a *Activation) { a.Type = "" }, "Type", "is not a type"},
		"no subject":     {func(a *Activation) { a.Subject = "" }, "Subject", "missing"},
		"a bad subject":  {func(a *Activation) { a.Subject = "a b" }, "Subject", "space"},
		"a bad issuer":   {func(a *Activation) { a.IssuerAccount = "A" }, "IssuerAccount", "not an nkey"},
		"for the issuer": {func(a *Activation) { a.PublicKey = k.other }, "PublicKey", "cannot import from itself"},
	})
}

func TestOperatorProblems(t *testing.T) {
	k := newKeys(t)
	signing := newPublic(t, natsconn.OperatorKey)
	good := func() *Operator {
		return &Operator{
			Claims: Claims{PublicKey: k.operator, Name: "o"}, SigningKeys: []string{signing},
			AccountServerURL: "https://example.com/jwt/v1",
			ServiceURLs:      []string{"nats://example.com:4222", "wss://example.com"}, SystemAccount: k.account,
			AssertServerVersion:   "2.12.0",
			StrictSigningKeyUsage: true,
		}
	}
	checkProblems(t, good, (*Operator).Problems, map[string]problemRow[Operator]{
		"an account's key":          {func(o *Operator) { o.PublicKey = k.account }, "PublicKey", "starts with O"},
		"no name":                   {func(o *Operator) { o.Name = "" }, "Name", "missing"},
		"an account signs":          {func(o *Operator) { o.SigningKeys[0] = k.account }, "SigningKeys[0]", "is needed, which starts with"},
		"a seed signs":              {func(o *Operator) { o.SigningKeys[0] = k.seed }, "SigningKeys[0]", "may be a seed"},
		"a signing key twice":       {func(o *Operator) { o.SigningKeys = []string{signing, signing} }, "SigningKeys[1]", "at index 0"},
		"the identity":              {func(o *Operator) { o.SigningKeys[0] = k.operator }, "SigningKeys[0]", "identity"},
		"strict without keys":       {func(o *Operator) { o.SigningKeys = nil }, "StrictSigningKeyUsage", "there is no signing key"},
		"a system account":          {func(o *Operator) { o.SystemAccount = k.user }, "SystemAccount", "is needed, which starts with"},
		"no scheme":                 {func(o *Operator) { o.AccountServerURL = "example.com/jwt" }, "AccountServerURL", "scheme"},
		"a broken URL":              {func(o *Operator) { o.AccountServerURL = "http://[::1" }, "AccountServerURL", "scheme"},
		"a service URL":             {func(o *Operator) { o.ServiceURLs[0] = "http://example.com" }, "ServiceURLs[0]", "nats://"},
		"a service URL's password":  {func(o *Operator) { o.ServiceURLs[1] = "tls://u:" + k.seed + "@h" }, "ServiceURLs[1]", "without credentials"},
		"an empty service URL":      {func(o *Operator) { o.ServiceURLs[1] = "" }, "ServiceURLs[1]", "nats://"},
		"a service URL with a path": {func(o *Operator) { o.ServiceURLs[1] = "nats://a/b" }, "ServiceURLs[1]", "path"},
		"a version":                 {func(o *Operator) { o.AssertServerVersion = "2.12" }, "AssertServerVersion", "2.12.0"},
		"a version's number":        {func(o *Operator) { o.AssertServerVersion = "2.x.0" }, "AssertServerVersion", "2.12.0"},
		"a negative version":        {func(o *Operator) { o.AssertServerVersion = "2.-1.0" }, "AssertServerVersion", "2.12.0"},
	}, k.seed[4:])
}
