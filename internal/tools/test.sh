#!/bin/sh
# Runs the tests and summarizes the results. Called by GNUmakefile:
#
#   test.sh unit         all tests except acceptance tests
#   test.sh acceptance   all tests on OpenTofu, then the tests that depend on the CLI, named TestAccCLI..., on a
#                        terraform (1.11 or newer) from the PATH
#   test.sh soak         the tests with the build tag soak that are named ...Soak...
#
# Environment: CLI (name on the PATH or path of the only CLI to use), TOFU (the OpenTofu to use otherwise), NATS_SERVERS
# (paths, relative to this directory, of nats-servers that soak uses in addition to the linked one), RUN (run only
# matching tests), PKG (run only these packages), GOTESTSUM_FORMAT (testname shows each test).
set -eu

mode=$1
RUN=${RUN:-} PKG=${PKG:-./...} CLI=${CLI:-}
GOTESTSUM_FORMAT=${GOTESTSUM_FORMAT:-pkgname-and-test-fails}
export GOTESTSUM_FORMAT
results=bin/test-results
# The packages that take the longest start first, so that none of them is the last that runs.
longest='./internal/provider ./internal/provider/kinebucket ./internal/provider/k3sendpoint ./internal/provider/kvmirror'
runs='' # arguments of testsummary, one per run, without spaces
note=''

# describe CLI sets path (absolute), product (OpenTofu or Terraform) and version.
describe() {
	path=$(command -v "$1") || { echo "$1: CLI not found" >&2; return 1; }
	case $path in /*) ;; *) path=$PWD/$path ;; esac
	line=$("$path" version | sed -n -e '/^OpenTofu v/p' -e '/^Terraform v/p')
	product=${line%% v*} version=${line#* v}
	[ -n "$line" ] || { echo "$path is neither Terraform nor OpenTofu" >&2; return 1; }
}

# Write-only attributes and resource identity require 1.11 of either CLI.
new_enough() {
	major=${version%%.*} minor=${version#*.}
	minor=${minor%%.*}
	[ "$major" -gt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -ge 11 ]; }
}

# packages REGEXP lists the packages whose tests contain a matching line.
packages() {
	grep -rlE --include='*_test.go' "$1" . | sed 's,/[^/]*$,,' | sort -u
}

# run SCOPE [ARGUMENT]... runs `go test` with the arguments. A failure does not stop the script and is reported in the
# summary.
run() {
	scope=$1
	shift
	TEST_EVENTS=$results/$scope${product:+-$product}.json
	export TEST_EVENTS
	status=0
	internal/tools/progress.sh "tests ($scope${product:+, $product $version})" \
		go tool -modfile=internal/tools/gotestsum/go.mod gotestsum \
		--jsonfile "$TEST_EVENTS" --format-hide-empty-pkg -- "$@" || status=$?
	runs="$runs -run=$product,$version,$scope,$status,$TEST_EVENTS"
}

# with_cli SCOPE [ARGUMENT]... is like run, but includes acceptance tests, on the CLI that describe found.
#
# The provider is built only once, not by each package. Test results are not cached because Go does not notice a change
# of a server or a CLI.
with_cli() {
	TF_ACC=1 TF_ACC_TERRAFORM_PATH=$path
	export TF_ACC TF_ACC_TERRAFORM_PATH
	unset TF_ACC_PROVIDER_HOST TF_ACC_PROVIDER_NAMESPACE TF_ACC_TERRAFORM_VERSION
	if [ "$product" = OpenTofu ]; then
		export TF_ACC_PROVIDER_HOST=registry.opentofu.org
	fi
	ACCTEST_PROVIDER=$PWD/bin/acctest/terraform-provider-nats
	export ACCTEST_PROVIDER
	go build -o "$ACCTEST_PROVIDER" .
	run "$@"
}

# accept SCOPE [ARGUMENT]... runs the acceptance tests of a scope with_cli.
#
# Three packages run at a time: tests spend about half of their time waiting, and none of them measures how fast the
# machine is. The other options save processor time. Debugging information is not linked, CI has run vet before, and the
# CLIs collect garbage as rarely as the provider does.
accept() {
	scope=$1
	shift
	with_cli "$scope" -count=1 -timeout 30m -p 3 -ldflags=-w -vet=off -exec 'env GOGC=400' "$@"
}

# summary [ARGUMENT]... prints the table and ends the script.
summary() {
	echo
	[ -z "$note" ] || set -- "$@" -note "$note"
	# Built instead of `go run`, which prints an additional line on failure.
	go build -o bin/testsummary ./internal/tools/testsummary
	# shellcheck disable=SC2086 # one argument per run
	exec bin/testsummary "$@" $runs
}

rm -rf "$results"
mkdir -p "$results"

case $mode in
unit)
	unset TF_ACC
	product='' version=''
	# shellcheck disable=SC2086 # PKG may name several packages
	run unit -timeout 10m -skip '^TestAcc' ${RUN:+-run "$RUN"} $PKG
	summary
	;;
acceptance)
	describe "${CLI:-$TOFU}"
	new_enough || { echo "$path is $product $version; the provider requires 1.11 or newer" >&2; exit 1; }
	scope=everything
	if [ "$RUN$PKG" = ./... ]; then
		PKG="$longest $PKG"
	else
		scope=selection
	fi
	# shellcheck disable=SC2086
	accept "$scope" ${RUN:+-run "$RUN"} $PKG
	if [ -n "$CLI" ] || [ "$scope" = selection ]; then
		note="Ran only on $product $version, as requested."
	elif ! command -v terraform >/dev/null; then
		note='There is no terraform on the PATH, so the tests that depend on the CLI (TestAccCLI...) ran only on OpenTofu.'
	elif ! describe terraform || [ "$product" != Terraform ] || ! new_enough; then
		note="The terraform on the PATH is not Terraform 1.11 or newer, so the tests that depend on the CLI (TestAccCLI...) ran only on OpenTofu."
	else
		# shellcheck disable=SC2046
		accept CLI-set -run '^TestAccCLI' $(packages '^func TestAccCLI')
		note="The tests that depend on the CLI (TestAccCLI...) ran on OpenTofu, and on $product $version from the PATH."
	fi
	summary -acceptance
	;;
soak)
	describe "${CLI:-$TOFU}"
	found=$(grep -rlE --include='*_test.go' '^//go:build .*\bsoak\b' . | sed 's,/[^/]*$,,' | sort -u)
	if [ -z "$found" ]; then
		echo 'There are no soak tests (build tag soak).'
		echo '0 passed, 0 failed, 0 skipped'
		exit 0
	fi
	GOTESTSUM_FORMAT=testname
	# Tests run in the directory of their package, and expect a list like PATH.
	servers=''
	for server in ${NATS_SERVERS:-}; do
		servers=$servers${servers:+:}$PWD/$server
	done
	export NATS_SERVERS="$servers"
	# shellcheck disable=SC2086
	with_cli soak -tags soak -count=1 -timeout 6h -p 1 -run "${RUN:-Soak}" $found
	summary
	;;
*)
	echo "usage: test.sh unit|acceptance|soak" >&2
	exit 2
	;;
esac
