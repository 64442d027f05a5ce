#!/bin/sh
# Runs a command and reports every 15 seconds that it is still running.
#
#   progress.sh MESSAGE COMMAND [ARG]...
#
# With TEST_EVENTS set to a file of `go test -json` events, the line also shows how many tests have passed.
set -eu

message=$1
shift

elapsed() {
	now=$(($(date +%s) - began))
	printf '%dm%02ds' $((now / 60)) $((now % 60))
}

passed() {
	[ -n "${TEST_EVENTS:-}" ] || return 0
	n=$(grep -c '"Action":"pass".*"Test":' "$TEST_EVENTS" 2>/dev/null) || n=0
	if [ "$n" -eq 0 ]; then
		printf ', compiling or running the first tests'
	else
		printf ', %d tests passed so far' "$n"
	fi
}

began=$(date +%s)
# Sleep briefly: a sleep must not outlive this script by much or keep the output open (`make | tee` would wait).
(
	next=$((began + 15))
	while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		[ "$(date +%s)" -ge "$next" ] || continue
		printf '... %s: %s%s\n' "$message" "$(elapsed)" "$(passed)"
		next=$((next + 15))
	done
) &
ticker=$!
trap 'kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

status=0
"$@" || status=$?
exit "$status"
