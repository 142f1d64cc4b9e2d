#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Fill the columns of the pku modes in docs/attacks.md, in a VM with protection keys if this machine has none.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
table=docs/attacks.md

if grep -qw ospke /proc/cpuinfo && [ -z "${MOAT_FORCE_VM-}" ]; then
	exit 0		# they were run here
fi
mkdir -p "$build/vm"
log=$build/vm/attacks-table.log
tests/vm/run.sh -t 300 -f "$build/tests/history" -f $table \
	"$build/tests/history --update; sed 's/^/@table /' $table" >"$log" || { tail -n 20 "$log"; exit 1; }
tr -d '\r' <"$log" | sed -n 's/^@table \{0,1\}//p' >"$log.table"
[ -s "$log.table" ] || { echo "the machine wrote no table, see $log"; exit 1; }
cp "$log.table" $table
grep -a '^FAIL' "$log" && exit 1
exit 0
