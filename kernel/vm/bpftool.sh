#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build bpftool for the test VM from the kernel's own source, with libbfd's disassembler: bpftool.sh ARCH.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# = 1 ] || { echo "usage: $0 ARCH" >&2; exit 2; }
use "$1"
out=$work/bpftool log=$work/bpftool.log
[ "$out/bpftool" -nt "$linux/tools/bpf/bpftool/Makefile" ] && exit 0
"$here/root.sh" "$arch"
echo "bpftool for $arch: building ($log)"
mkdir -p "$out"
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CC CFLAGS LDFLAGS
# The flags for the target are in CC: CFLAGS would reach the programs of this machine, too.
make -j"$(nproc)" -C "$linux/tools/bpf/bpftool" OUTPUT="$out/" VMLINUX_BTF="$kernel/vmlinux" \
	CROSS_COMPILE="$prefix" CC="${prefix}gcc --sysroot=$root" HOSTCC=gcc CLANG=clang-16 LLVM_STRIP=llvm-strip-16 \
	>"$log" 2>&1 || { tail -n 30 "$log" >&2; rm -f "$out/bpftool"; die "bpftool does not build, see $log"; }
readelf -d "$out/bpftool" | grep -q libbfd || { rm "$out/bpftool"; die "bpftool was built without libbfd, see $log"; }
