package claims

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

func TestAccountProblems(t *testing.T) {
	k := newKeys(t)
	at := time.Unix(1700000000, 0)
	good := func() *Account { return goodAccount(k) }
	signer := newSigner(t, natsconn.AccountKey)
	activation := func(change func(*Activation)) string {
		a := &Activation{Claims: Claims{PublicKey: k.account}, Subject: "time.>", Type: Service, IssuerAccount: k.other}
		change(a)
		token, err := a.Sign(t.Context(), signer, SystemClock{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := func(change func(*Activation)) func(*Account) {
		return func(a *Account) { a.Imports[0].Token = activation(change) }
	}
	export := func(change func(*Export)) func(*Account) { return func(a *Account) { change(&a.Exports[0]) } }
	stream := func(change func(*Export)) func(*Account) { return func(a *Account) { change(&a.Exports[1]) } }
	service := func(change func(*Import)) func(*Account) { return func(a *Account) { change(&a.Imports[0]) } }
	template := func(change func(*UserLimits)) func(*Account) {
		return func(a *Account) { change(&a.SigningKeys[1].Scope.Template) }
	}
	mapped := func(to ...Destination) func(*Account) {
		return func(a *Account) { a.Mappings = map[string][]Destination{"m.*": to} }
	}
	subscribe := func(subject string) func(*Account) {
		return func(a *Account) { a.DefaultPermissions.Subscribe.Allow = []string{subject} }
	}
	rows := map[string]problemRow[Account]{
		"a public key of another kind": {func(a *Account) { a.PublicKey = k.user }, "PublicKey", "It is the public key of a user"},
		"a seed for a public key":      {func(a *Account) { a.PublicKey = k.seed }, "PublicKey", "may be a seed"},
		"a broken seed":                {func(a *Account) { a.SigningKeys[0].PublicKey = k.seed[:50] }, "SigningKeys[0].PublicKey", "may be a seed"},
		"a broken public key":          {func(a *Account) { a.PublicKey = k.account[:55] }, "PublicKey", "starts with A and has 56"},
		"no name":                      {func(a *Account) { a.Name = "" }, "Name", "missing"},
		"a newline in the name":        {func(a *Account) { a.Name = "a\nb" }, "Name", "is a line break"},
		"a space after the name":       {func(a *Account) { a.Name = "a " }, "Name", "space"},
		"a name that is not UTF-8":     {func(a *Account) { a.Name = "a\xff" }, "Name", "UTF-8"},
		"audience":                     {func(a *Account) { a.Audience = "a\x00" }, "Audience", "ends with a NUL"},
		"a tag in upper case":          {func(a *Account) { a.Tags[1] = "Prod:EU" }, "Tags[1]", `write "prod:eu"`},
		"a tag twice":                  {func(a *Account) { a.Tags[1] = "prod" }, "Tags[1]", "at index 0"},
		"an empty tag":                 {func(a *Account) { a.Tags[0] = " " }, "Tags[0]", "empty"},
		"expires in between":           {func(a *Account) { a.Expires = a.Expires.Add(time.Millisecond) }, "Expires", "not a whole second"},
		"valid before 1970":            {func(a *Account) { a.NotBefore = time.Unix(-5, 0) }, "NotBefore", "before 1970"},
		"expires before it is valid":   {func(a *Account) { a.Expires = a.NotBefore.Add(-time.Hour) }, "Expires", "is never valid"},
		"expires as it gets valid":     {func(a *Account) { a.Expires = a.NotBefore }, "Expires", "is never valid"},

		"a long description":   {func(a *Account) { a.Description = strings.Repeat("a", 8193) }, "Description", "8193 bytes"},
		"a URL without scheme": {func(a *Account) { a.InfoURL = "example.com/x" }, "InfoURL", "absolute"},
		"a long URL":           {func(a *Account) { a.InfoURL = "https://a/" + strings.Repeat("a", 8192) }, "InfoURL", "bytes"},
		"a broken URL":         {func(a *Account) { a.InfoURL = "https://[::1" }, "InfoURL", "absolute"},

		"a negative limit":    {func(a *Account) { a.Limits.Connections = new(int64(-2)) }, "Limits.Connections", "negative"},
		"-1 for no limit":     {func(a *Account) { a.Limits.Data = new(int64(-1)) }, "Limits.Data", "Remove it for no limit"},
		"more than 32 bits":   {func(a *Account) { a.Limits.Payload = new(int64(1 << 31)) }, "Limits.Payload", "more than nats-server supports"},
		"too many imports":    {func(a *Account) { a.Limits.Imports = new(int64(5)) }, "Limits.Imports", "has 6 imports and a limit of 5"},
		"too many exports":    {func(a *Account) { a.Limits.Exports = new(int64(0)) }, "Limits.Exports", "has 3 exports and a limit of 0"},
		"no storage at all":   {func(a *Account) { a.JetStream.DiskStorage = new(int64(0)) }, "JetStream", "JetStream is off"},
		"negative storage":    {func(a *Account) { a.JetStream.MemoryStorage = new(int64(-7)) }, "JetStream.MemoryStorage", "negative"},
		"a stream of nothing": {func(a *Account) { a.JetStream.DiskMaxStreamBytes = new(int64(0)) }, "JetStream.DiskMaxStreamBytes", "0 means no limit here"},
		"flat and tiered":     {func(a *Account) { a.Tiers = map[string]JetStream{"R1": {}} }, "Tiers", "mutually exclusive"},
		"a tier of its own": {func(a *Account) { a.JetStream, a.Tiers = nil, map[string]JetStream{"gold": {}} },
			`Tiers["gold"]`, "R1 to R5"},
		"a tier without name": {func(a *Account) { a.JetStream, a.Tiers = nil, map[string]JetStream{"": {}} }, `Tiers[""]`, "R1 to R5"},
		"a tier's negative limit": {func(a *Account) { a.JetStream, a.Tiers = nil, map[string]JetStream{"R3": {Consumers: new(int64(-3))}} },
			`Tiers["R3"].Consumers`, "negative"},
		"tiers without storage": {func(a *Account) {
			a.JetStream, a.Tiers = nil, map[string]JetStream{"R1": {MemoryStorage: new(int64(0)), DiskStorage: new(int64(0))}}
		}, "Tiers", "JetStream is off"},

		"an export's type":               {func(a *Account) { a.Exports[2] = Export{Subject: "chunks", Type: "queue"} }, "Exports[2].Type", `"queue" is not a type`},
		"an export's name":               {export(func(e *Export) { e.Name = "\t" }), "Exports[0].Name", "starts with a tab"},
		"an export without subject":      {func(a *Account) { a.Exports[2].Subject = "" }, "Exports[2].Subject", "missing"},
		"a space in a subject":           {stream(func(e *Export) { e.Subject = "a b" }), "Exports[1].Subject", "space"},
		"a no-break space in a subject":  {stream(func(e *Export) { e.Subject = "a\u00a0b" }), "Exports[1].Subject", "space"},
		"a control character in it":      {stream(func(e *Export) { e.Subject = "a\x01" }), "Exports[1].Subject", "control character"},
		"a subject that is not UTF-8":    {stream(func(e *Export) { e.Subject = "a\xff" }), "Exports[1].Subject", "UTF-8"},
		"an empty token":                 {stream(func(e *Export) { e.Subject = "a..b" }), "Exports[1].Subject", "dot"},
		"a dot at the end":               {stream(func(e *Export) { e.Subject = "a." }), "Exports[1].Subject", "dot"},
		"> in the middle":                {stream(func(e *Export) { e.Subject = "a.>.b" }), "Exports[1].Subject", "not the last token"},
		"a partial wildcard":             {stream(func(e *Export) { e.Subject = "KV_*" }), "Exports[1].Subject", "not a wildcard"},
		"a partial >":                    {stream(func(e *Export) { e.Subject = "a.b>" }), "Exports[1].Subject", "not a wildcard"},
		"wildcards that are not allowed": {func(a *Account) { a.Limits.NoWildcardExports, a.Exports = true, a.Exports[1:] }, "Exports[0].Subject", "forbid wildcards"},
		"an export twice":                {func(a *Account) { a.Exports = append(a.Exports, a.Exports[2]) }, "Exports[3].Subject", "already"},
		"an export in another": {func(a *Account) { a.Exports = append(a.Exports, Export{Subject: "orders.x", Type: Stream}) },
			"Exports[3].Subject", `as "orders.>" at index 1`},
		"an export around another": {func(a *Account) {
			a.Exports = append(a.Exports, Export{Subject: "chunks.>", Type: Service}, Export{Subject: "chunks.a", Type: Service})
		},
			"Exports[4].Subject", `as "chunks.>" at index 3`},
		"a narrower export first": {func(a *Account) { a.Exports = append(a.Exports, Export{Subject: "*", Type: Service}) },
			"Exports[2].Subject", `as "*" at index 3`},
		"a response type":                    {func(a *Account) { a.Exports[2].ResponseType = "Many" }, "Exports[2].ResponseType", "Singleton, Stream, Chunked"},
		"a response type of a stream":        {stream(func(e *Export) { e.ResponseType = "Singleton" }), "Exports[1].ResponseType", "applies to services"},
		"a stream's latency":                 {stream(func(e *Export) { e.Latency = &Latency{Results: "l"} }), "Exports[1].Latency", "applies to services"},
		"a stream's threshold":               {stream(func(e *Export) { e.ResponseThreshold = time.Second }), "Exports[1].ResponseThreshold", "applies to services"},
		"a stream export that allows traces": {stream(func(e *Export) { e.AllowTrace = true }), "Exports[1].AllowTrace", "applies to services"},
		"a negative threshold":               {export(func(e *Export) { e.ResponseThreshold = -1 }), "Exports[0].ResponseThreshold", "negative"},
		"a latency's sampling":               {export(func(e *Export) { e.Latency.Sampling = 101 }), "Exports[0].Latency.Sampling", "101 percent"},
		"a latency's wildcard":               {export(func(e *Export) { e.Latency.Results = "l.*" }), "Exports[0].Latency.Results", "contains a wildcard"},
		"a latency without results":          {export(func(e *Export) { e.Latency.Results = "" }), "Exports[0].Latency.Results", "missing"},
		"a latency of many responses":        {export(func(e *Export) { e.ResponseType = "Stream" }), "Exports[0].Latency", "single response"},
		"a latency into a service":           {export(func(e *Export) { e.Latency.Results = "chunks" }), "Exports[0].Latency.Results", "exported as a service"},
		"an account position too far":        {export(func(e *Export) { e.AccountTokenPosition = 4 }), "Exports[0].AccountTokenPosition", "Token 4"},
		"an account position on a word":      {export(func(e *Export) { e.AccountTokenPosition = 1 }), "Exports[0].AccountTokenPosition", "is not *"},
		"an account position on >":           {stream(func(e *Export) { e.AccountTokenPosition = 2 }), "Exports[1].AccountTokenPosition", "is not *"},
		"an export's URL":                    {export(func(e *Export) { e.InfoURL = "x" }), "Exports[0].InfoURL", "absolute"},
		"an export's description":            {export(func(e *Export) { e.Description = strings.Repeat("a", 9000) }), "Exports[0].Description", "9000 bytes"},
		"an export that revokes a user": {export(func(e *Export) { e.Revocations = map[string]time.Time{k.user: at} }),
			`Exports[0].Revocations["` + k.user + `"]`, "the public key of an account"},

		"an import's type":                {service(func(i *Import) { i.Type, i.Share = "", false }), "Imports[0].Type", "is not a type"},
		"an import from nowhere":          {service(func(i *Import) { i.Account = "" }), "Imports[0].Account", "missing"},
		"an import from a user":           {service(func(i *Import) { i.Account = k.user }), "Imports[0].Account", "is needed, which starts with"},
		"an import from itself":           {service(func(i *Import) { i.Account = k.account }), "Imports[0].Account", "from itself"},
		"an import without subject":       {service(func(i *Import) { i.Subject, i.LocalSubject = "", "" }), "Imports[0].Subject", "missing"},
		"an import's name":                {service(func(i *Import) { i.Name = "a\r" }), "Imports[0].Name", "ends with a carriage return"},
		"local subject and to":            {service(func(i *Import) { i.To = "x" }), "Imports[0].To", "older form"},
		"a reference out of range":        {service(func(i *Import) { i.LocalSubject = "local.$2" }), "Imports[0].LocalSubject", "does not have"},
		"the reference $0":                {service(func(i *Import) { i.LocalSubject = "local.$0" }), "Imports[0].LocalSubject", "does not have"},
		"a missing reference":             {service(func(i *Import) { i.LocalSubject = "local" }), "Imports[0].LocalSubject", "each wildcard"},
		"a reference twice":               {func(a *Account) { a.Imports[1].LocalSubject = "b.$1.$1.>" }, "Imports[1].LocalSubject", "twice"},
		"a star for a wildcard named too": {func(a *Account) { a.Imports[1].LocalSubject = "b.*.$1.>" }, "Imports[1].LocalSubject", "twice"},
		"only one ends in >":              {func(a *Account) { a.Imports[1].LocalSubject = "b.$1.$2" }, "Imports[1].LocalSubject", "must end in >"},
		"a local subject with a space":    {service(func(i *Import) { i.LocalSubject = "local $1" }), "Imports[0].LocalSubject", "space"},
		"a prefix with a wildcard":        {func(a *Account) { a.Imports[3].To = "p.*" }, "Imports[3].To", "wildcard"},
		"a service's to":                  {func(a *Account) { a.Imports[4].To = "ask.*" }, "Imports[4].To", "each wildcard"},
		"sharing of a stream":             {func(a *Account) { a.Imports[3].Share = true }, "Imports[3].Share", "applies to services"},
		"traces of a service":             {service(func(i *Import) { i.AllowTrace = true }), "Imports[0].AllowTrace", "applies to streams"},
		"a stream imported twice": {func(a *Account) {
			a.Imports = append(a.Imports, Import{Subject: "old", Type: Stream, Account: k.other})
		},
			"Imports[6].Subject", "at index 3"},
		"services that overlap": {func(a *Account) {
			a.Imports = append(a.Imports, Import{Subject: "z", Type: Service, Account: k.other, LocalSubject: "local.x"})
			a.Imports[6].Subject, a.Imports[6].LocalSubject = "local.x", ""
		}, "Imports[6].Subject", `overlaps with "local.*" of the import at index 0`},
		"local subjects that overlap": {func(a *Account) {
			a.Imports = append(a.Imports, Import{Subject: "z", Type: Service, Account: k.other, LocalSubject: "local.x"})
		}, "Imports[6].LocalSubject", "overlaps"},
		"one request to two services": {func(a *Account) {
			a.Imports = append(a.Imports, Import{Subject: "ask.here", Type: Service, Account: k.other, To: "ask.elsewhere"})
		}, "Imports[6].Subject", "already go to the import at index 4"},

		"not a token":                 {service(func(i *Import) { i.Token = "eyJ" }), "Imports[0].Token", "not an activation token"},
		"a token of another account":  {token(func(a *Activation) { a.IssuerAccount = k.signing }), "Imports[0].Token", "not issued by"},
		"a token for another account": {token(func(a *Activation) { a.PublicKey = k.signing }), "Imports[0].Token", "not for this account"},
		"a token for a stream":        {token(func(a *Activation) { a.Type = Stream }), "Imports[0].Token", "is for a stream"},
		"a token for another subject": {token(func(a *Activation) { a.Subject = "date.>" }), "Imports[0].Token", "does not include"},
		"a token that is not valid":   {token(func(a *Activation) { a.Subject = "time.>"; a.Name = "a\n" }), "Imports[0].Token", "ends with a line break"},

		"a signing key of a user": {func(a *Account) { a.SigningKeys[0].PublicKey = k.user }, "SigningKeys[0].PublicKey", "is needed, which starts with"},
		"a scoped key of a user":  {func(a *Account) { a.SigningKeys[1].PublicKey = k.user }, "SigningKeys[1].PublicKey", "is needed, which starts with"},
		"a signing key twice":     {func(a *Account) { a.SigningKeys[1].PublicKey = k.signing }, "SigningKeys[1].PublicKey", "at index 0"},
		"the identity as a key":   {func(a *Account) { a.SigningKeys[0].PublicKey = k.account }, "SigningKeys[0].PublicKey", "identity"},
		"a role":                  {func(a *Account) { a.SigningKeys[1].Scope.Role = "a\n" }, "SigningKeys[1].Scope.Role", "ends with a line break"},
		"an unknown function":     {template(func(l *UserLimits) { l.Permissions.Publish.Allow[0] = "{{host()}}" }), "SigningKeys[1].Scope.Template.Permissions.Publish.Allow[0]", "is not a function"},
		"a capital tag":           {template(func(l *UserLimits) { l.Permissions.Publish.Allow[0] = "{{Tag(x)}}" }), "SigningKeys[1].Scope.Template.Permissions.Publish.Allow[0]", "is not a function"},
		"a function and a queue": {template(func(l *UserLimits) { l.Permissions.Subscribe.Allow = []string{"{{name()}}", "a b"} }),
			"SigningKeys[1].Scope.Template.Permissions.Subscribe.Allow[1]", "drops the entry"},
		"a template's subject": {template(func(l *UserLimits) { l.Permissions.Publish.Deny = []string{"a..b"} }),
			"SigningKeys[1].Scope.Template.Permissions.Publish.Deny[0]", "dot"},
		"a template's network": {template(func(l *UserLimits) { l.SourceNetworks[0] = "192.0.2.1" }),
			"SigningKeys[1].Scope.Template.SourceNetworks[0]", "192.0.2.1/32"},
		"a template's limit":           {template(func(l *UserLimits) { l.Payload = new(int64(-4)) }), "SigningKeys[1].Scope.Template.Payload", "negative"},
		"a template's connection type": {template(func(l *UserLimits) { l.ConnectionTypes[0] = "standard" }), "SigningKeys[1].Scope.Template.ConnectionTypes[0]", "STANDARD"},
		"a template's time":            {template(func(l *UserLimits) { l.Times[1].End = "6am" }), "SigningKeys[1].Scope.Template.Times[1].End", "08:30:00"},

		"a queue to publish to":       {func(a *Account) { a.DefaultPermissions.Publish.Allow = []string{"a b"} }, "DefaultPermissions.Publish.Allow[0]", "queue"},
		"two queues":                  {subscribe("a b c"), "DefaultPermissions.Subscribe.Allow[0]", "more than one space"},
		"an empty queue":              {subscribe("a "), "DefaultPermissions.Subscribe.Allow[0]", "queue"},
		"no subject":                  {subscribe(""), "DefaultPermissions.Subscribe.Allow[0]", "missing"},
		"a permission's wildcard":     {subscribe("$KV.b*.>"), "DefaultPermissions.Subscribe.Allow[0]", "not a wildcard"},
		"a function without template": {subscribe("{{name()}}.>"), "DefaultPermissions.Subscribe.Allow[0]", "only templates"},

		"a mapping's subject":  {func(a *Account) { a.Mappings = map[string][]Destination{"a..b": {{Subject: "c", Weight: 1}}} }, `Mappings["a..b"]`, "dot"},
		"a mapping to nothing": {mapped(), `Mappings["m.*"]`, "is not mapped"},
		"an empty destination": {mapped(Destination{Weight: 1}), `Mappings["m.*"][0].Subject`, "missing"},
		"a weight of 0":        {mapped(Destination{Subject: "n.$1"}), `Mappings["m.*"][0].Weight`, "0 means 100"},
		"a weight of 101":      {mapped(Destination{Subject: "n.$1", Weight: 101}), `Mappings["m.*"][0].Weight`, "not between 1 and 100"},
		"weights of 110": {mapped(Destination{Subject: "n.$1", Weight: 60}, Destination{Subject: "o.$1", Weight: 50}),
			`Mappings["m.*"]`, "without a cluster add up to 110"},
		"weights of 110 in a cluster": {mapped(Destination{Subject: "n.$1", Weight: 60, Cluster: "eu"}, Destination{Subject: "o.$1", Weight: 50, Cluster: "eu"}),
			`Mappings["m.*"]`, `cluster "eu" add up to 110`},
		"a destination twice": {mapped(Destination{Subject: "n.$1", Weight: 6}, Destination{Subject: "n.$1", Weight: 5, Cluster: "eu"}),
			`Mappings["m.*"][1].Subject`, "at index 0"},
		"a wildcard that is not there":         {mapped(Destination{Subject: "n.$2", Weight: 1}), `Mappings["m.*"][0].Subject`, "refer to existing wildcards"},
		"a wildcard as destination":            {mapped(Destination{Subject: "n.*", Weight: 1}), `Mappings["m.*"][0].Subject`, "contains *"},
		"a destination that ends in >":         {mapped(Destination{Subject: "n.>", Weight: 1}), `Mappings["m.*"][0].Subject`, "both or neither in >"},
		"an unknown function of a destination": {mapped(Destination{Subject: "n.{{upper(1)}}", Weight: 1}), `Mappings["m.*"][0].Subject`, "is not a destination"},
		"a destination with a space":           {mapped(Destination{Subject: "n .$1", Weight: 1}), `Mappings["m.*"][0].Subject`, "space"},
		"a cluster's name":                     {mapped(Destination{Subject: "n.$1", Weight: 1, Cluster: "e u"}), `Mappings["m.*"][0].Cluster`, "space"},

		"a revoked account":    {func(a *Account) { a.Revocations = map[string]time.Time{k.other: at} }, `Revocations["` + k.other + `"]`, `write "*"`},
		"a revocation by seed": {func(a *Account) { a.Revocations = map[string]time.Time{k.seed: at} }, `Revocations["SA..."]`, "may be a seed"},
		"a revocation in between": {func(a *Account) { a.Revocations = map[string]time.Time{k.user: at.Add(1)} },
			`Revocations["` + k.user + `"]`, "not a whole second"},
		"a revocation at no time": {func(a *Account) { a.Revocations = map[string]time.Time{"*": {}} }, `Revocations["*"]`, "before 1970"},

		"an auth user that is an account": {func(a *Account) { a.Authorization.AuthUsers[0] = k.other }, "Authorization.AuthUsers[0]", "is needed, which starts with"},
		"an auth user twice": {func(a *Account) { a.Authorization.AuthUsers = []string{k.user, k.user} },
			"Authorization.AuthUsers[1]", "at index 0"},
		"an allowed user":         {func(a *Account) { a.Authorization.AllowedAccounts[1] = k.user }, "Authorization.AllowedAccounts[1]", "is needed, which starts with"},
		"all accounts and others": {func(a *Account) { a.Authorization.AllowedAccounts[1] = "*" }, "Authorization.AllowedAccounts[1]", "stand alone"},
		"no auth users":           {func(a *Account) { a.Authorization.AuthUsers = nil }, "Authorization.AuthUsers", "is not delegated"},
		"an xkey alone":           {func(a *Account) { a.Authorization = Authorization{XKey: k.curve} }, "Authorization.AuthUsers", "is not delegated"},
		"an xkey of a user":       {func(a *Account) { a.Authorization.XKey = k.user }, "Authorization.XKey", "starts with X"},

		"a trace without destination":  {func(a *Account) { a.Trace.Destination = "" }, "Trace.Destination", "missing"},
		"a trace to a wildcard":        {func(a *Account) { a.Trace.Destination = "a.>" }, "Trace.Destination", "wildcard"},
		"a trace of 0 percent":         {func(a *Account) { a.Trace.Sampling = 0 }, "Trace.Sampling", "not between 1 and 100"},
		"a trace of -1 percent":        {func(a *Account) { a.Trace.Sampling = -1 }, "Trace.Sampling", "not between 1 and 100"},
		"unknown cluster traffic":      {func(a *Account) { a.ClusterTraffic = "System" }, "ClusterTraffic", `write "system"`},
		"unknown cluster traffic text": {func(a *Account) { a.ClusterTraffic = "x" }, "ClusterTraffic", `"x" is unknown`},
	}
	checkProblems(t, good, (*Account).Problems, rows, k.seed[4:], k.seed[4:50])
	t.Run("a token that fits", func(t *testing.T) {
		for name, change := range map[string]func(*Activation){
			"it all":    func(*Activation) {},
			"its part":  func(a *Activation) { a.Subject = "time.*.now" },
			"by itself": func(a *Activation) { a.Subject = ">" },
		} {
			a := good()
			token(change)(a)
			for _, p := range a.Problems() {
				t.Errorf("%s: %s", name, p)
			}
		}
	})
	t.Run("a public key that is not known yet", func(t *testing.T) {
		a := good()
		a.PublicKey = ""
		token(func(activation *Activation) { activation.PublicKey = k.signing })(a)
		for _, p := range a.Problems() {
			t.Error(p)
		}
	})
}
