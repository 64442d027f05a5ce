package provider_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// An example is a configuration below examples/ that TestAccCLIExamples applies as its readers would.
type example struct {
	// on returns the site of the example.
	on func(*sites, *natslab.OperatorAccount) site
	// alone is true if no other example may be applied at the same time, because this one reads all objects.
	alone bool
	// given creates what the example requires.
	given func(*testing.T, site)
	// reads is true if each apply reads a check block again, which CLIs count as a change.
	reads bool
	// check checks the applied example before it is destroyed.
	check func(*testing.T, applied)
	// imported are what the files import-by-*.tf beside it name, and the attributes of the imported object that stand in
	// for that: for their value, or for a file with their value if it is a path.
	imported map[string]string
	// completed is what no import can know, so that the apply that imports also updates the object, in place. The
	// attribute kept is not touched by that.
	completed, kept string
	// elsewhere is the test that applies it instead.
	elsewhere string
}

// examples are all examples by their files. A new example needs a row. If it needs new servers, add a method of sites
// that starts them.
var examples = map[string]example{
	"app-account/main.tf":          {on: (*sites).asOperator, check: exchangesSubjects},
	"edge-mirrors/main.tf":         {on: (*sites).inDomains},
	"hundred-clusters/main.tf":     {on: (*sites).asOperator},
	"k0s/main.tf":                  {on: (*sites).asUser},
	"kamaji/main.tf":               {on: (*sites).withPassword},
	"kine-service/main.tf":         {on: (*sites).withPassword},
	"mirror/main.tf":               {on: (*sites).inDomains, check: raisesNoAlarm, reads: true},
	"ngs/main.tf":                  {on: (*sites).asUser},
	"operator/main.tf":             {elsewhere: "TestAccCLIOperatorToTenant"},
	"provider/provider.tf":         {on: (*sites).asUser},
	"quickstart/main.tf":           {on: (*sites).withPassword},
	"restore/main.tf":              {on: (*sites).inDomains, given: hasLostBucket, check: hasAll},
	"second-region/leaf.tf":        {elsewhere: "TestAccCLIOperatorToTenant"},
	"second-region/mirror.tf":      {elsewhere: "TestAccCLIOperatorToTenant"},
	"super-cluster-mirror/main.tf": {on: (*sites).inRegions},
	"tenant/main.tf":               {on: (*sites).asOperator, check: runsKINE},

	"data-sources/nats_account/data-source.tf":       {on: (*sites).asOperator},
	"data-sources/nats_accounts/data-source.tf":      {on: (*sites).asOperator, alone: true},
	"data-sources/nats_kv_mirror/data-source.tf":     {on: (*sites).inDomains, given: hasMirror, check: raisesNoAlarm, reads: true},
	"data-sources/nats_server_config/data-source.tf": {on: (*sites).offline},

	"ephemeral-resources/nats_k3s_datastore_endpoint/ephemeral-resource.tf": {on: (*sites).offline},
	"ephemeral-resources/nats_nkey/ephemeral-resource.tf":                   {on: (*sites).offline},

	"ephemeral-resources/nats_user_credentials/ephemeral-resource.tf": {elsewhere: "TestAccCLIUserCredentialsExample"},

	"functions/datastore_endpoint_parse/function.tf": {on: (*sites).offline},
	"functions/jwt_decode/function.tf":               {on: (*sites).offline},
	"functions/k3s_token_hash/function.tf":           {on: (*sites).offline},
	"functions/kine_permissions/function.tf":         {on: (*sites).asOperator},
	"functions/kine_mirror_exports/function.tf":      {elsewhere: "TestAccCLIMirrorExamplesApply"},
	"functions/kine_mirror_imports/function.tf":      {elsewhere: "TestAccCLIMirrorExamplesApply"},
	"functions/nkey_public/function.tf":              {on: (*sites).offline},

	"resources/nats_account/resource.tf": {
		on:       (*sites).asOperator,
		imported: map[string]string{"AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAXJQ": "public_key"},
	},
	"resources/nats_activation/resource.tf": {
		on: (*sites).offline, imported: map[string]string{"${path.module}/dashboard.jwt": "jwt"},
		completed: "the version of a write-only argument", kept: "jwt",
	},
	"resources/nats_k3s_datastore_endpoint/resource.tf": {on: (*sites).asUser, completed: "verification", kept: "url"},
	"resources/nats_kine_bucket/resource.tf":            {on: (*sites).asUser, completed: "placement", kept: "stream"},
	"resources/nats_kv_mirror/resource.tf":              {on: (*sites).inDomains},
	"resources/nats_nkey/resource.tf": {
		on: (*sites).offline, imported: map[string]string{"/etc/nats/keys/operator.nk": "seed"},
	},
	"resources/nats_operator/resource.tf": {
		on: (*sites).offline, imported: map[string]string{"${path.module}/operator.jwt": "jwt"},
		completed: "the version of a write-only argument", kept: "jwt",
	},
	"resources/nats_user/own-key.tf":  {on: (*sites).offline},
	"resources/nats_user/resource.tf": {on: (*sites).asOperator},
}

var examplesDir = filepath.Join("..", "..", "examples")

// isImport reports whether a file is an import block, which belongs to the resource.tf next to it.
func isImport(file string) bool { return strings.HasPrefix(filepath.Base(file), "import-by-") }

// Every example has a row in the table, and every row has an example.
func TestExamplesAreAllApplied(t *testing.T) {
	rows := maps.Clone(examples)
	err := fs.WalkDir(os.DirFS(examplesDir), ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".tf" {
			return err
		}
		if isImport(file) {
			file = filepath.ToSlash(filepath.Join(filepath.Dir(file), "resource.tf"))
			if _, ok := examples[file]; !ok {
				t.Errorf("examples/%s imports what no example makes", file)
			}
			return nil
		}
		if _, ok := rows[file]; !ok {
			t.Errorf("examples/%s is applied by no test: the table of examples has no row for it", file)
		}
		delete(rows, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range rows {
		t.Errorf("there is no examples/%s", file)
	}
}

// checkedCredentials matches the credentials with which an endpoint is verified, and their version.
var checkedCredentials = regexp.MustCompile(`credentials_wo\s*=\s*(\S+)\n\s*credentials_wo_version\s*=\s*(.+)\n`)

// Endpoints that are verified as a nats_user are verified again each time that user is signed.
func TestExamplesCheckUsersAgain(t *testing.T) {
	followed := 0
	for file := range examples {
		for _, found := range checkedCredentials.FindAllStringSubmatch(text(t, filepath.Join(examplesDir, file)), -1) {
			user, ok := strings.CutSuffix(found[1], ".credentials")
			if !ok || !strings.HasPrefix(user, "nats_user.") {
				continue
			}
			followed++
			if want := user + ".jwt_id"; found[2] != want {
				t.Errorf("examples/%s: credentials_wo_version is %s, not %s: a user with other permissions would not be checked",
					file, found[2], want)
			}
		}
	}
	if followed == 0 {
		t.Error("no example checks an endpoint as a nats_user")
	}
}

// Every example applies on real servers, has no changes when it is applied again, is imported as the files next to it
// describe, and is destroyed.
func TestAccCLIExamples(t *testing.T) {
	first := acctest.NewWorkspace(t, "")
	files := slices.Sorted(maps.Keys(examples))
	places := newSites(t, files)
	for _, file := range files {
		e := examples[file]
		if e.elsewhere != "" {
			continue
		}
		t.Run(file, func(t *testing.T) {
			site := e.on(places, places.accounts[file]) // starts servers for all examples before a parallel one continues
			if !e.alone {
				t.Parallel()
			}
			e.run(t, first, site, file)
		})
	}
}
