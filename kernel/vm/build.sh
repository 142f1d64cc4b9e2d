#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Make the image of the test VM, KERNELS/vm-ARCH/image[-VARIANT].cpio: build.sh ARCH [selftests].  BUILD has our programs for
# ARCH; "selftests" adds those of the kernel.
#
# The modules must be those of the kernel's own build, as their type numbers would not fit another: this runs every time.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
case $#${2-} in
1|2selftests)	;;
*)	echo "usage: $0 ARCH [selftests]" >&2; exit 2 ;;
esac
use "$1"
selftests=${2-}
build=${BUILD:-build}
"$here/bpftool.sh" "$arch"
set -- "$kernel/lib/test_bpf.ko=/moat/" "$work/bpftool/bpftool=/usr/sbin/" "$here/welcome=/moat/"
for suite in "$here"/suites/*.sh "$here"/suites/*.txt; do
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
if [ -n "$selftests" ]; then
	"$here/selftests.sh" "$arch"
	set -- "$@" "$work/selftests/image=/moat/selftests" "$here/selftests.txt=/moat/"
fi
"$here/image.sh" "$arch" "$initramfs" "$@"
