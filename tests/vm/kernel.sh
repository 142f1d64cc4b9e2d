#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Print the path of a kernel (6.12 or later) for the test VM; fetch it first if need be.  Nothing is installed.
#
# Only from 6.12 on does Linux open all keys before it writes a signal frame, so only there can a fault be reported while
# key 0 is closed.  Debian 12 has such a kernel in its backports.  It is fetched by apt with state of its own: this
# machine's package lists and sources stay as they are.  A failure prints its reason on stderr in one line and exits 1.
set -eu

say() { echo "$*" >&2; exit 1; }

[ -z "${MOAT_VM_KERNEL-}" ] || { echo "$MOAT_VM_KERNEL"; exit 0; }
here=${BUILD:-build}/vm
cache=${XDG_CACHE_HOME:-${HOME:-$PWD/$here}/.cache}/moat
for image in "$here"/vmlinuz-* "$cache"/vmlinuz-*; do
	[ -r "$image" ] && { echo "$image"; exit 0; }
done

for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null || say "no kernel for the VM: $tool is missing"
done
. /etc/os-release
key=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
	awk -v s="$VERSION_CODENAME" '$2 == s && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || say "no kernel for the VM: apt has no list of Debian $VERSION_CODENAME main (apt-get update)"

apt=$PWD/$here/apt
[ "${here#/}" = "$here" ] || apt=$here/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/state"
: >"$apt/status"
echo "deb [signed-by=$key] $mirror $VERSION_CODENAME-backports main" >"$apt/sources.list"
own="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$apt/state
	-o Dir::State::lists=$apt/lists -o Dir::State::status=$apt/status -o Dir::Cache=$apt
	-o APT::Sandbox::User=$(id -un) -o Acquire::Languages=none"
log=$here/apt.log

timeout 120 apt-get $own update >"$log" 2>&1 || say "no kernel for the VM: apt-get update failed, see $log"
package=$(apt-cache $own show linux-image-cloud-amd64 2>>"$log" |
	sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
[ -n "$package" ] || say "no kernel for the VM: $VERSION_CODENAME-backports has no linux-image-cloud-amd64"
(cd "$apt/archives" && timeout 300 apt-get $own download "$package") >>"$log" 2>&1 ||
	say "no kernel for the VM: $package could not be downloaded, see $log"
dpkg-deb -x "$apt"/archives/"$package"_*.deb "$apt/tree"
for image in "$apt"/tree/boot/vmlinuz-*; do
	name=${image##*/}
	# Built beside its place and renamed: a second run at the same time sees a whole file or none.
	cp "$image" "$here/.$name.$$" && mv "$here/.$name.$$" "$here/$name"
	if mkdir -p "$cache" 2>/dev/null && cp "$image" "$cache/.$name.$$" 2>/dev/null; then
		mv "$cache/.$name.$$" "$cache/$name"
	fi
	echo "$here/$name"
done
rm -rf "$apt"
