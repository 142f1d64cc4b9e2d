#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Who compiles, and how it is told: boot parameter, sysctl, statistics.  Needs a boot with bpf_moat=none.
. /moat/suites/lib.sh
knob=/proc/sys/net/core/bpf_moat
stats=/sys/kernel/debug/moat/stats

# statistic MODE NAME: a number of the statistics.
statistic() {
	awk -v mode="$1" -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		$1 == mode { print $column[name] }' $stats
}

load() { bpftool prog load /moat/examples/firewall.bpf.o /sys/fs/bpf/modes && rm /sys/fs/bpf/modes; }

is "the boot parameter" "$(cat $knob)" none
cat $stats
for mode in stock none; do
	echo $mode >$knob || bad "$mode is refused"
	is "after writing $mode" "$(cat $knob)" $mode
	before=$(statistic $mode programs)
	load || bad "firewall.bpf.o does not load in $mode"
	after=$(statistic $mode programs)
	[ "${after:-0}" -gt "${before:-0}" ] && ok || bad "programs in $mode: $before, then ${after:-nothing}"
done
for word in nonsense "" 7 nonestock; do
	if echo "$word" >$knob 2>/dev/null; then bad "'$word' is taken for a mode"; else ok; fi
done
is "after refused words" "$(cat $knob)" none
is "refused programs" "$(statistic none refused)" 0
cat $stats
total
