#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build Linux 6.1 with Moat as its JIT: [VARIANT=debug] build.sh x86 | arm64 [TARGET...].  Called by `make kernel`.
#
# The source of Debian's linux-source-6.1 lies in build/linux-6.1, for both architectures; what is built, modules too, goes to
# build/kernel-ARCH.  Done again, only what has changed is built.  The log is build/kernel-ARCH.log.  A variant has the options
# of kernel/config/VARIANT on top, and build/kernel-ARCH-VARIANT.
set -u
cd "$(dirname "$0")/.." || exit 2
arch=${1-}
shift
case $arch in
x86)	kbuild=(ARCH=x86 CROSS_COMPILE=$([ "$(uname -m)" = x86_64 ] || echo x86_64-linux-gnu-))
	targets=(bzImage modules)
	image=arch/x86/boot/bzImage ;;
	# clang, because gcc 12 cannot give a kernel landing pads (BTI).
arm64)	kbuild=(ARCH=arm64 LLVM=-16)
	targets=(Image modules)
	image=arch/arm64/boot/Image ;;
*)	echo "usage: $0 x86 | arm64 [TARGET...]" >&2; exit 2 ;;
esac
[ $# = 0 ] || targets=("$@")
# The flags and variables of the make that called us are not for kbuild.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CC CFLAGS LDFLAGS SAN DEBUG BUILD
variant=${VARIANT-}
[ -z "$variant" ] || [ -r "kernel/config/$variant" ] || { echo "$0: there is no kernel/config/$variant" >&2; exit 2; }
name=kernel-$arch${variant:+-$variant}
source=$PWD/build/linux-6.1
out=$PWD/build/$name
log=$PWD/build/$name.log
mkdir -p "$out"

say() {
	echo "kernel $arch${variant:+ $variant}: $*"
}

die() {
	say "$@" >&2
	exit 1
}

# One build at a time in a directory.
exec 9>"$out/.lock"
flock -n 9 || { say "waiting for another build of it to end"; flock 9; }

build-support/deps.sh "kernel-$arch" && kernel/source.sh || exit 1

kmake() {
	make -C "$source" O="$out" "${kbuild[@]}" "$@"
}

# The configuration: what our files ask for, everything else off.  Only what depends on a changed option is built anew.
wanted=$(cat kernel/config/common "kernel/config/$arch")
if [ -n "$variant" ]; then
	# What a variant says of an option replaces what the others say.
	said=$(grep -oE 'CONFIG_[A-Z0-9_]+[= ]' "kernel/config/$variant" | tr -d '= ')
	wanted=$(grep -vwF "$said" <<<"$wanted"; cat "kernel/config/$variant")
fi
config=$(echo "$wanted" | cat - kernel/Kconfig kernel/patches/6.1/*.patch | sha256sum)
if [ "$(cat "$out/.configured-from" 2>/dev/null)" != "$config" ]; then
	echo "$wanted" >"$out/.wanted"
	KCONFIG_ALLCONFIG=$out/.wanted kmake -s allnoconfig >"$log" 2>&1 </dev/null ||
		{ cat "$log" >&2; die "cannot configure"; }
	absent=$(grep -E '^CONFIG_[A-Z0-9_]+=' "$out/.wanted" | grep -vxFf "$out/.config")
	[ -z "$absent" ] || die "not to be had in this kernel, because of what it depends on:" $absent
	echo "$config" >"$out/.configured-from"
fi

# Lines "  CC      file.o" of the log are counted, so that one sees it moving.
progress() {
	local start=$SECONDS
	while sleep "${PROGRESS:-20}"; do
		say "$(grep -cE '^  (CC|AS|LD|AR) ' "$log") files, $((SECONDS - start)) s: $(tail -n 1 "$log" | cut -c 1-80)"
	done
}

start=$SECONDS
say "building ${targets[*]}, log in build/$name.log"
progress &
watcher=$!
kmake -j"$(nproc)" "${targets[@]}" >"$log" 2>&1 </dev/null
status=$?
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
if [ $status != 0 ]; then
	grep -nE -A 8 'error:|Error [0-9]|undefined reference|FAILED|No rule' "$log" | head -n 60 >&2
	die "make ended with status $status; the whole log is $log"
fi
grep -nE 'bpf/moat.*warning:|objtool: .*moat' "$log" && die "warnings in Moat's files"
say "done in $((SECONDS - start)) s$([ ! -e "$out/$image" ] || echo ": build/$name/$image ($(stat -Lc %s "$out/$image") bytes)")"
