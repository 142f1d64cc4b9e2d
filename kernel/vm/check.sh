#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Boot the test kernel and run the suites of suites.txt in it: [VARIANT=debug] check.sh ARCH [SUITE]...; ends with
# "N passed, N failed".  A variant has its own list, suites-VARIANT.txt.  BOOTS: only these, of the second column.
#
# The boots run at the same time.  Everything is kept in KERNELS/kernel-check-ARCH[-VARIANT]: BOOT.console, and for each suite
# BOOT-SUITE.log and .dmesg.  A suite fails, too, when the kernel complains during it.  After a death or a hang the suites
# that are left get a new machine.
set -u
here=$(dirname "$0")
. "$here/env.sh"
[ $# -ge 1 ] || { echo "usage: $0 ARCH [SUITE]..." >&2; exit 2; }
use "$1"
shift
only=" $* "
logs=$kernels/kernel-check-$arch$variant
list=$here/suites$variant.txt
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# What each boot adds to the kernel's command line.
declare -A parameters=(
	[stock]="bpf_moat=stock"
	[none]="bpf_moat=none"
	[harden]="bpf_moat=none sysctl.net.core.bpf_jit_harden=2"
	[basereg]="bpf_moat=basereg"
)
count='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?'

bad() { failed=$((failed + 1)); echo "FAIL $*"; }

# The rows "SUITE SECONDS COMMAND" of a boot, for this architecture and those suites that were asked for.
rows() {
	while read -r suite where archs seconds command; do
		case $suite in
		''|'#'*) continue ;;
		esac
		[ "$where" = "$1" ] && { [ "$archs" = all ] || [ "$archs" = "$arch" ]; } || continue
		[ "$only" = "  " ] || [[ $only == *" $suite "* ]] || continue
		echo "$suite $seconds $command"
	done <"$list"
}

# suite BOOT NAME STATUS SECONDS: judge what a suite has left in its logs.
judge() {
	local log=$logs/$1-$2.log dmesg=$logs/$1-$2.dmesg line p=0 f=0 s=0
	line=$(tr -d '\r' <"$log" | grep -aE "$count" | tail -n 1)
	read -r p _ f _ s _ <<<"${line:-0 x 0} x 0"
	[[ ${s-} =~ ^[0-9]+$ ]] || s=0
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '%-28s %s (%s s)\n' "$1/$2" "${line:-no count, exit status $3}" "$4"
	grep -a '^SKIP ' "$log" | sed "s|^SKIP |SKIP $1/$2: |"
	grep -a '^FAIL ' "$log" | head -n 20 | sed "s|^FAIL |FAIL $1/$2: |"
	if [ -z "$line" ]; then
		bad "$1/$2: exit status $3 and no count, see $log"
		tail -n 15 "$log" | sed 's/^/    | /'
	elif [ "$3" != 0 ] && [ "$f" = 0 ]; then
		bad "$1/$2: exit status $3 after $line"
	fi
	complaints "$1/$2" "$dmesg"
}

# complaints NAME LOG: what the kernel says that it never says when all is well, with what follows it.
complaints() {
	[ -e "$2" ] && grep -qaE "$complaint" "$2" || return 0
	bad "$1: the kernel complains, see $2"
	grep -aE -m 1 -B 2 -A 40 "$complaint" "$2" | sed 's/^/    | /'
}

# machine BOOT SECONDS: run a machine and judge each suite; names go to the files BOOT.begun and BOOT.ended.
machine() {
	local boot=$1 out=/dev/null line word a b c start=$SECONDS
	: >"$logs/$boot.ended"
	: >"$logs/$boot.begun"
	while IFS= read -r line; do
		line=${line%$'\r'}
		read -r word a b c <<<"$line"
		case $word$a in
		@@boot)		echo "$boot: Linux $b, up after $((SECONDS - start)) s" ;;
		@@begin)	echo "$b" >>"$logs/$boot.begun"; out=$logs/$boot-$b.log; : >"$out" ;;
		@@log)		out=$logs/$boot-$b.dmesg; : >"$out" ;;
		@@end)		out=/dev/null; echo "$b" >>"$logs/$boot.ended"; judge "$boot" "$b" $c ;;
		@@done)		echo "done" >>"$logs/$boot.ended" ;;
		*)		printf '%s\n' "$line" >>"$out" ;;
		esac
	done < <(MOAT_VM_THREADS=${threads:-${MOAT_VM_THREADS-}} timeout -k 20 "$2" "$here/boot.sh" "$arch" "$logs/$boot.initrd" "$2" "$logs/$boot.console" \
		${parameters[$boot]} 2>"$logs/$boot.errors")
}

# boot NAME: all its suites, in as many machines as it takes; the counts go to the file NAME.counts.
boot() {
	local boot=$1 tries=0 dead again= threads= job=$logs/$1.top/job
	mkdir -p "$logs/$boot.top"
	rows "$boot" >"$job"
	while [ -s "$job" ] && [ $tries -lt 4 ]; do
		tries=$((tries + 1))
		{ cat "$initramfs"; (cd "$logs/$boot.top" && echo job | cpio -o -H newc --quiet); } >"$logs/$boot.initrd"
		machine "$boot" "$(awk '{ s += $2 } END { print s + 180 }' "$job")"
		complaints "$boot/boot" "$logs/$boot-boot.dmesg"
		grep -qx "done" "$logs/$boot.ended" && break
		dead=$(comm -13 <(sort "$logs/$boot.ended") <(sort "$logs/$boot.begun") | head -n 1)
		if [ -n "$dead" ] && [ -z "$again" ] && stale_breakpoint "$dead" "$logs/$boot.console"; then
			again=$dead threads=single
			skipped=$((skipped + 1))
			echo "SKIP $boot/$dead: with CPUs at once: the machine ran a breakpoint that was gone, see stale_breakpoint in" \
				"kernel/vm/check.sh; they take turns now"
			sed -i "/^$dead\$/d" "$logs/$boot.begun"
		else
			post_mortem "$boot" "$dead"
		fi
		cp "$logs/$boot.console" "$logs/$boot.console.$tries"
		[ -n "$dead" ] || break
		grep -v -w -F -f "$logs/$boot.begun" "$job" >"$logs/$boot.rest"
		mv "$logs/$boot.rest" "$job"
	done
	rm -rf "$logs/$boot.initrd" "$logs/$boot.top"
	echo "$passed $failed $skipped" >"$logs/$boot.counts"
}

# stale_breakpoint SUITE CONSOLE: did the machine die of a breakpoint that no patching of code had there any more?
# QEMU before 8.1 translates code without a lock against those who write it at the same time, so that its translation can be of what was
# there before, and on an idle host stress, which rewires tail calls and trace points all the time, meets that: 4 of 12 machines in a
# program, one in the kernel's own syscall_trace_enter(), and none of 6 with QEMU 10.0 of bookworm-backports, on the same image.  Such a
# suite and those behind it get a machine whose CPUs take turns in one thread of the emulator, where that cannot be; it counts as
# skipped once, and a second time is a failure.
stale_breakpoint() {
	grep -qa 'int3: 0000 \[#1\]' "$2" && { [ "$1" = stress ] || grep -qaE 'RIP: 0010:bpf_prog_[0-9a-f]+_' "$2"; }
}

# post_mortem BOOT SUITE: what is known of a machine that died in SUITE, or before all of them.
post_mortem() {
	bad "$1: the machine died or hung in ${2:-its boot}, see $logs/$1.console"
	[ -z "$2" ] || grep -a '^FAIL' "$logs/$1-$2.log" | head -n 20 | sed "s|^FAIL |FAIL $1/$2: |"
	if grep -qaE "$complaint" "$logs/$1.console"; then
		complaints "$1" "$logs/$1.console"
	else
		tail -n 25 "$logs/$1.console" "$logs/$1.errors" | sed 's/^/    | /'
	fi
}

main() {
	local name p f s boots=${BOOTS:-stock none harden basereg} selftests=
	for name in $only; do
		[ -n "$(for boot in $boots; do rows "$boot"; done | grep "^$name ")" ] ||
			die "there is no suite '$name' for $arch in $list"
	done
	for name in $boots; do
		! rows "$name" | grep -qE ' suites/test_(verifier|progs)' || selftests=selftests
	done
	"$here/build.sh" "$arch" $selftests || { bad "the image cannot be made"; echo "0 passed, $failed failed"; return 1; }
	rm -f "$logs"/*.log "$logs"/*.dmesg "$logs"/*.console* "$logs"/*.counts
	# At the same time: each is for the most part one thread's work.
	for name in $boots; do
		boot "$name" &
	done
	wait
	for name in $boots; do
		read -r p f s <"$logs/$name.counts"
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done
	printf '%d passed, %d failed' $passed $failed
	[ $skipped = 0 ] || printf ', %d skipped' $skipped
	echo
	[ $failed = 0 ] && [ $passed -gt 0 ]
}

# On one line, so that bash has read all when it begins: the file may be edited while this runs.
main; exit
