#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Have the source of Debian's linux-source-6.1 in build/linux-6.1, with Moat in it.  Another tarball: LINUX_SOURCE=FILE
set -eu
cd "$(dirname "$0")/.."
tarball=${LINUX_SOURCE:-/usr/src/linux-source-6.1.tar.xz}
tree=build/linux-6.1
[ -e "$tarball" ] || { echo "$0: no $tarball: it comes with the package linux-source-6.1" >&2; exit 1; }

# Only one of us at a time: the tree is shared.
mkdir -p build
exec 9>build/.linux-6.1-lock
flock 9

# What the tree is made from: the package's version, and the patches, which change files of it.
made_from=$({ stat -Lc '%s %Y' "$tarball"; cat kernel/patches/6.1/*.patch; } | sha256sum)
if [ "$(cat $tree/.made-from 2>/dev/null)" != "$made_from" ]; then
	echo "unpacking $tarball to $tree"
	fresh=$tree.unpacked
	rm -rf $fresh
	mkdir -p $fresh
	tar -C $fresh --strip-components=1 -xf "$tarball"
	kernel/install.sh $fresh
	if [ -d $tree ]; then
		# What differs gets the present time, whatever the package says: objects may be younger than that.
		rsync -rlp --checksum --delete $fresh/ $tree/
		rm -rf $fresh
	else
		mv $fresh $tree
	fi
fi
kernel/install.sh $tree
echo "$made_from" >$tree/.made-from
