#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Make an initramfs for the test VM: image.sh ARCH OUT [FILE=PATH]...; a FILE is put at PATH with the libraries it needs.
#
# PATH ending in "/" keeps FILE's name.  The base (busybox, iproute2, C library) is Debian's, fetched for ARCH by apt and
# unpacked, so nothing of this machine gets into the VM; libraries are found by the names that programs give.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# -ge 2 ] || { echo "usage: $0 ARCH OUT [FILE=PATH]..." >&2; exit 2; }
use "$1"
out=$2
shift 2
"$here/root.sh" "$arch"

tree=$(mktemp -d "$work/.tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT TERM

# library NAME: put it where the loader looks, with what it needs itself.
library() {
	[ ! -e "$tree/lib/$1" ] || return 0
	found=$(find "$root/lib" "$root/usr/lib" "$tree" -name "$1" | head -n 1)
	[ -n "$found" ] || die "no $1 in $root, which a program needs"
	mkdir -p "$tree/lib"
	cp -L "$found" "$tree/lib/$1"
	needed "$tree/lib/$1"
}

# needed FILE: its interpreter and libraries; nothing for what is no ELF file, or static.
needed() {
	for name in $(readelf -dl "$1" 2>/dev/null |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p; s/.*program interpreter: \(.*\)\]/\1/p'); do
		library "${name##*/}"
	done
}

# put FILE PATH
put() {
	case $2 in
	*/)	set -- "$1" "$2${1##*/}" ;;
	esac
	[ -r "$1" ] || die "$1 is missing"
	mkdir -p "$tree${2%/*}"
	cp -rL "$1" "$tree$2"
	for elf in $(find "$tree$2" -type f -perm -u+x); do
		needed "$elf"
	done
}

# The loader's names: /lib64/ld-linux-x86-64.so.2, /lib/ld-linux-aarch64.so.1.
ln -s lib "$tree/lib64"
# busybox's own shell prefers its applets to all programs, and its ip and tc are simpler ones.
put "$root/bin/busybox" /bin/
put "$root/bin/dash" /bin/sh
put "$root/bin/bash" /bin/
# Loaded when a thread ends itself, so no program says that it needs it.
library libgcc_s.so.1
for program in bin/ip sbin/tc sbin/bridge bin/ss; do
	put "$root/$program" /usr/sbin/
done
put "$here/init" /init
for pair; do
	put "${pair%%=*}" "${pair#*=}"
done
(cd "$tree" && find . | cpio -o -H newc --quiet) >"$out.$$"
mv "$out.$$" "$out"
