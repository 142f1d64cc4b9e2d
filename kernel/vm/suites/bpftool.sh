#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# bpftool on our code: the disassembly of every example with its lines, as long as the kernel says the image is.
. /moat/suites/lib.sh
pin=/sys/fs/bpf/dump
case $(uname -m) in
x86_64)	first='push.*%rbp' last='ret|jmp.*return_thunk|int3' ;;
*)	first='mov.*x9, x30|paciasp|stp.*x29' last='ret|br' ;;
esac

bpftool version
bpftool version | grep -q libbfd && ok || bad "bpftool has no disassembler"
for object in /moat/examples/*.bpf.o; do
	name=${object##*/}
	if ! bpftool prog load "$object" $pin >/tmp/log 2>&1; then
		# The hostile example is one that a verifier stops.
		skip "$name: the verifier refuses it: $(grep -B 1 '^processed ' /tmp/log | head -n 1)"
		continue
	fi
	bpftool prog dump jited pinned $pin >/tmp/code 2>&1 || bad "$name: dump jited: $(tail -n 1 /tmp/code)"
	bpftool prog dump jited pinned $pin linum >/tmp/lines 2>&1
	bpftool prog dump jited pinned $pin file /tmp/image
	grep -qE "$first" /tmp/code && ok || bad "$name: no prologue"
	grep -qE "$last" /tmp/code && ok || bad "$name: no end"
	grep -q '(bad)\|undefined' /tmp/code && bad "$name: not all is code" || ok
	grep -qE '^; .*\[file:.*line_num:[0-9]+' /tmp/lines && ok || bad "$name: no line numbers"
	size=$(bpftool prog show pinned $pin | sed -n 's/.*jited \([0-9]*\)B.*/\1/p')
	is "$name: bytes of the image" "$(wc -c </tmp/image)" "$size"
	[ "$name" != firewall.bpf.o ] || head -n 60 /tmp/code
	rm $pin
done
total
