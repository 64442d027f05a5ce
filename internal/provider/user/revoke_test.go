package user_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// A destroyed user is cut off by every server of a cluster, with the older JWT of its key too, and nobody else is.
func TestAccUserRevokedOnDestroy(t *testing.T) {
	b := newBench(t, 3, nil)
	other, err := b.account.Credentials("other", nil)
	if err != nil {
		t.Fatal(err)
	}
	var first, second signed
	closed := make(chan struct{}, len(b.urls))
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: b.providerConfig() + b.user(), Check: resource.ComposeTestCheckFunc(keep(&first), b.connects(&first))},
		{
			Config: b.providerConfig() + b.user("subscriptions = 10"),
			Check:  resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second), b.connects(&second)),
		},
		{
			PreConfig: func() {
				for _, url := range b.urls {
					nc, err := connect(url, nats.UserCredentialBytes([]byte(second.credentials)),
						nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(nc.Close)
				}
			},
			Config: b.providerConfig(),
			Check: func(*terraform.State) error {
				for range b.urls {
					select {
					case <-closed:
					case <-time.After(waitTime):
						return errors.New("a server keeps the user's connection")
					}
				}
				if at := b.revokedAt(t, second.user.PublicKey); at.Before(second.signature.IssuedAt) {
					return fmt.Errorf("revoked until %s, and issued at %s", at, second.signature.IssuedAt)
				}
				return errors.Join(b.isRefused(&first), b.isRefused(&second), b.connects(&signed{credentials: other})(nil))
			},
		},
	}})
}

// A user that takes the place of another one with the same key works at once, in whichever order the two are made and destroyed.
func TestAccUserReplacedUnderItsOwnKey(t *testing.T) {
	for name, lifecycle := range map[string]string{"destroyed first": "", "created first": "lifecycle {\n    create_before_destroy = true\n  }"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, nil)
			own := newPair(t, natsconn.UserKey)
			config := b.providerConfig() + b.user(fmt.Sprintf("public_key = %q", own.public), lifecycle)
			connects := func(s *signed) error {
				nc, err := connect(b.urls[0], nats.UserJWT(func() (string, error) { return s.token, nil }, func(nonce []byte) ([]byte, error) {
					pair, err := nkeys.FromSeed([]byte(own.seed))
					if err != nil {
						return nil, err
					}
					return pair.Sign(nonce)
				}))
				if err == nil {
					nc.Close()
				}
				return err
			}
			var first, second signed
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: config, Check: keep(&first)},
				{
					Config: config, Taint: []string{address},
					ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(address, replacement(lifecycle)),
					}},
					Check: resource.ComposeTestCheckFunc(keep(&second), signedAgain(&first, &second), func(*terraform.State) error {
						if err := connects(&first); !errors.Is(err, nats.ErrAuthorization) {
							return fmt.Errorf("the user that was replaced: %w", err)
						}
						return connects(&second)
					}),
				},
			}})
		})
	}
}

func replacement(lifecycle string) plancheck.ResourceActionType {
	if lifecycle == "" {
		return plancheck.ResourceActionDestroyBeforeCreate
	}
	return plancheck.ResourceActionCreateBeforeDestroy
}

// Without an operator, the plan of a user that is to be revoked in the end fails, and so does that of its destruction. Both ways
// out work.
func TestAccUserRevocationWithoutOperator(t *testing.T) {
	b := newBench(t, 1, nil)
	without := acctest.ProviderConfig(b.urls)
	signingKeyOnly := acctest.ProviderConfig(b.urls, fmt.Sprintf("operator = { signing_key = %q }", b.operator.SigningKeySeed()))
	refused := acctest.Text("operator.signing_key signs it, and operator.system_credentials hands it to the servers.")
	wayOut := acctest.Text("Or set revoke_on_destroy = false")
	var user, now signed
	acctest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			if at := b.revokedAt(t, user.user.PublicKey); !at.IsZero() {
				return fmt.Errorf("revoked until %s", at)
			}
			return b.connects(&user)(nil)
		},
		Steps: []resource.TestStep{
			{Config: without + b.user(), ExpectError: refused},
			{Config: without + b.user(), PlanOnly: true, ExpectError: wayOut},
			{Config: signingKeyOnly + b.user(), PlanOnly: true, ExpectError: acctest.Text("No credentials of a user of the system account")},
			{Config: b.providerConfig() + b.user(), Check: keep(&user)},
			{Config: without, ExpectError: wayOut},
			{Config: without + b.user(), Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&user, &now))}, // nothing to do
			{
				Config: without + b.user("revoke_on_destroy = false"),
				Check:  resource.ComposeTestCheckFunc(keep(&now), unchanged(&user, &now)),
			},
			{Config: without + b.user(), PlanOnly: true, ExpectError: wayOut},
			{Config: without},
		},
	})
}

// A user whose account is gone is gone with it.
func TestAccUserOfDeletedAccount(t *testing.T) {
	b := newBench(t, 1, nil)
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: b.providerConfig() + b.user()},
		{
			PreConfig: func() {
				signer, err := account.NewOperatorSigner(b.operator.SigningKeySeed())
				if err != nil {
					t.Fatal(err)
				}
				defer signer.Close()
				ctx, cancel := context.WithTimeout(t.Context(), waitTime)
				defer cancel()
				if _, err := b.resolver(t).Delete(ctx, b.account.PublicKey(), signer); err != nil {
					t.Fatal(err)
				}
			},
			Config: b.providerConfig(),
		},
	}})
}

// A revocation that no server takes leaves the user in the state.
func TestAccUserRevocationFails(t *testing.T) {
	b := newBench(t, 1, nil)
	var user, now signed
	gone := acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}, fmt.Sprintf("operator = {\n    signing_key = %q\n    system_credentials = %q\n  }",
		b.operator.SigningKeySeed(), b.system))
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: b.providerConfig() + b.user(), Check: keep(&user)},
		{Config: gone, ExpectError: acctest.Text("Unable to Revoke User")},
		{Config: b.providerConfig() + b.user(), Check: resource.ComposeTestCheckFunc(keep(&now), unchanged(&user, &now), b.connects(&user))},
	}})
}
