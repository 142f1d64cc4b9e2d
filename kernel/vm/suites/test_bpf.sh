#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own lib/test_bpf: test_bpf.sh MODE.  Every program must be compiled, and as many as are known must pass.
. /moat/suites/lib.sh

is "net.core.bpf_moat" "$(sysctl -n net.core.bpf_moat)" "$1"

# suite NAME SUMMARY: all its tests; a summary with other numbers is a failure even if none of them is "FAILED".
suite() {
	dmesg >/tmp/before
	insmod /moat/test_bpf.ko test_suite="$1" || bad "$1: the module reports an error"
	dmesg | tail -n +$(($(wc -l </tmp/before) + 1)) | sed 's/^\[[^]]*\] //' >/tmp/log
	rmmod test_bpf 2>/dev/null
	# A test that was not compiled is one that the JIT refused.
	grep -E 'FAIL|jited:0' /tmp/log | grep -v 'Summary' | head -n 40 | while read -r line; do
		echo "FAIL $line"
	done
	summary=$(sed -n 's/^test_bpf: .*Summary: //p' /tmp/log | tail -n 1)
	echo "$1: $summary"
	is "$1" "$summary" "$2"
	set -- "$(echo "$summary" | sed -n 's/^\([0-9]*\) PASSED.*/\1/p')" \
		"$(echo "$summary" | sed -n 's/.*PASSED, \([0-9]*\) FAILED.*/\1/p')"
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-0}))
}

suite test_bpf "1026 PASSED, 0 FAILED, [1014/1014 JIT'ed]"
suite test_tail_calls "10 PASSED, 0 FAILED, [10/10 JIT'ed]"
suite test_skb_segment "2 PASSED, 0 FAILED"
total
