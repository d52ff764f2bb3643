#!/usr/bin/env bash
# options_test.sh: every script of tests/ that has options explains them, refuses
# others, and gets what it is given.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# expect CODE COMMAND...: its exit code; what it prints is in $work/out and
# $work/err.
expect() {
  local wanted="$1" code=0
  shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  ((code == wanted)) || { echo "$*: exit code $code"; bad=1; }
}

mapfile -t scripts < <(grep -lE '^read_options ' \
  tests/*.sh tests/platforms/*/*.sh tests/scripts/*.sh)
((${#scripts[@]} > 8)) || { echo "hardly a script has options"; bad=1; }
for script in "${scripts[@]}"; do
  expect 0 "$script" --help
  [[ $(head -n 1 "$work/out") == "usage: $script"* && ! -s $work/err ]] ||
    { echo "$script --help does not print its usage"; bad=1; }
  expect 2 "$script" --no-such-option
  if [[ -s $work/out ]] || ! grep -q "^usage: $script" "$work/err"; then
    echo "$script does not refuse what it does not know"
    bad=1
  fi
  expect 2 "$script" one two three
done

# arguments ARGUMENTS...: what a script gets.
# shellcheck disable=SC2317  # `expect` calls it
arguments() (
  usage() { echo "usage"; }
  option() { printf '%s;' "$@"; }
  . tests/scripts/options.sh
  read_options quick,on: '[01]' "$@"
  printf 'and %s\n' "${operands[*]}"
)

# same EXPECTED ARGUMENTS...
same() {
  expect 0 arguments "${@:2}"
  [[ $(<"$work/out") == "$1" ]] ||
    { echo "${*:2}: $(<"$work/out") instead of $1"; bad=1; }
}
same 'and '
same '--on;a b;--on;c;--quick;and d' --on 'a b' d --on=c --quick
same '--on;--help;and --quick' --on=--help -- --quick
expect 2 arguments --on
expect 2 arguments --quick=1
expect 2 arguments one two
exit "$bad"
