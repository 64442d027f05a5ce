#!/bin/sh
# Prints the path of the CLI to run: the given one, or else a terraform or tofu (1.11 or newer) on the PATH, or nothing
# if there is none. Reports the choice on standard error.
#
#   cli.sh [CLI]
set -eu

if [ -n "${1:-}" ]; then
	command -v "$1" || { echo "$1: CLI not found" >&2; exit 1; }
	exit
fi
for name in terraform tofu; do
	path=$(command -v "$name") || continue
	version=$("$path" version -json 2>/dev/null | sed -n 's/.*"terraform_version": *"\([0-9.]*\).*/\1/p') || continue
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	if [ "${major:-0}" -gt 1 ] || { [ "${major:-0}" -eq 1 ] && [ "${minor:-0}" -ge 11 ]; }; then
		echo "Using $path, version $version, from the PATH." >&2
		echo "$path"
		exit
	fi
	echo "Not using $path: it is version ${version:-(unknown)}, and 1.11 or newer is required." >&2
done
