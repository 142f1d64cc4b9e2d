#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the kernel's own test_verifier, bpf_testmod and the chosen part of test_progs: selftests.sh ARCH.
# The result is KERNELS/vm-ARCH/selftests/image.
#
# They are built in a copy of the kernel's tools/ that has only the chosen tests and the programs that those name: the others
# need time, and types that our small kernel does not have.  The module is made anew whenever the kernel is: it refers to
# the kernel's types by number, and another kernel of the same sources may count otherwise.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# = 1 ] || { echo "usage: $0 ARCH" >&2; exit 2; }
use "$1"
copy=$work/selftests log=$work/selftests.log list=$here/selftests.txt
tests=$copy/tools/testing/selftests/bpf
module=$copy/image/bpf_testmod.ko
made_from=$(cat "$kernel/.config" "$list" "$0" "$linux/Makefile" | sha256sum)
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CC CFLAGS LDFLAGS
export KDIR=$kernel
if [ "$(cat "$copy/.made-from" 2>/dev/null)" = "$made_from" ]; then
	[ "$module" -nt "$kernel/vmlinux" ] && exit 0
	make -C "$tests/bpf_testmod" clean all >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "the module does not build, see $log"; }
	cp "$tests/bpf_testmod/bpf_testmod.ko" "$module"
	exit 0
fi
echo "selftests for $arch: building ($log)"
rm -rf "$copy"
mkdir -p "$copy"
cp -r "$linux/tools" "$copy/tools"
for part in Makefile arch include kernel lib scripts net; do
	ln -s "$linux/$part" "$copy/$part"
done

# keep FROM TO: the chosen of prog_tests, then what they name of progs, and what those include, go from FROM to TO.
cd "$tests"
mv prog_tests prog_tests.all
mv progs progs.all
mkdir prog_tests progs
for name in $(grep -v '^#' "$OLDPWD/$list"); do
	file=$(grep -lE "^void (serial_)?test_$name\(" prog_tests.all/*.c) || die "$list: there is no test $name"
	cp -n "$file" prog_tests/
done
cp progs.all/*.h progs/
# The Makefile names some itself, and links others from parts.
wanted=$(cat prog_tests/*.c Makefile |
	grep -oE '[A-Za-z0-9_]+\.(l?skel\.h|subskel\.h|bpf\.o|c)\b' | sed 's/\..*//' | sort -u)
while [ -n "$wanted" ]; do
	next=
	for name in $wanted; do
		[ -e "progs.all/$name.c" ] && [ ! -e "progs/$name.c" ] || continue
		cp "progs.all/$name.c" progs/
		next+=" $(sed -nE 's/^#include "(.*)\.c"/\1/p' "progs/$name.c")"
	done
	wanted=$next
	[[ $wanted =~ [a-z] ]] || break
done
# Two helpers of tests that were not chosen.
sed -i -E '/\(OUTPUT\)\/(xdp_synproxy|sign-file)[[:space:]]*\\$/d' Makefile
cd "$OLDPWD"

make -j"$(nproc)" -C "$tests" CLANG=clang-16 LLC=llc-16 LLVM_STRIP=llvm-strip-16 LLD=lld-16 \
	GENDIR="$kernel/include/generated" VMLINUX_BTF="$kernel/vmlinux" test_verifier test_progs >"$log" 2>&1 ||
	{ grep -aE 'error|Error|\*\*\*' "$log" | head -n 20 >&2; die "the selftests do not build, see $log"; }
mkdir "$copy/image"
cd "$tests"
ln test_progs test_verifier urandom_read liburandom_read.so ./*.bpf.o "$copy/image/"
cp bpf_testmod.ko "$copy/image/"
strip "$copy/image/test_verifier"
echo "$made_from" >"$copy/.made-from"
