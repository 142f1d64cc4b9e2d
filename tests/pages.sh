#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What depends on the page size, on arm64 with pages of SIZE bytes: pages.sh SIZE.  BUILD=directory of the arm64 build.
# Ends with "N passed, N failed[, N skipped]".
#
# Only Debian 12's emulator (7.2) can have another page size than its host's.
set -u
[ $# = 1 ] || { echo "usage: $0 SIZE" >&2; exit 2; }
size=$1
BUILD=${BUILD:-build/arm64}
run=(qemu-aarch64 -p "$size" -L "$BUILD/sysroot")
passed=0 failed=0 skipped=0

features=$("${run[@]}" "$BUILD/moat" features 2>&1)
if ! grep -Eq "^ *page size .*\b$size\b" <<<"$features"; then
	echo "SKIP pages of $size bytes: $(qemu-aarch64 --version 2>&1 | head -n 1) cannot have them"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
bad() {
	failed=$((failed + 1))
	echo "FAIL $1"
}
grep -Eq '^ *basereg +enforced' <<<"$features" && passed=$((passed + 1)) || bad "basereg is not enforced"
verdicts=$("${run[@]}" "$BUILD/moat" run "$BUILD/examples/firewall.bpf.o" --pcap "$BUILD/examples/traffic.pcap" \
	--isolation basereg 2>&1)
grep -Eq '^XDP_PASS' <<<"$verdicts" && passed=$((passed + 1)) || bad "firewall: $(tail -n 1 <<<"$verdicts")"
echo "SKIP runtime_mem: this emulator's page tables for its many cages take minutes and gigabytes"
skipped=1
for test in runtime_run runtime_maps; do
	log=$(timeout 100 "${run[@]}" "$BUILD/tests/$test" 2>&1 </dev/null)
	status=$?
	line=$(grep -aE '^[0-9]+ passed, ' <<<"$log" | tail -n 1)
	[ $status = 0 ] && [ -n "$line" ] || { bad "$test: exit status $status, ${line:-no count}"; grep -a FAIL <<<"$log" | head; }
	read -r p _ f _ s _ <<<"${line:-0 x 0 x} 0"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
	grep -a '^SKIP ' <<<"$log" | sed "s|^SKIP |SKIP $test: |"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
