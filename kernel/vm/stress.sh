#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Stress isolated programs in pieces: stress.sh ARCH PIECES SECONDS; ends with "N passed, N failed", which are pieces.
#
# One machine, all pieces of SECONDS each: what is compared after each is what there was before the first.  Each piece that
# has ended is a row of KERNELS/stress-ARCH.txt, whatever becomes of the others, so that pieces add up over invocations.
# MOAT_VM_CPUS: processors of the machine.
set -u
here=$(dirname "$0")
. "$here/env.sh"
[ $# = 3 ] || { echo "usage: $0 ARCH PIECES SECONDS" >&2; exit 2; }
use "$1"
pieces=$2 length=$3
# A piece ends when the slowest of its threads has seen that the time is over, and memory has settled.
limit=$((pieces * (length + 90) + 300))
logs=$kernels/kernel-stress-$arch$variant
table=$kernels/stress-$arch$variant.txt
columns='%-16s %-16s %5s %-5s %7s %7s %8s %8s %7s %7s %8s %6s %7s %8s %8s %5s %5s %5s %5s'
built=$(date -u -r "$image" +%Y-%m-%dT%H:%M)
mkdir -p "$logs/top"

numbers() { echo "${1//[^0-9+ -]/}"; }

# What a piece printed, as a row; the program counts objects, tail calls, calls, faults, attached, packets | loaded, tail
# calls, runs, trampolines, XDP programs | slabs, vmalloc, free (KiB), heap, cages, code (pages), tasks.
row() {
	local verdict=ok objects rewired calls faults attached packets loaded xdp left _
	read -r objects rewired calls faults attached packets _ <<<"$(numbers "$isolated")"
	read -r loaded _ _ _ xdp <<<"$(numbers "$all")"
	read -r -a left <<<"$(numbers "$memory")"
	[[ $1 == *", 0 failed" ]] && ! grep -qaE "$complaint" "$logs/console" || verdict=FAIL
	printf "$columns\n" "$(date -u +%Y-%m-%dT%H:%M)" "$built" "$length" $verdict "$loaded" "$objects" "$calls" "$rewired" \
		"$faults" "$attached" "$packets" "$xdp" "${left[@]}"
}

head="$(printf "$columns" ended "kernel built" s "" loaded objects calls rewired faults attach packets xdp slab vmalloc free heap cages code tasks)"
[ -s "$table" ] || echo "$head" >"$table"
"$here/build.sh" "$arch" || exit 1
echo "stress $((limit + 60)) tests/kernel-vm/stress $length $pieces" >"$logs/top/job"
{ cat "$initramfs"; (cd "$logs/top" && echo job | cpio -o -H newc --quiet); } >"$logs/initrd"
passed=0 failed=0 isolated='' all='' memory='' slabs=''
echo "$head"
: >"$logs/log"
# It may run in the background of a busy host, which looks like a stall from inside.
while IFS= read -r line; do
	line=${line%$'\r'}
	echo "$line" >>"$logs/log"
	case $line in
	'stress: isolated: '*)	isolated=$line ;;
	'stress: '*)		all=$line ;;
	'left: '*)		memory=$line ;;
	'slabs: '*)		slabs=$line ;;
	'piece: '*)
		row "$line" | tee -a "$table" | tee "$logs/row"
		if grep -q ' ok ' "$logs/row"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi ;;
	esac
done < <(timeout -k 20 "$limit" "$here/boot.sh" "$arch" "$logs/initrd" "$limit" "$logs/console" \
	bpf_moat=basereg rcupdate.rcu_cpu_stall_timeout=200 2>&1)
rm -rf "$logs/initrd" "$logs/top"
# Where slabs grew since the first piece began.
echo "$slabs"
grep -a '^FAIL ' "$logs/log" | head -n 20
grep -aE -m 1 -A 40 "$complaint" "$logs/console" | sed 's/^/    | /'
missing=$((pieces - passed - failed))
[ $missing = 0 ] || echo "$missing pieces did not end, see $logs/log and $logs/console"
echo "$table: $(awk 'NR > 1 { n++; s += $3; bad += $4 != "ok" } END { printf "%d pieces, %d minutes, %d bad", n, s / 60, bad }' "$table")"
echo "$passed passed, $((failed + missing)) failed"
[ $((failed + missing)) = 0 ] && [ $passed -gt 0 ]
