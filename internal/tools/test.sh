#!/bin/sh
# Runs the tests and counts them. Called by the makefile:
#
#   test.sh unit         everything but the acceptance tests
#   test.sh acceptance   everything, on OpenTofu; then, on a terraform (1.11 or newer) from the PATH, the tests that
#                        depend on the CLI: those named TestAccCLI...
#   test.sh soak         the tests of the build tag soak that are named ...Soak...
#
# Environment: CLI (a name on the PATH or a path: this CLI alone, for everything), TOFU (the OpenTofu that is used
# otherwise), NATS_SERVERS (the nats-servers that soak runs on beside the one that is linked, in this directory), RUN (only
# tests that match), PKG (only these packages), GOTESTSUM_FORMAT (testname shows each test).
set -eu

mode=$1
RUN=${RUN:-} PKG=${PKG:-./...} CLI=${CLI:-}
GOTESTSUM_FORMAT=${GOTESTSUM_FORMAT:-pkgname-and-test-fails}
export GOTESTSUM_FORMAT
results=bin/test-results
runs='' # arguments of testsummary, one for each run; none holds a space
note=''

# describe CLI sets path (absolute), product (OpenTofu or Terraform) and version.
describe() {
	path=$(command -v "$1") || { echo "$1: no such CLI" >&2; return 1; }
	case $path in /*) ;; *) path=$PWD/$path ;; esac
	line=$("$path" version | sed -n -e '/^OpenTofu v/p' -e '/^Terraform v/p')
	product=${line%% v*} version=${line#* v}
	[ -n "$line" ] || { echo "$path is neither Terraform nor OpenTofu" >&2; return 1; }
}

# Write-only attributes and resource identity came with 1.11, in both CLIs.
new_enough() {
	major=${version%%.*} minor=${version#*.}
	minor=${minor%%.*}
	[ "$major" -gt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -ge 11 ]; }
}

# packages REGEXP lists the packages whose tests have a line that matches.
packages() {
	grep -rlE --include='*_test.go' "$1" . | sed 's,/[^/]*$,,' | sort -u
}

# run SCOPE [ARGUMENT]... runs `go test` with the arguments. A failure is kept for the summary, so that all that can
# run does run.
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

# with_cli SCOPE [ARGUMENT]... is run, with acceptance tests, on the CLI that describe found.
#
# The provider is built once, and not by each package. Nothing is cached: a server or a CLI that behaves differently
# today does not change any file that Go looks at. Two packages at a time, because each starts servers and CLIs of its
# own and some measure time.
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

# summary [ARGUMENT]... prints the table and ends the script.
summary() {
	echo
	[ -z "$note" ] || set -- "$@" -note "$note"
	# Built and not `go run`, which adds a last line of its own to a failure.
	go build -o bin/testsummary ./internal/tools/testsummary
	# shellcheck disable=SC2086 # one argument for each run
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
	new_enough || { echo "$path is $product $version; the provider needs 1.11 or newer" >&2; exit 1; }
	scope=everything
	if [ "$RUN$PKG" = ./... ]; then
		PKG="./internal/provider/kinebucket $PKG" # it takes the longest, and is not to be the last that runs
	else
		scope=selection
	fi
	# shellcheck disable=SC2086
	with_cli "$scope" -count=1 -timeout 30m -p 2 ${RUN:+-run "$RUN"} $PKG
	if [ -n "$CLI" ] || [ "$scope" = selection ]; then
		note="Ran on $product $version only, as asked."
	elif ! command -v terraform >/dev/null; then
		note='No terraform is on the PATH, so the tests that depend on the CLI (TestAccCLI...) ran on OpenTofu only.'
	elif ! describe terraform || [ "$product" != Terraform ] || ! new_enough; then
		note="The terraform on the PATH is not Terraform 1.11 or newer, so the tests that depend on the CLI (TestAccCLI...) ran on OpenTofu only."
	else
		# shellcheck disable=SC2046
		with_cli CLI-set -count=1 -timeout 30m -p 2 -run '^TestAccCLI' $(packages '^func TestAccCLI')
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
	# Tests run in the directories of their packages, and read a list like PATH.
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
