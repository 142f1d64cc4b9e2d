#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The tests of the pku modes in a VM with protection keys, for machines that have none.  Ends with "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}

if grep -qw ospke /proc/cpuinfo && [ -z "${MOAT_FORCE_VM-}" ]; then
	echo "this machine has protection keys: the other parts have used them"
	echo "SKIP vm: not needed, the machine's own keys were used"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

log=$build/vm/pku.log
mkdir -p "$build/vm"
files="tests/vm/guest.sh docs/attacks.md $build/moat"
programs=
for program in "$build"/tests/isa "$build"/tests/attacks "$build"/tests/history "$build"/tests/diff "$build"/tests/runtime_*; do
	case $program in
	*.[doa])	continue ;;
	esac
	files="$files $program"
	programs="$programs ${program##*/}"
done
for data in "$build"/examples/*.bpf.o "$build"/examples/traffic.pcap "$build"/examples/embed "$build"/tests/objects/*.bpf.o; do
	[ ! -e "$data" ] || files="$files $data"
done
status=0
tests/vm/run.sh -t 1400 $(printf -- '-f %s ' $files) "BUILD=$build sh tests/vm/guest.sh $programs" >"$log" 2>&1 || status=$?
cat "$log"
if [ $status = 77 ]; then
	echo "SKIP vm: $(tail -n 1 "$log")"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
# A machine that died has said no count: that is for the caller to see.
exit $status
