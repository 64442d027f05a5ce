package k3sendpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// defaultTimeout returns how long the verification may take.
func (m *endpointModel) defaultTimeout() time.Duration {
	if m.mode() == verifyETCD {
		return etcdTimeout
	}
	return contractTimeout
}

// verifier verifies one endpoint.
type verifier struct {
	data    *connection.Data
	timeout time.Duration
	// endpoint is the endpoint with everything known, and what is write-only in its verification.
	endpoint endpointModel
	// token is the k3s token, if it is to be checked, and tokenPath its attribute.
	token     string
	tokenPath path.Path
}

// run compares what is on the server with what KINE will ask for, as the user that k3s will be where that is possible, and
// starts KINE on it if asked to.
func (v *verifier) run(ctx context.Context, diags *diag.Diagnostics) {
	c := newCheck(&v.endpoint)
	if v.endpoint.checkAccount(diags); diags.HasError() {
		return
	}
	if c.etcd {
		// The time begins once there may be one more KINE.
		release, err := preflight.Acquire(ctx)
		if err != nil {
			c.addError(diags, err)
			return
		}
		defer release()
	}
	ctx, cancel := natsconn.Changing(ctx, v.timeout)
	defer cancel()

	client, servers := v.contract(ctx, &c, diags)
	if diags.HasError() {
		return
	}
	if c.own {
		defer client.Close()
	}
	domain := v.endpoint.domain()
	if c.own {
		domain = ""
	}
	if v.token != "" {
		if err := kine.VerifyToken(ctx, client.JetStream(domain), c.spec.Name, v.token); err != nil {
			c.tokenPath = v.tokenPath
			c.addError(diags, err)
			return
		}
	}
	if c.etcd {
		if err := v.etcd(ctx, &c, client, servers); err != nil {
			c.addError(diags, err)
		}
	}
}

// etcd runs KINE, again if the server was restarted meanwhile: KINE gives up then.
func (v *verifier) etcd(ctx context.Context, c *check, client *natsconn.Client, servers []string) error {
	target := v.endpoint.target()
	target.Endpoint.Servers = servers
	for {
		before, err := client.ServerID(ctx)
		if err != nil {
			return err
		}
		// A verification that was cut short may have left the key half deleted. What cannot be looked at for want of a permission, KINE says.
		err = kine.FinishDelete(ctx, client.JetStream(""), c.spec.Name, preflight.ReservedKey)
		if _, denied := errors.AsType[*natsconn.PermissionError](err); err != nil && !denied {
			return err
		}
		client.Close() // its own, which an account with a limit of connections may need for KINE
		failure := preflight.Run(ctx, target, func(level, text string) { logKINE(ctx, level, text) })
		if _, ok := errors.AsType[*preflight.Error](failure); !ok || ctx.Err() != nil {
			return failure
		}
		after, err := client.ServerID(ctx)
		if err != nil || after == before {
			return failure
		}
		// KINE is only run on what keeps the contract.
		found := slices.DeleteFunc(kine.VerifyContract(ctx, client, c.spec, v.endpoint.domain(), c.own), func(err error) bool {
			_, only := errors.AsType[*kine.CautionError](err)
			return only
		})
		if len(found) > 0 {
			return errors.Join(found...)
		}
	}
}

// contract checks the contract of KINE. It returns a client of the bucket's system, which is the provider's unless the check's
// own, and the one server on which the own found all as it should be.
func (v *verifier) contract(ctx context.Context, c *check, diags *diag.Diagnostics) (client *natsconn.Client, servers []string) {
	if !c.own {
		client, err := v.data.ClientOf(v.endpoint.account())
		if err != nil {
			c.addError(diags, err)
			return nil, nil
		}
		c.addFindings(diags, kine.VerifyContract(ctx, client, c.spec, v.endpoint.domain(), false))
		if !diags.HasError() {
			diags.AddAttributeWarning(path.Root("verify"), "Verified With the Provider's Connection",
				"The credentials that k3s will use are in a file on its node, so the bucket was checked over the provider's own connection. "+
					"Whether k3s may connect and has the permissions it needs was not.\n\nGive the credentials as verification."+
					v.endpoint.verification().name+" to check that too.")
		}
		return client, nil
	}

	settings := v.endpoint.connects()
	if provider, err := v.data.Client(); err == nil {
		settings.ConnectTimeout, settings.RequestTimeout = provider.Timeouts()
	}
	servers, unreachable, found := kine.VerifyServers(ctx, settings, c.spec, v.endpoint.domain())
	c.addFindings(diags, found)
	if diags.HasError() {
		return nil, nil
	}
	for _, err := range unreachable {
		diags.AddAttributeWarning(c.servers, "Server Was Not Verified", secret.Sprintf("Bucket %q: %s\n\nAnother server of the endpoint has the bucket. "+
			"If this one belongs to another NATS system, KINE would make an empty bucket there when it happens to connect to it.",
			c.spec.Name, connection.Sentence(err.Error())))
	}
	if len(servers) == 0 { // each has something that the KINE of this k3s lives with
		servers = settings.Servers
	}
	settings.Servers = servers[:1]
	return natsconn.NewClient(settings, nil), settings.Servers
}

// logKINE passes a line of KINE's log on to Terraform's.
func logKINE(ctx context.Context, level, text string) {
	fields := map[string]any{"kine_version": kine.BundledKINE}
	switch text = "KINE: " + text; level {
	case "panic", "fatal", "error":
		tflog.Error(ctx, text, fields)
	case "warning":
		tflog.Warn(ctx, text, fields)
	case "info":
		tflog.Info(ctx, text, fields)
	default:
		tflog.Debug(ctx, text, fields)
	}
}

// check is one verification. Errors are shown at attributes of the first level: a CLI shows the line of such a one, and only
// the resource for what is nested in it.
type check struct {
	spec kine.Spec
	// k3s is the k3s that the endpoint is for, and version its version, "" if that was not given.
	k3s     kine.K3s
	version string
	// etcd tells whether KINE is going to be run.
	etcd bool
	// own tells whether the connection is that of the endpoint, and not the provider's.
	own bool
	// servers and tls are the attributes that the own connection's servers and TLS settings come from.
	servers, tls path.Path
	// local tells whether the TLS settings are meant for this machine, and not for the node.
	local     bool
	tokenPath path.Path
	// credentials is the attribute with the credentials of the own connection, and expires when they expire, zero if they do not.
	credentials string
	expires     time.Time
}

func newCheck(m *endpointModel) check {
	e, _ := m.endpoint()
	v := m.verification()
	version := m.K3sVersion.ValueString()
	c := check{spec: e.Spec, k3s: kine.LookUpK3s(version), version: version, etcd: m.mode() == verifyETCD, servers: path.Root("servers")}
	if expires, err := claims.CredentialsExpiry(v.credentials.ValueString()); err == nil {
		c.credentials, c.expires = v.name, expires.UTC()
	}
	c.own = e.CredentialsFile == "" && e.ContextFile == "" || !v.credentials.IsNull()
	if !v.servers.IsNull() {
		c.servers = path.Root("verification")
	}
	switch {
	case !v.tls.IsNull():
		c.tls, c.local = path.Root("verification"), true
	case !m.TLS.IsNull():
		c.tls = path.Root("tls")
	default:
		c.tls = c.servers
	}
	return c
}

// addFindings tells what was found. What the KINE of the endpoint's k3s lives with is a warning.
func (c *check) addFindings(diags *diag.Diagnostics, found []error) {
	for _, err := range found {
		if caution, ok := errors.AsType[*kine.CautionError](err); ok {
			c.addCaution(diags, caution)
			continue
		}
		mismatch, ok := errors.AsType[*kine.MismatchError](err)
		if !ok || c.k3s.Generation != kine.GenerationLenient || mismatch.BreaksLenient() {
			c.addError(diags, err)
			continue
		}
		if c.etcd {
			diags.AddAttributeError(path.Root("verify"), "Unable to Verify "+what, secret.Sprintf("Bucket %q: %s\n\nThe KINE of k3s %s would start on it all "+
				"the same, but the KINE that is run here, %s, does not. %s Or set verify = \"contract\".", c.spec.Name, connection.Sentence(err.Error()),
				c.version, kine.BundledKINE, repairStep))
			continue
		}
		diags.AddAttributeWarning(path.Root("datastore"), "Bucket Breaks the Next Upgrade of K3s", secret.Sprintf("Bucket %q: %s\n\nThe KINE of k3s %s "+
			"starts on it all the same; from KINE 0.14.10 on, which k3s 1.35.0+k3s3 bundles, k3s does not come up. %s", c.spec.Name,
			connection.Sentence(err.Error()), c.version, repairStep))
	}
}

// addCaution warns of what KINE starts with all the same.
func (c *check) addCaution(diags *diag.Diagnostics, caution *kine.CautionError) {
	at, step := c.explain(caution)
	detail := secret.Sprintf("Bucket %q: %s", c.spec.Name, connection.Sentence(caution.Error()))
	if step != "" {
		detail += "\n\n" + step
	}
	diags.AddAttributeWarning(at, "K3s May Not Work on the Datastore", detail)
}

// repairStep is what to do about a bucket that differs from the contract.
const repairStep = "Give the datastore of the nats_kine_bucket that made the bucket, and apply that first if its plan shows a change."

// logStep tells where KINE says more.
const logStep = "The whole log of KINE is in Terraform's log, from the level INFO on."

// addError tells what the verification found.
func (c *check) addError(diags *diag.Diagnostics, err error) {
	at, step := c.explain(err)
	detail := connection.Sentence(err.Error()) + "\n\n" + step
	if step == "" {
		detail = connection.Explain(err)
	}
	diags.AddAttributeError(at, "Unable to Verify "+what, secret.Sprintf("Bucket %q: %s", c.spec.Name, detail))
}

// explain returns the attribute that a finding is about, and the step to take, empty if that is no matter of the endpoint.
func (c *check) explain(err error) (at path.Path, step string) {
	var (
		mismatch *kine.MismatchError
		missing  *kine.MissingPermissionError
		domain   *kine.DomainError
		token    *kine.TokenMismatchError
		failure  *preflight.Error
		machine  *preflight.MachineError
		limit    *kine.LimitError
		slow     *kine.SlowStartError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return path.Root("verify"), "Nothing follows from that for the datastore. The next apply verifies it."
	case errors.As(err, &machine):
		return path.Root("verify"), `Nothing follows from that for the datastore. Mend the machine that runs Terraform, or set verify = "contract", ` +
			"which starts no process."
	case errors.As(err, &mismatch):
		return path.Root("datastore"), mismatchStep(mismatch)
	case errors.As(err, &limit):
		return path.Root("verify"), limitSteps[limit.Limit]
	case errors.As(err, &slow):
		return path.Root("datastore"), "Delete from Kubernetes what is not needed, such as old events and jobs, and keep less history in the bucket. Then remove the old " +
			"delete markers that KINE leaves behind."
	case errors.Is(err, kine.ErrMissing):
		return path.Root("datastore"), "Make the bucket with nats_kine_bucket, or correct the name, the servers or the credentials: each " +
			"account has buckets of its own."
	case errors.Is(err, kine.ErrFenced):
		return path.Root("datastore"), "Point the endpoint at the bucket that took its place, or lift the fence with fenced = false."
	case errors.Is(err, kine.ErrMaxBytesRequired):
		return path.Root("verify"), "Turn max_bytes_required off for the account; disk_storage and disk_max_stream_bytes bound it as well."
	case errors.As(err, &domain):
		return path.Root("servers"), "Give servers that are in the bucket's domain."
	case errors.As(err, &missing):
		return path.Root("verify"), "Grant these permissions to the user that k3s connects with."
	case errors.As(err, &token):
		return c.tokenPath, "Give the token of the cluster whose data this is, to k3s too, or the bucket of the cluster whose token this is."
	case errors.As(err, &failure) && failure.Limit != nil:
		return path.Root("verify"), limitSteps[failure.Limit.Limit] + " " + logStep
	case errors.As(err, &failure) && failure.Late:
		return path.Root("verify"), "If the servers are slow or the bucket is large, raise the timeouts of this resource. " + logStep
	case errors.As(err, &failure):
		return path.Root("verify"), "k3s would fail on this datastore as well. " + logStep
	case c.own:
		return c.explainConnection(err)
	}
	return path.Root("verify"), ""
}

// explainConnection is explain for a failure of the endpoint's own connection.
func (c *check) explainConnection(err error) (at path.Path, step string) {
	var (
		reach  *natsconn.UnreachableError
		secure *natsconn.TLSError
		auth   *natsconn.AuthError
		slow   *natsconn.TimeoutError
	)
	switch {
	case errors.Is(err, os.ErrNotExist) && c.local:
		return c.tls, "The files of verification.tls are those of the machine that runs Terraform."
	case errors.Is(err, os.ErrNotExist):
		return c.tls, "The files of tls are those of the node. Give what this machine has as verification.tls, or set verify = \"none\"."
	case errors.As(err, &reach) && reach.IsMute():
		return c.servers, "A server took the connection and said nothing. One with handshake_first in its tls block waits for the client to begin, which " +
			"verification.tls.handshake_first does. Otherwise check that the server does not hang, and that the URLs have the port for clients."
	case errors.As(err, &reach):
		return c.servers, "If this machine reaches the servers by other addresses than the node, or not at all, set verification.servers " +
			"or verify = \"none\"."
	case errors.As(err, &secure) && c.local:
		return c.tls, "Correct verification.tls: ca_file or ca_pem is the servers' certificate authority; a client certificate and its key " +
			"if they ask for one, server_name if their certificate is for another name, handshake_first if they have that set."
	case errors.As(err, &secure):
		return c.tls, "Set tls.ca_file to the certificate authority of the servers, and tls.cert_file and tls.key_file if they ask for a " +
			"client certificate. If this machine has those files elsewhere, set verification.tls too."
	case errors.As(err, &auth) && !c.expires.IsZero() && !time.Now().Before(c.expires):
		return path.Root("verification"), fmt.Sprintf("The credentials in verification.%s have expired at %s. Give ones that last longer than all that the "+
			"verification comes after: those of a nats_user_credentials with a longer expires_in, or of a nats_user that has not expired.",
			c.credentials, c.expires.Format(time.RFC3339))
	case errors.As(err, &auth):
		return path.Root("verify"), "k3s would be refused as well: correct the user and password, the token, or the credentials."
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &slow): // before a request was made
		return path.Root("verify"), "Raise the timeouts of this resource."
	}
	return path.Root("verify"), ""
}
