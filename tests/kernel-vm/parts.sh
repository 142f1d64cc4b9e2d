#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Count what isolation costs, in one boot of the test kernel with modes none and basereg: parts.sh ARCH TABLE.
#
# BUILD holds the programs (make kernel-vm), KERNELS the kernel (make kernel).  One virtual CPU, and a plugin that counts.
set -eu
cd "$(dirname "$0")/../.."
. kernel/vm/env.sh
[ $# = 2 ] || { echo "usage: $0 ARCH TABLE" >&2; exit 2; }
use "$1"
table=$2
build=${BUILD:-build}
plugin=$work/parts-plugin.so
defines=
[ "$arch" != arm64 ] || defines=-DGUEST_ARM64
gcc -O2 -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -shared -fPIC -fvisibility=hidden $defines \
	-o "$plugin" tests/kernel-vm/parts-plugin.c

echo "parts 600 tests/kernel-vm/parts" >"$work/parts.job"
set -- "$work/parts.job=/job" "$build/tests/kernel-vm/parts=/moat/tests/kernel-vm/"
for object in parts isolate trace; do
	set -- "$@" "$build/tests/kernel-vm/$object.bpf.o=/moat/tests/kernel-vm/"
done
for object in "$build"/examples/*.bpf.o; do
	set -- "$@" "$object=/moat/examples/"
done
kernel/vm/image.sh "$arch" "$work/parts.cpio" "$@"
log=$work/parts.log counts=$work/parts.counts
rm -f "$counts"
MOAT_VM_CPUS=1 QEMU_OPTIONS="-plugin file=$plugin -d plugin -D $counts" \
	kernel/vm/boot.sh "$arch" "$work/parts.cpio" 700 "$work/parts.console" bpf_moat=none nokaslr >"$log" || {
	echo "$0: the machine ended with $?, see $log and $work/parts.console" >&2
	exit 1
}
grep -a '^FAIL' "$log" >&2 || true
if ! grep -qaE '^[0-9]+ passed, 0 failed' "$log"; then
	echo "$0: parts failed, see $log" >&2
	exit 1
fi
python3 tests/kernel-vm/parts.py "$arch" "$log" "$counts" "$table"
