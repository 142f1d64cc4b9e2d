#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Have the Debian tree of ARCH that the VM's programs are linked with and taken from: root.sh ARCH.
set -eu
here=$(dirname "$0")
. "$here/env.sh"
[ $# = 1 ] || { echo "usage: $0 ARCH" >&2; exit 2; }
use "$1"
"$here/../../build-support/sysroot.sh" "$debian" "$root" binutils-dev libcap-dev busybox-static iproute2 dash bash
