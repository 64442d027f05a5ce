package claims

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// stringPlace is a string in a value: how it is read and set, and the path of its type, such as "Exports[].Name".
type stringPlace struct {
	path string
	get  func() string
	set  func(string)
}

// stringsIn returns each string of a value, those of keys of maps too.
func stringsIn(v reflect.Value, path string) []stringPlace {
	var found []stringPlace
	switch v.Kind() {
	case reflect.String:
		found = append(found, stringPlace{path, v.String, v.SetString})
	case reflect.Pointer:
		if !v.IsNil() {
			found = stringsIn(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() {
				found = append(found, stringsIn(v.Field(i), path+"."+v.Type().Field(i).Name)...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = append(found, stringsIn(v.Index(i), path+"[]")...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			current := key
			found = append(found, stringPlace{path + "{}", current.String, func(text string) {
				value := v.MapIndex(current)
				v.SetMapIndex(current, reflect.Value{})
				current = reflect.ValueOf(text)
				v.SetMapIndex(current, value)
			}})
			if inner := v.MapIndex(key); inner.Kind() == reflect.Slice { // whose elements can be set
				found = append(found, stringsIn(inner, path+"{}")...)
			}
		}
	}
	return found
}

// stringTypes returns the paths of all strings that a type can hold.
func stringTypes(of reflect.Type, path string) []string {
	switch of.Kind() {
	case reflect.String:
		return []string{path}
	case reflect.Pointer:
		return stringTypes(of.Elem(), path)
	case reflect.Slice:
		return stringTypes(of.Elem(), path+"[]")
	case reflect.Map:
		return append(stringTypes(of.Key(), path+"{}"), stringTypes(of.Elem(), path+"{}")...)
	case reflect.Struct:
		var found []string
		for field := range of.Fields() {
			if field.IsExported() && of != reflect.TypeFor[time.Time]() {
				found = append(found, stringTypes(field.Type, path+"."+field.Name)...)
			}
		}
		return found
	}
	return nil
}

// checkInvisible puts invisible characters into every string of good values, and wants a problem for each. The values
// have each string that their type can hold.
func checkInvisible[T any](t *testing.T, good func() *T, problems func(*T) []Problem) {
	t.Helper()
	for _, p := range problems(good()) {
		t.Errorf("a good one: %s", p)
	}
	covered := map[string]bool{}
	tried := 0
	for i, at := range stringsIn(reflect.ValueOf(good()).Elem(), "") {
		covered[at.path] = covered[at.path] || at.get() != ""
		before := at.get()
		if before == "" {
			continue
		}
		additions := []string{"%s\n", "\ufeff%s", "%s\u200b", "\u00a0%s", "%s\u202e", "%s\x00", "%s\t", "%s\r\n"}
		if strings.HasSuffix(at.path, ".Description") { // may have several lines
			additions = []string{"%s\x00", "\ufeff%s", "%s\u202e", "%s\x1b"}
		}
		for _, addition := range additions {
			value := good()
			fresh := stringsIn(reflect.ValueOf(value).Elem(), "")
			decorated := fmt.Sprintf(addition, before)
			found := -1
			for j, other := range fresh { // maps have no order
				if other.path == at.path && other.get() == before && (j == i || found < 0) {
					found = j
				}
			}
			fresh[found].set(decorated)
			tried++
			if len(problems(value)) == 0 {
				t.Errorf("%s: %q has no problem", at.path, decorated)
			}
		}
	}
	for _, path := range stringTypes(reflect.TypeFor[T](), "") {
		if !covered[path] {
			t.Errorf("the value has no %s: teach the test to fill it", path)
		}
	}
	if tried < 50 {
		t.Errorf("only %d texts were tried", tried)
	}
}

// No text of claims may hold a character that nobody sees: a revocation of a key with a line break revokes nobody, and
// a name with a zero-width space is another one.
func TestInvisibleCharactersInClaims(t *testing.T) {
	k := newKeys(t)
	at := time.Unix(1700000000, 0)
	claims := func(key string) Claims {
		return Claims{PublicKey: key, Name: "a name", Tags: []string{"prod"}, Audience: "everyone", NotBefore: at,
			Expires: at.Add(time.Hour)}
	}
	limits := func() UserLimits {
		permission := func() Permission { return Permission{Allow: []string{"a.>"}, Deny: []string{"a.b"}} }
		return UserLimits{
			Permissions: Permissions{Publish: permission(), Subscribe: permission()}, SourceNetworks: []string{"192.0.2.0/24"},
			Times: []TimeRange{{"08:00:00", "18:30:00"}}, TimesLocation: "Europe/Berlin", ConnectionTypes: []string{"STANDARD"},
		}
	}
	newToken, exporter := activationTokens(t)
	t.Run("account", func(t *testing.T) {
		checkInvisible(t, func() *Account {
			a := goodAccount(k)
			a.Claims = claims(k.account)
			a.Exports[0].Name, a.Exports[0].Description, a.Exports[0].InfoURL = "orders", "Orders.\nAll.", "https://example.com/orders"
			a.Imports[0].Name = "time"
			a.Imports = append(a.Imports,
				Import{Subject: "private.data", Type: Stream, Account: exporter, Token: newToken(k.account)})
			a.SigningKeys[1].Scope.Description, a.SigningKeys[1].Scope.Template = "Readers.", limits()
			a.SigningKeys[1].Scope.Template.Permissions.Publish.Deny = []string{"{{ tag(team) }}.x"}
			a.DefaultPermissions = limits().Permissions
			a.DefaultPermissions.Subscribe.Allow = []string{"jobs.* workers"}
			a.JetStream, a.Tiers = nil, map[string]JetStream{"R1": {DiskStorage: new(int64(1))}}
			return a
		}, (*Account).Problems)
	})
	t.Run("user", func(t *testing.T) {
		checkInvisible(t, func() *User { return &User{Claims: claims(k.user), IssuerAccount: k.account, UserLimits: limits()} }, (*User).Problems)
	})
	t.Run("activation", func(t *testing.T) {
		checkInvisible(t, func() *Activation {
			return &Activation{Claims: claims(k.account), Subject: "a.*", Type: Stream, IssuerAccount: k.other}
		}, (*Activation).Problems)
	})
	t.Run("operator", func(t *testing.T) {
		signing := newPublic(t, natsconn.OperatorKey)
		checkInvisible(t, func() *Operator {
			return &Operator{
				Claims: claims(k.operator), SigningKeys: []string{signing}, AccountServerURL: "https://example.com/jwt/v1",
				ServiceURLs: []string{"nats://example.com:4222"}, SystemAccount: k.account, AssertServerVersion: "2.12.0",
			}
		}, (*Operator).Problems)
	})
}

// activationTokens returns what makes a token with which an account imports private.data, and the exporting account.
func activationTokens(t *testing.T) (newToken func(importer string) string, exporter string) {
	t.Helper()
	signer := newSigner(t, natsconn.AccountKey)
	exporter = signer.PublicKey()
	tokens := map[string]string{}
	return func(importer string) string {
		if tokens[importer] == "" {
			a := &Activation{Claims: Claims{PublicKey: importer}, Subject: "private.data", Type: Stream, IssuerAccount: exporter}
			token, err := a.Sign(t.Context(), signer, SystemClock{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			tokens[importer] = token
		}
		return tokens[importer]
	}, exporter
}

// A server takes a revocation of a key with a line break, and lets the user in whom it was meant for. It is a problem,
// so that it is never pushed.
func TestRevocationOfDecoratedKey(t *testing.T) {
	l := newClaimsLab(t)
	signer := newSigner(t, natsconn.AccountKey)
	public, seed, err := NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		revoked string
		counts  bool
	}{{public, true}, {public + "\n", false}} {
		a := &Account{
			Claims:      Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "a"},
			SigningKeys: []SigningKey{{PublicKey: signer.PublicKey()}},
			Revocations: map[string]time.Time{c.revoked: time.Now().Add(time.Minute).Truncate(time.Second)},
		}
		if reply := l.push(t, a); !strings.Contains(reply, `"code":200`) {
			t.Errorf("%q: %s", c.revoked, reply)
		}
		u := &User{Claims: Claims{PublicKey: public, Name: "u"}, IssuerAccount: a.PublicKey}
		if _, err := l.connectAs(t, u, seed, signer); (err != nil) != c.counts {
			t.Errorf("%q is revoked, and connecting says %v", c.revoked, err)
		}
		if (len(a.Problems()) == 0) != c.counts {
			t.Errorf("%q: %v", c.revoked, a.Problems())
		}
	}
}
