#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own lib/test_bpf: test_bpf.sh MODE.  Every program must be compiled, and as many as are known must pass.
# In mode basereg all of them but those of test_bpf-basereg.txt.
. /moat/suites/lib.sh

is "net.core.bpf_moat" "$(sysctl -n net.core.bpf_moat)" "$1"

# suite NAME SUMMARY PARAMETER...: all its tests; a summary with other numbers is a failure even if no test has failed.
# SUMMARY's "x/x" is any number, twice.
suite() {
	name=$1 wanted=$2
	shift 2
	dmesg >/tmp/before
	insmod /moat/test_bpf.ko test_suite="$name" "$@" || bad "$name: the module reports an error"
	dmesg | tail -n +$(($(wc -l </tmp/before) + 1)) | sed 's/^\[[^]]*\] //' >/tmp/log
	rmmod test_bpf 2>/dev/null
	# A test that was not compiled is one that the JIT refused.
	grep -E 'FAIL|jited:0' /tmp/log | grep -v 'Summary' | head -n 40 | while read -r line; do
		echo "FAIL $line"
	done
	summary=$(sed -n 's/^test_bpf: .*Summary: //p' /tmp/log | tail -n 1)
	echo "$name $*: $summary"
	case $wanted in
	*x/x*)	is "$name $*" "$(echo "$summary" | sed 's|\[\([0-9]*\)/\1 |[x/x |')" "$wanted" ;;
	*)	is "$name $*" "$summary" "$wanted" ;;
	esac
	set -- "$(echo "$summary" | sed -n 's/^\([0-9]*\) PASSED.*/\1/p')" \
		"$(echo "$summary" | sed -n 's/.*PASSED, \([0-9]*\) FAILED.*/\1/p')"
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-0}))
}

# refused NAME: a suite of which each test is in the list with a reason, which is what the kernel says when it refuses it.
refused() {
	reason=$(sed -n "s/^$1	[^	]*	//p" /moat/suites/test_bpf-basereg.txt | sort -u)
	dmesg >/tmp/before
	insmod /moat/test_bpf.ko test_suite="$1" && bad "$1: not refused" || ok
	rmmod test_bpf 2>/dev/null
	dmesg | tail -n +$(($(wc -l </tmp/before) + 1)) >/tmp/log
	echo "$1: refused: $reason"
	grep -qF ": a raw program $reason" /tmp/log && ok || bad "$1: $(grep moat: /tmp/log)"
	grep 'PASS' /tmp/log && bad "$1: tests of the list pass" || ok
}

# Programs that were compiled in the mode of this boot.
compiled() { sed -n "s/^$1 *\([0-9]*\) .*/\1/p" /sys/kernel/debug/moat/stats; }

if [ "$(cat /proc/sys/net/core/bpf_jit_harden)" = 0 ]; then
	before=$(compiled "$1")
	suite test_bpf "1026 PASSED, 0 FAILED, [1014/1014 JIT'ed]"
	[ "$1" != basereg ] || is "isolated programs" $(($(compiled "$1") - before)) 1014
else
	# The kernel blinds constants in quadratic time: the other programs, of 4000 to 600000 instructions, need minutes each.
	suite test_bpf "524 PASSED, 0 FAILED, [x/x JIT'ed]" test_range=0,523
	suite test_bpf "296 PASSED, 0 FAILED, [x/x JIT'ed]" test_range=532,827
fi
if [ "$1" = basereg ]; then
	refused test_tail_calls
else
	suite test_tail_calls "10 PASSED, 0 FAILED, [10/10 JIT'ed]"
fi
suite test_skb_segment "2 PASSED, 0 FAILED"
total
