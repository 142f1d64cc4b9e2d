#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compile the core with the kernel's flags and headers, warnings as errors; every object counts as one test.
#
# The sources of sources.mk are linked into BUILD/kcheck and built there by kbuild as one module, so nothing is written to
# the kernel's tree or beside the sources.  The module is never loaded: that it has no unresolved symbol shows that the
# core needs nothing but what kernels export.
set -u
cd "$(dirname "$0")/.." || exit 2
work=$(realpath -m "${BUILD:-build}/kcheck")
kernel=${KDIR:-$(find /usr/src -maxdepth 1 -name 'linux-headers-*-amd64' | sort -V | tail -n 1)}
if [ ! -e "$kernel/Makefile" ]; then
	echo "SKIP kcheck: no kernel headers (linux-headers-amd64)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
# The flags of the make that called us are not for kbuild.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CC CFLAGS SAN DEBUG
objects=$(printf 'include sources.mk\nall:;@echo $(MOAT_JIT) $(MOAT_X86) $(MOAT_ARM64) $(MOAT_AUDIT)\n' | make -s -f -)

rm -rf "$work"
for file in include/moat/*.h jit/*.[ch] arch-x86/*.[ch] arch-arm64/*.[ch] verifier-ext/*.[ch]; do
	[ -e "$file" ] || continue
	mkdir -p "$work/$(dirname "$file")"
	ln -s "$PWD/$file" "$work/$file"
done
cat >"$work/Kbuild" <<EOF
# Made by kernel/kcheck.sh.
ccflags-y := -I$work/include -Werror -Wenum-conversion -Wframe-larger-than=1024
obj-m := moat.o
moat-y := kcheck.o $objects
EOF
cat >"$work/kcheck.c" <<'EOF'
#include <linux/module.h>
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Moat core, compiled only");
EOF

echo "headers: $kernel"
log=$work/log
make -k -j"$(nproc)" -C "$kernel" M="$work" KBUILD_MODPOST_WARN=1 modules >"$log" 2>&1 </dev/null
sed -i "s|$work/||g" "$log"

passed=0 failed=0
for object in $objects; do
	if [ -e "$work/$object" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $object does not compile"
	fi
done
if [ $failed = 0 ]; then
	if [ -e "$work/moat.ko" ] && ! grep -qE 'undefined!|objtool: |warning:' "$log"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL moat.ko: warnings, or symbols that the kernel does not export"
	fi
fi
[ $failed = 0 ] || grep -vE '^ +(CC|LD|MODPOST)|^make' "$log"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
