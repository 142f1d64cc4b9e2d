#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Inside the VM (busybox sh): guest.sh PROGRAM...  The machine has protection keys here, so no mode may be missing.
build=$BUILD
passed=0 failed=0 skipped=0
modes="none basereg pku pku+basereg"

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }

# The last "N passed, N failed[, N skipped]" of a program counts; a program without one has failed.
run() {
	name=$1
	shift
	start=$(cut -d. -f1 /proc/uptime)
	timeout -k 5 600 "$@" >/tmp/log 2>&1 </dev/null
	status=$?
	grep -a FAIL /tmp/log
	grep -v '^SKIP ' /tmp/log | tail -n 60
	grep '^SKIP ' /tmp/log | sed "s|^SKIP |SKIP $name: |"
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' /tmp/log | tail -n 1)
	set -- $line
	echo "-- $name: ${line:-no count}, exit status $status ($(($(cut -d. -f1 /proc/uptime) - start)) s)"
	if [ -z "$line" ]; then
		bad "$name died, exit status $status"
		return
	fi
	passed=$((passed + $1))
	failed=$((failed + $3))
	skipped=$((skipped + ${5:-0}))
	[ $status = 0 ] || [ "$3" != 0 ] || bad "$name: exit status $status after $line"
}

# Every mode is enforced here, or all below would be an empty show.
$build/moat features
for mode in $modes; do
	got=$(echo b70000002a000000 9500000000000000 | $build/moat exec --isolation $mode)
	if [ "$got" = 2a ]; then ok; else bad "exec in $mode gave '$got'"; fi
done

# The firewall's verdicts and counters are the same in all modes, two flows are dropped.
for mode in $modes; do
	$build/moat -j run $build/examples/firewall.bpf.o --isolation $mode --pcap $build/examples/traffic.pcap --maps \
		--map "blocked:cb007142 0a00000a 115c 0016 06 000000=0000000000000000" \
		--map "blocked:c0000263 0a00000b 076c 076c 11 000000=0000000000000000" >/tmp/$mode.json ||
		bad "firewall in $mode: exit status $?"
	# Without the mode's name and the times.
	sed 's/"\(isolation\|[a-z_]*duration[a-z_]*\|[a-z_]*ns[a-z_]*\)": *[^,}]*//g' /tmp/$mode.json >/tmp/$mode
	if grep -q XDP_DROP /tmp/$mode && cmp /tmp/none /tmp/$mode; then ok; else bad "firewall in $mode"; fi
done
cat /tmp/none.json

# The hostile program wins in none and in no other mode.
for mode in $modes; do
	$build/examples/embed $mode $build/examples
	status=$?
	[ $mode != none ] || status=$((1 - status))
	if [ $status = 0 ]; then ok; else bad "hostile program in $mode"; fi
done

for name; do
	case $name in
	diff)	run diff $build/tests/diff --count 40 ;;
	attacks) run attacks $build/tests/attacks --mode pku ;;
	isa)	run isa $build/tests/isa --quick pku ;;
	*)	run $name $build/tests/$name ;;
	esac
done
printf '%d passed, %d failed' $passed $failed
[ $skipped = 0 ] || printf ', %d skipped' $skipped
echo
[ $failed = 0 ]
