#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Compare the stock JIT with Moat's mode none in one boot of the test kernel: compare.sh ARCH TABLE [JSON].
#
# BUILD holds the programs (make kernel-vm), KERNELS the kernel (make kernel).  One virtual CPU, and a plugin that counts the
# instructions which the programs' code executes: the numbers but the times are the same on every machine.
set -eu
cd "$(dirname "$0")/../.."
. kernel/vm/env.sh
[ $# -ge 2 ] || { echo "usage: $0 ARCH TABLE [JSON]" >&2; exit 2; }
use "$1"
table=$2 json=${3:-$work/compare.json}
build=${BUILD:-build}
plugin=$work/count-plugin.so
defines=
[ "$arch" != arm64 ] || defines=-DGUEST_ARM64
gcc -O2 -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -shared -fPIC -fvisibility=hidden $defines \
	-o "$plugin" tests/kernel-vm/count-plugin.c

echo "compare 1500 tests/compare" >"$work/compare.job"
set -- "$work/compare.job=/job" "$build/tests/kernel-vm/compare=/moat/tests/"
for object in "$build"/examples/*.bpf.o; do
	set -- "$@" "$object=/moat/examples/"
done
for object in "$build"/bench/*.bpf.o; do
	set -- "$@" "$object=/moat/bench/"
done
kernel/vm/image.sh "$arch" "$work/compare.cpio" "$@"
log=$work/compare.log counts=$work/compare.counts
rm -f "$counts"
MOAT_VM_CPUS=1 QEMU_OPTIONS="-plugin file=$plugin -d plugin -D $counts" \
	kernel/vm/boot.sh "$arch" "$work/compare.cpio" 1800 "$work/compare.console" bpf_moat=none nokaslr >"$log" || {
	echo "$0: the machine ended with $?, see $log and $work/compare.console" >&2
	exit 1
}
grep -a '^FAIL' "$log" >&2 || true
if ! grep -qaE '^[0-9]+ passed, 0 failed' "$log"; then
	echo "$0: compare failed, see $log" >&2
	exit 1
fi
python3 tests/kernel-vm/compare.py "$arch" "$log" "$counts" "$table" "$json"
