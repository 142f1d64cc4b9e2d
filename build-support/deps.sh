#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Have the Debian packages that a target needs: deps.sh TARGET, see usage.  Root installs them, others are told how to.
set -eu

demo="gcc libc6-dev make binutils pkg-config libbpf-dev libelf-dev zlib1g-dev libcapstone-dev libjson-c-dev libpcap-dev
	liburcu-dev linux-libc-dev clang llvm python3"
check="$demo lld libclang-rt-14-dev linux-headers-amd64 qemu-system-x86 seabios busybox-static cpio gzip util-linux"
# On x86, arm64 is built and run as well.
[ "$(uname -m)" != x86_64 ] || check="$check gcc-aarch64-linux-gnu qemu-user"

kernel="linux-source-6.1 make gcc libc6-dev binutils xz-utils patch flex bison bc perl python3 kmod cpio rsync dwarves
	libelf-dev zlib1g-dev libssl-dev util-linux"
kernel_x86=$kernel
[ "$(uname -m)" = x86_64 ] || kernel_x86="$kernel gcc-x86-64-linux-gnu"
kernel_arm64="$kernel clang-16 llvm-16 lld-16"
kcheck_arm64="$kernel $([ "$(uname -m)" = aarch64 ] || echo gcc-aarch64-linux-gnu)"
# The machines that they are tested in, and the kernel's tools and tests.
kernel_vm="$demo qemu-system-x86 seabios qemu-system-arm cpio rsync util-linux libcap-dev libssl-dev clang-16 llvm-16 lld-16
	gcc-aarch64-linux-gnu"

case ${1-} in
demo)	want=$demo ;;
check)	want=$check ;;
kernel-x86)	want=$kernel_x86 ;;
kernel-arm64)	want=$kernel_arm64 ;;
kcheck-arm64)	want=$kcheck_arm64 ;;
kernel-vm)	want=$kernel_vm ;;
*)	echo "usage: $0 demo | check | kernel-x86 | kernel-arm64 | kernel-vm" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null || { echo "$0: not a Debian system; needed are the counterparts of:" $want >&2; exit 1; }

missing=
for package in $want; do
	dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" != 0 ]; then
	echo "$0: packages are missing; run as root: apt-get update && $install" >&2
	exit 1
fi
echo "installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# The lists may name versions that are gone: update first.  A third-party source that fails is not ours to judge.
apt-get update >"$log" 2>&1 || true
$install >>"$log" 2>&1 </dev/null || { tail -n 30 "$log" >&2; exit 1; }
