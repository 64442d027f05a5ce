package functions_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/functions"
)

func TestNKeyPublic(t *testing.T) {
	for _, kind := range natsconn.KeyKinds() {
		public, seed, err := claims.NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		got, funcErr := run(t, functions.NewNKeyPublic(), types.StringValue(seed+"\n"))
		if funcErr != nil || !got.Equal(types.StringValue(public)) {
			t.Errorf("got %s, %v, want %s", got, funcErr, public)
		}
		for _, bad := range []string{"", public, seed[:57], strings.ToLower(seed)} {
			_, funcErr := run(t, functions.NewNKeyPublic(), types.StringValue(bad))
			if funcErr == nil || funcErr.FunctionArgument == nil || *funcErr.FunctionArgument != 0 {
				t.Errorf("of an unusable seed is said: %v", funcErr)
			} else if len(bad) > 40 && strings.Contains(funcErr.Text, bad[10:40]) {
				t.Errorf("the seed is shown: %s", funcErr.Text)
			}
		}
	}
}

func TestJWTDecode(t *testing.T) {
	signer, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	public, seed, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewUserClaims(public)
	claims.Name, claims.IssuerAccount = "bob", issuer
	claims.Tags.Add("prod")
	claims.Expires = time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC).Unix()
	claims.Pub.Allow.Add("a.>")
	token, err := claims.Encode(signer)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	tags, diags := types.ListValueFrom(t.Context(), types.StringType, []string{"prod"})
	if diags.HasError() {
		t.Fatal(diags)
	}
	for name, text := range map[string]string{"the token": token, "a credentials file": string(credentials)} {
		got, funcErr := run(t, functions.NewJWTDecode(), types.StringValue(text))
		if funcErr != nil {
			t.Fatalf("%s: %v", name, funcErr)
		}
		object, ok := got.(types.Object)
		if !ok {
			t.Fatalf("got %T", got)
		}
		for attribute, want := range map[string]attr.Value{
			"type": types.StringValue("user"), "name": types.StringValue("bob"), "subject": types.StringValue(public),
			"issuer": types.StringValue(issuer), "issuer_account": types.StringValue(issuer), "id": types.StringValue(claims.ID),
			"issued_at":  types.StringValue(time.Unix(claims.IssuedAt, 0).UTC().Format(time.RFC3339)),
			"expires_at": types.StringValue("2040-01-02T03:04:05Z"), "not_before": types.StringNull(),
			"audience": types.StringNull(), "tags": tags,
		} {
			if value := object.Attributes()[attribute]; !value.Equal(want) {
				t.Errorf("%s: %s is %s, want %s", name, attribute, value, want)
			}
		}
		whole, _ := object.Attributes()["claims"].(types.String)
		var payload struct {
			NATS struct {
				Pub struct{ Allow []string }
			}
		}
		if err := json.Unmarshal([]byte(whole.ValueString()), &payload); err != nil || len(payload.NATS.Pub.Allow) != 1 ||
			payload.NATS.Pub.Allow[0] != "a.>" {
			t.Errorf("%s: the claims are %s, %v", name, whole, err)
		}
		if strings.Contains(got.String(), seed) {
			t.Errorf("%s: the seed is in the result", name)
		}
	}
	for _, bad := range []string{"", seed, token[:len(token)-5], strings.Replace(string(credentials), token, seed, 1)} {
		_, funcErr := run(t, functions.NewJWTDecode(), types.StringValue(bad))
		if funcErr == nil || funcErr.FunctionArgument == nil || *funcErr.FunctionArgument != 0 {
			t.Errorf("of an unreadable token is said: %v", funcErr)
		} else if strings.Contains(funcErr.Text, seed) {
			t.Errorf("the seed is shown: %s", funcErr.Text)
		}
	}
}
