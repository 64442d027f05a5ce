package claims

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// newPair makes a key pair of a kind.
func newPair(t *testing.T, kind natsconn.KeyKind) (pair nkeys.KeyPair, public, seed string) {
	t.Helper()
	public, seed, err := NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	if pair, err = nkeys.FromSeed([]byte(seed)); err != nil {
		t.Fatal(err)
	}
	return pair, public, seed
}

// encode signs claims of the library.
func encode(t *testing.T, claims jwt.Claims, pair nkeys.KeyPair) string {
	t.Helper()
	token, err := claims.Encode(pair)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestDecodeToken(t *testing.T) {
	operator, operatorKey, _ := newPair(t, natsconn.OperatorKey)
	account, accountKey, _ := newPair(t, natsconn.AccountKey)
	server, serverKey, _ := newPair(t, natsconn.ServerKey)
	_, userKey, userSeed := newPair(t, natsconn.UserKey)
	expires, notBefore := time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

	user := jwt.NewUserClaims(userKey)
	user.Name, user.IssuerAccount, user.Audience = "bob", newPublic(t, natsconn.AccountKey), "someone"
	user.Tags.Add("a", "b")
	user.Expires, user.NotBefore = expires.Unix(), notBefore.Unix()
	userToken := encode(t, user, account)
	creds, err := jwt.FormatUserConfig(userToken, []byte(userSeed))
	if err != nil {
		t.Fatal(err)
	}
	wantUser := Token{Type: "user", Name: "bob", Audience: "someone", Subject: userKey, Issuer: accountKey,
		IssuerAccount: user.IssuerAccount, Expires: expires, NotBefore: notBefore, Tags: []string{"a", "b"}}
	decorated, err := jwt.DecorateJWT(userToken)
	if err != nil {
		t.Fatal(err)
	}

	op := jwt.NewOperatorClaims(operatorKey)
	op.Name = "lab"
	activation := jwt.NewActivationClaims(newPublic(t, natsconn.AccountKey))
	activation.ImportSubject, activation.ImportType, activation.IssuerAccount = "x.>", jwt.Stream, newPublic(t,
		natsconn.AccountKey)
	request := jwt.NewAuthorizationRequestClaims(userKey)
	request.Audience = "nats-authorization-request"
	request.Server.ID = serverKey
	response := jwt.NewAuthorizationResponseClaims(userKey)
	response.Audience, response.Error = serverKey, "no"

	generic, untyped := jwt.NewGenericClaims(userKey), jwt.NewGenericClaims(userKey)
	generic.Name, generic.Data["type"] = "mine", "my-claims"
	untyped.Data["tags"] = map[string]string{"a": "b"}
	for name, c := range map[string]struct {
		text string
		want Token
		// token is the JWT alone, where the text holds more.
		token string
	}{
		"a user":                      {userToken, wantUser, userToken},
		"with white space":            {"\n " + userToken + " \n", wantUser, userToken},
		"a user's .jwt":               {string(decorated), wantUser, userToken},
		"without the last line break": {strings.TrimSpace(string(decorated)), wantUser, userToken},
		"with CRLF":                   {strings.ReplaceAll(string(creds), "\n", "\r\n"), wantUser, userToken},
		"claims of another type":      {encode(t, generic, account), Token{Type: "generic", Name: "mine", Subject: userKey, Issuer: accountKey}, ""},
		"claims without a type":       {encode(t, untyped, account), Token{Type: "generic", Subject: userKey, Issuer: accountKey}, ""},
		"a user's .creds":             {string(creds), wantUser, userToken},
		"an operator":                 {encode(t, op, operator), Token{Type: "operator", Name: "lab", Subject: operatorKey, Issuer: operatorKey}, ""},
		"an account": {encode(t, jwt.NewAccountClaims(accountKey), operator), Token{Type: "account", Subject: accountKey,
			Issuer: operatorKey}, ""},
		"an activation": {encode(t, activation, account), Token{Type: "activation", Subject: activation.Subject,
			Issuer: accountKey, IssuerAccount: activation.IssuerAccount}, ""},
		"a request of a callout": {encode(t, request, server), Token{Type: "authorization_request", Audience: request.Audience,
			Subject: userKey, Issuer: serverKey}, ""},
		"a response of a callout": {encode(t, response, account), Token{Type: "authorization_response", Audience: serverKey,
			Subject: userKey, Issuer: accountKey}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeToken(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got.ID == "" || time.Since(got.IssuedAt).Abs() > time.Minute {
				t.Errorf("id %q, issued at %s", got.ID, got.IssuedAt)
			}
			var payload map[string]any
			if err := json.Unmarshal([]byte(got.Payload), &payload); err != nil || payload["sub"] != got.Subject ||
				payload["nats"] == nil {
				t.Errorf("the payload is %s, %v", got.Payload, err)
			}
			if strings.Contains(got.Payload, userSeed) {
				t.Error("the seed is in the result")
			}
			c.want.ID, c.want.IssuedAt, c.want.Payload, c.want.Text = got.ID, got.IssuedAt, got.Payload, got.Text
			if got.Text != c.token && c.token != "" {
				t.Errorf("the JWT alone is %q", got.Text)
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("wanted -, got +\n%s", diff)
			}
		})
	}
}

func TestDecodeTokenRefuses(t *testing.T) {
	account, _, accountSeed := newPair(t, natsconn.AccountKey)
	_, userKey, userSeed := newPair(t, natsconn.UserKey)
	token := encode(t, jwt.NewUserClaims(userKey), account)
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"iat"`,
		`"exp":4102444800,"iat"`, 1)))
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "three parts"},
		"a seed":             {userSeed, "three parts"},
		"a decorated seed":   {"-----BEGIN USER NKEY SEED-----\n" + userSeed + "\n------END USER NKEY SEED------\n", "three parts"},
		"a public key":       {userKey, "three parts"},
		"a cut one":          {parts[0] + "." + parts[1], "three parts"},
		"a forged payload":   {parts[0] + "." + forged + "." + parts[2], "valid signature"},
		"a JWT of the web":   {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2ln", "algorithm"},
		"seeds and two dots": {userSeed + "." + userSeed + "." + accountSeed, "valid signature"},
	} {
		got, err := DecodeToken(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, wanted %q", name, got, err, c.want)
			continue
		}
		for _, secret := range []string{userSeed[10:40], accountSeed[10:40], parts[1][20:40]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v shows %s", name, err, secret)
			}
		}
	}
}
