#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compile the core and the glue with the flags and headers of both kernels, warnings as errors; every object is one test.
#
# kcheck.sh [x86 | arm64]...  The sources are linked into BUILD/kcheck and built there by kbuild as modules, so nothing is
# written to a kernel's tree or beside the sources.  x86 takes the headers of the installed kernel (or KDIR), arm64 a minimal
# tree that is prepared from linux-source-6.1.  No module is ever loaded; that the core's has no symbol but the few below
# shows that it needs nothing else of the kernel.
set -u
cd "$(dirname "$0")/.." || exit 2
work=$(realpath -m "${BUILD:-build}/kcheck")
[ $# != 0 ] || set -- x86 arm64
kdir=${KDIR:-}
# The flags of the make that called us are not for kbuild.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CC CFLAGS SAN DEBUG KDIR
passed=0 failed=0 skipped=0
list() {
	printf 'include sources.mk\nall:;@echo %s\n' "$1" | make -s -f -
}

# What the core may take from the kernel.
needs='memset|memcpy|memcmp|vsnprintf|snprintf|_printk|__stack_chk_fail|__x86_return_thunk|__fentry__|_mcount'
needs+='|__x86_indirect_thunk_[a-z0-9]*|__SCT__.*|__sanitizer_.*|module_layout|__this_module|init_module|cleanup_module'

# tree ARCH: which configured kernel to build against, or nothing.
tree() {
	if [ "$1" = x86 ]; then
		echo "${kdir:-$(find /usr/src -maxdepth 1 -name 'linux-headers-*-amd64' | sort -V | tail -n 1)}"
	elif build-support/deps.sh kcheck-arm64 >&2 && prepare_arm64 >"$work-arm64.log" 2>&1 </dev/null; then
		echo "$work/../kcheck-arm64"
	else
		tail -n 20 "$work-arm64.log" >&2
	fi
}

# Headers and what modules need, without compiling a kernel.
prepare_arm64() {
	local out=$work/../kcheck-arm64 make
	kernel/source.sh || return 1
	make=(make -s -C build/linux-6.1 O="$(realpath -m "$out")" -j"$(nproc)" "${arm64[@]}")
	[ "$out/.prepared" -nt kernel/config/arm64 ] && return 0
	mkdir -p "$out"
	cat kernel/config/common kernel/config/arm64 >"$out/.wanted"
	# gcc has no landing pads for kernels, and BTF would want the kernel itself.
	sed -i '/BTI_KERNEL\|INFO_BTF/d' "$out/.wanted"
	KCONFIG_ALLCONFIG=$(realpath "$out/.wanted") "${make[@]}" allnoconfig && "${make[@]}" modules_prepare &&
		touch "$out/.prepared"
}
arm64=(ARCH=arm64 CROSS_COMPILE=$([ "$(uname -m)" = aarch64 ] || echo aarch64-linux-gnu-))

# patched_headers TREE DIR: the headers that the patches change, as they are then, into DIR.
patched_headers() {
	local source file
	for source in "$1" "$1/source" "$(sed -n 's,^include \(/.*\)/Makefile$,\1,p' "$1/Makefile")"; do
		[ ! -e "$source/include/linux/sched.h" ] || break
	done
	for file in $(sed -n 's,^+++ b/include/,,p' kernel/patches/6.1/*.patch | sort -u); do
		cp "$source/include/$file" "$2/$file"
		# Fails where the tree has it already; the objects do not compile if it is another reason.
		awk -v want="b/include/$file" '/^--- / { first = $0; on = 0; next }
			/^\+\+\+ / { on = $2 == want; if (on) print first } on' kernel/patches/6.1/*.patch |
			patch -s -N -r - "$2/$file"
	done
}

# lay_out ARCH TREE: links to the sources, and the Kbuild file of two modules: the core, with both backends, and the glue,
# which keeps the stock JIT on x86 and does not on arm64.
lay_out() {
	local dir=$work/$1 file
	rm -rf "$dir"
	for file in include/moat/*.h jit/*.[ch] arch-x86/*.[ch] arch-arm64/*.[ch] verifier-ext/*.[ch]; do
		[ -e "$file" ] || continue
		mkdir -p "$dir/$(dirname "$file")"
		ln -s "$PWD/$file" "$dir/$file"
	done
	mkdir -p "$dir/include/linux"
	ln -s "$PWD/kernel/bpf_moat.h" "$dir/include/linux/bpf_moat.h"
	ln -s "$PWD"/kernel/*.[ch] "$dir"
	patched_headers "$2" "$dir/include" >"$dir.patch.log"
	cat >"$dir/Kbuild" <<-END
		# Made by kernel/kcheck.sh.
		LINUXINCLUDE := -I$dir/include \$(LINUXINCLUDE)
		ccflags-y := -I$dir/include -I$dir -Werror -Wenum-conversion -Wframe-larger-than=1024
		obj-m := moat.o glued.o
		moat-y := kcheck.o $core
		ccflags-glue := -DCONFIG_BPF_JIT_MOAT $([ "$1" != x86 ] || echo -DCONFIG_BPF_JIT_MOAT_KEEP_STOCK)
		$(for file in $(glue "$1"); do echo "CFLAGS_$file := \$(ccflags-glue)"; done)
		# What the glue needs is for built-in code only.
		$(glue "$1" | sed 's|^|\$(obj)/|' | paste -sd ' '): CFLAGS_MODULE := -UMODULE
		glued-y := kcheck.o $(echo $(glue "$1"))
	END
	cat >"$dir/kcheck.c" <<-'END'
		#include <linux/module.h>
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("Moat, compiled only");
	END
}

glue() {
	local other=$([ "$1" = x86 ] && echo arm64 || echo x86) file
	for file in kernel/*.c; do
		[ "$file" = "kernel/$other.c" ] || echo "$(basename "$file" .c).o"
	done
}

# check ARCH TREE [MAKE VARIABLE...]
check() {
	local arch=$1 kernel=$2 dir=$work/$1 log=$work/$1.log object more bad=0
	shift 2
	lay_out "$arch" "$kernel"
	echo "$arch: headers of $kernel"
	make -k -j"$(nproc)" -C "$kernel" M="$dir" "$@" KBUILD_MODPOST_WARN=1 modules >"$log" 2>&1 </dev/null
	sed -i "s|$dir/||g" "$log"
	for object in $core $(glue "$arch"); do
		if [ -e "$dir/$object" ]; then
			passed=$((passed + 1))
		else
			bad=$((bad + 1))
			echo "FAIL $arch: $object does not compile"
		fi
	done
	more=$({ nm -u "$dir/moat.o" || echo "U moat.o"; } 2>/dev/null | awk '{ print $2 }' | grep -vxE "$needs" | paste -sd ' ')
	# This objtool has not been told which functions of the glue never return.
	if [ -z "$more" ] && ! grep -vE '^[a-z0-9_]+\.o: .*falls through to next function' "$log" |
		grep -qE 'objtool: |warning: [^"]*$'; then
		passed=$((passed + 1))
	else
		bad=$((bad + 1))
		echo "FAIL $arch: warnings, or symbols that the core may not need: $more"
	fi
	[ $bad = 0 ] || grep -vE '^ +(CC|LD|MODPOST|AR)|^make|undefined!' "$log"
	failed=$((failed + bad))
}

core=$(list '$(MOAT_JIT) $(MOAT_X86) $(MOAT_ARM64) $(MOAT_AUDIT)')
mkdir -p "$work"
for arch in "$@"; do
	kernel=$(tree "$arch")
	if [ ! -e "$kernel/Makefile" ]; then
		echo "SKIP kcheck-$arch: no kernel headers"
		skipped=$((skipped + 1))
	elif [ "$arch" = x86 ]; then
		check x86 "$kernel"
	else
		check arm64 "$kernel" "${arm64[@]}"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
