#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A shell in the test VM: shell.sh ARCH [PARAMETER]...; PARAMETERs are for the kernel's command line (bpf_moat=stock).
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# -ge 1 ] || { echo "usage: $0 ARCH [PARAMETER]..." >&2; exit 2; }
use "$1"
shift
"$here/build.sh" "$arch"
# What the host has in its build folder can be read in /mnt.
QEMU_OPTIONS="${QEMU_OPTIONS-} -virtfs local,path=$kernels,mount_tag=share,security_model=none,readonly=on" \
	exec "$here/boot.sh" -i "$arch" "$initramfs" 86400 /dev/null "$@"
