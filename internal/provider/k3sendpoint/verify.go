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

// defaultTimeout returns the default timeout of the verification.
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
	// endpoint is the endpoint with known values, including the write-only values of its verification.
	endpoint endpointModel
	// token is the k3s token, or "" if it is not checked, and tokenPath its attribute.
	token     string
	tokenPath path.Path
}

// run compares the bucket with the contract, as the user of k3s if possible, and starts KINE on it if configured.
func (v *verifier) run(ctx context.Context, diags *diag.Diagnostics) {
	c := newCheck(&v.endpoint)
	if v.endpoint.checkAccount(diags); diags.HasError() {
		return
	}
	if c.etcd {
		// The timeout begins once another KINE may be started.
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

// etcd runs KINE, and repeats that if the server was restarted meanwhile, which makes KINE fail.
func (v *verifier) etcd(ctx context.Context, c *check, client *natsconn.Client, servers []string) error {
	target := v.endpoint.target()
	target.Endpoint.Servers = servers
	for {
		before, err := client.ServerID(ctx)
		if err != nil {
			return err
		}
		// An interrupted verification may have left the key half deleted. A missing permission is ignored: KINE reports it.
		err = kine.FinishDelete(ctx, client.JetStream(""), c.spec.Name, preflight.ReservedKey)
		if _, denied := errors.AsType[*natsconn.PermissionError](err); err != nil && !denied {
			return err
		}
		client.Close() // KINE may need this connection if the account has a limit
		failure := preflight.Run(ctx, target, func(level, text string) { logKINE(ctx, level, text) })
		if _, ok := errors.AsType[*preflight.Error](failure); !ok || ctx.Err() != nil {
			return failure
		}
		after, err := client.ServerID(ctx)
		if err != nil || after == before {
			return failure
		}
		// KINE runs only on a bucket that meets the contract.
		found := slices.DeleteFunc(kine.VerifyContract(ctx, client, c.spec, v.endpoint.domain(), c.own), func(err error) bool {
			_, only := errors.AsType[*kine.CautionError](err)
			return only
		})
		if len(found) > 0 {
			return errors.Join(found...)
		}
	}
}

// contract checks the contract of KINE. It returns a client of the bucket's system, which is the provider's client
// unless the check has its own connection. In that case, it also returns the one server on which the bucket was
// verified.
func (v *verifier) contract(
	ctx context.Context, c *check, diags *diag.Diagnostics,
) (client *natsconn.Client, servers []string) {
	if !c.own {
		client, err := v.data.ClientOf(v.endpoint.account())
		if err != nil {
			c.addError(diags, err)
			return nil, nil
		}
		c.addFindings(diags, kine.VerifyContract(ctx, client, c.spec, v.endpoint.domain(), false))
		if !diags.HasError() {
			diags.AddAttributeWarning(path.Root("verify"), "Verified With the Provider's Connection",
				"The credentials of k3s are in a file on its node, so the bucket was verified over the provider's "+
					"own connection. It was not verified that k3s can connect and has the permissions that it "+
					"needs.\n\nTo verify that too, set verification."+
					v.endpoint.verification().name+" to the credentials.")
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
		diags.AddAttributeWarning(c.servers, "Server Was Not Verified",
			secret.Sprintf("Bucket %q: %s\n\nAnother server of the endpoint has the bucket. "+
				"If this server belongs to another NATS system, KINE would create an empty bucket there when it connects "+
				"to it.",
				c.spec.Name, connection.Sentence(err.Error())))
	}
	if len(servers) == 0 { // each has a difference that the KINE of this k3s accepts
		servers = settings.Servers
	}
	settings.Servers = servers[:1]
	return natsconn.NewClient(settings, nil), settings.Servers
}

// logKINE writes a line of KINE's log to Terraform's log.
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

// check is one verification. Its errors have the paths of top-level attributes: a CLI shows their lines, but only the
// resource for a nested attribute.
type check struct {
	spec kine.Spec
	// k3s describes the k3s of the endpoint, and version is its version, or "" if it is not set.
	k3s     kine.K3s
	version string
	// etcd is true if KINE will be started.
	etcd bool
	// own is true if the connection uses the endpoint's settings instead of the provider's.
	own bool
	// servers and tls are the attributes with the servers and the TLS settings of the own connection.
	servers, tls path.Path
	// local is true if the TLS settings apply to this machine and not to the node.
	local     bool
	tokenPath path.Path
	// credentials is the attribute with the credentials of the own connection, and expires the time when they expire,
	// zero if they do not expire.
	credentials string
	expires     time.Time
}

func newCheck(m *endpointModel) check {
	e, _ := m.endpoint()
	v := m.verification()
	version := m.K3sVersion.ValueString()
	c := check{spec: e.Spec, k3s: kine.LookUpK3s(version), version: version, etcd: m.mode() == verifyETCD,
		servers: path.Root("servers")}
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

// addFindings adds the findings as errors. A finding that the KINE of the endpoint's k3s accepts is a warning.
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
			diags.AddAttributeError(path.Root("verify"), "Unable to Verify "+what, secret.Sprintf(
				"Bucket %q: %s\n\nThe KINE of k3s %s would still start on it, but the KINE of this verification, %s, "+
					"does not. %s Alternatively, set verify = \"contract\".",
				c.spec.Name, connection.Sentence(err.Error()), c.version, kine.BundledKINE, repairStep))
			continue
		}
		diags.AddAttributeWarning(path.Root("datastore"), "Bucket Breaks the Next Upgrade of K3s", secret.Sprintf(
			"Bucket %q: %s\n\nThe KINE of k3s %s still starts on it, but with KINE 0.14.10 or newer, which k3s "+
				"bundles since 1.35.0+k3s3, k3s does not start. %s",
			c.spec.Name, connection.Sentence(err.Error()), c.version, repairStep))
	}
}

// addCaution warns of a finding that does not prevent KINE from starting.
func (c *check) addCaution(diags *diag.Diagnostics, caution *kine.CautionError) {
	at, step := c.explain(caution)
	detail := secret.Sprintf("Bucket %q: %s", c.spec.Name, connection.Sentence(caution.Error()))
	if step != "" {
		detail += "\n\n" + step
	}
	diags.AddAttributeWarning(at, "K3s May Not Work on the Datastore", detail)
}

// repairStep is the next step for a bucket that differs from the contract.
const repairStep = "Set datastore to the datastore of the nats_kine_bucket that created the bucket, and apply that " +
	"resource first if its plan shows a change."

// logStep describes where the log of KINE is.
const logStep = "Terraform's log contains the whole log of KINE at the level INFO and above."

// addError adds an error of the verification.
func (c *check) addError(diags *diag.Diagnostics, err error) {
	at, step := c.explain(err)
	detail := connection.Sentence(err.Error()) + "\n\n" + step
	if step == "" {
		detail = connection.Explain(err)
	}
	diags.AddAttributeError(at, "Unable to Verify "+what, secret.Sprintf("Bucket %q: %s", c.spec.Name, detail))
}

// explain returns the attribute and the next step of a finding. The step is empty if the endpoint is not the cause.
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
		return path.Root("verify"), "This does not mean that the datastore has a problem. The next apply verifies it."
	case errors.As(err, &machine):
		return path.Root("verify"), `This does not mean that the datastore has a problem. Repair the machine that runs ` +
			`Terraform, or set verify = "contract", which starts no process.`
	case errors.As(err, &mismatch):
		return path.Root("datastore"), mismatchStep(mismatch)
	case errors.As(err, &limit):
		return path.Root("verify"), limitSteps[limit.Limit]
	case errors.As(err, &slow):
		return path.Root("datastore"), "Delete Kubernetes objects that are not needed, such as old events and jobs, " +
			"and reduce the history of the bucket. Then remove the old delete markers that KINE leaves behind."
	case errors.Is(err, kine.ErrMissing):
		return path.Root("datastore"), "Create the bucket with nats_kine_bucket, or correct the name, the servers or " +
			"the credentials: each account has its own buckets."
	case errors.Is(err, kine.ErrFenced):
		return path.Root("datastore"), "Set datastore to the bucket that replaces this one, or lift the fence with " +
			"fenced = false."
	case errors.Is(err, kine.ErrMaxBytesRequired):
		return path.Root("verify"), "Set max_bytes_required = false for the account, and limit it with disk_storage " +
			"and disk_max_stream_bytes instead."
	case errors.As(err, &domain):
		return path.Root("servers"), "Set servers to servers in the domain of the bucket."
	case errors.As(err, &missing):
		return path.Root("verify"), "Grant these permissions to the user of k3s."
	case errors.As(err, &token):
		return c.tokenPath, "Use the token of the cluster in this bucket, in k3s too, or set datastore to the bucket " +
			"of the cluster that this token belongs to."
	case errors.As(err, &failure) && failure.Limit != nil:
		return path.Root("verify"), limitSteps[failure.Limit.Limit] + " " + logStep
	case errors.As(err, &failure) && failure.Late:
		return path.Root("verify"), "If the servers are slow or the bucket is large, raise the timeouts of this resource. " +
			logStep
	case errors.As(err, &failure):
		return path.Root("verify"), "k3s would also fail on this datastore. " + logStep
	case c.own:
		return c.explainConnection(err)
	}
	return path.Root("verify"), ""
}

// explainConnection returns the attribute and the next step of an error of the endpoint's own connection.
func (c *check) explainConnection(err error) (at path.Path, step string) {
	var (
		reach  *natsconn.UnreachableError
		secure *natsconn.TLSError
		auth   *natsconn.AuthError
		slow   *natsconn.TimeoutError
	)
	switch {
	case errors.Is(err, os.ErrNotExist) && c.local:
		return c.tls, "The files of verification.tls must be on the machine that runs Terraform."
	case errors.Is(err, os.ErrNotExist):
		return c.tls, "The files of tls are on the node. Set verification.tls to files on this machine, or set " +
			"verify = \"none\"."
	case errors.As(err, &reach) && reach.IsMute():
		return c.servers, "A server accepted the connection but sent nothing. If its tls block has handshake_first, " +
			"set verification.tls.handshake_first. Otherwise, check that the server does not hang, and that the URLs " +
			"have the port for clients."
	case errors.As(err, &reach):
		return c.servers, "If this machine must use other addresses for the servers than the node, set " +
			"verification.servers. If it cannot reach them, set verify = \"none\"."
	case errors.As(err, &secure) && c.local:
		return c.tls, "Correct verification.tls: set ca_file or ca_pem to the certificate authority of the servers, " +
			"a client certificate and its key if the servers require one, server_name if their certificate is for " +
			"another name, and handshake_first if they use it."
	case errors.As(err, &secure):
		return c.tls, "Set tls.ca_file to the certificate authority of the servers, and tls.cert_file and " +
			"tls.key_file if they require a client certificate. If these files have other paths on this machine, " +
			"also set verification.tls."
	case errors.As(err, &auth) && !c.expires.IsZero() && !time.Now().Before(c.expires):
		return path.Root("verification"), fmt.Sprintf("The credentials in verification.%s expired at %s. Set "+
			"credentials that do not expire before the verification, which may wait for other resources: from a "+
			"nats_user_credentials with a longer expires_in, or from a nats_user that has not expired.",
			c.credentials, c.expires.Format(time.RFC3339))
	case errors.As(err, &auth):
		return path.Root("verify"), "The servers would also refuse k3s: correct the user and password, the token, or " +
			"the credentials."
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &slow): // before a request was made
		return path.Root("verify"), "Raise the timeouts of this resource."
	}
	return path.Root("verify"), ""
}
