#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Make the image of the test VM, KERNELS/vm-ARCH/image.cpio: build.sh ARCH.  BUILD holds what user space needs for ARCH.
#
# The modules must be those of the kernel's own build (their type numbers would not fit another), so this runs every time.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# = 1 ] || { echo "usage: $0 ARCH" >&2; exit 2; }
use "$1"
build=${BUILD:-build}
"$here/bpftool.sh" "$arch"
set -- "$kernel/lib/test_bpf.ko=/moat/" "$work/bpftool/bpftool=/usr/sbin/" "$here/welcome=/moat/"
for suite in "$here"/suites/*.sh; do
	set -- "$@" "$suite=/moat/suites/"
done
for object in "$build"/examples/*.bpf.o "$build"/bench/*.bpf.o "$build"/tests/kernel-vm/*.bpf.o; do
	[ ! -e "$object" ] || set -- "$@" "$object=/moat${object#"$build"}"
done
[ ! -x "$build/moat" ] || set -- "$@" "$build/moat=/usr/sbin/"
for program in "$build"/tests/kernel-vm/*; do
	case $program in
	*.[ado])	;;
	*)		[ ! -x "$program" ] || set -- "$@" "$program=/moat/tests/kernel-vm/" ;;
	esac
done
"$here/image.sh" "$arch" "$work/image.cpio" "$@"
