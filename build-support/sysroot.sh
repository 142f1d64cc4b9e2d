#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Make the tree of headers and libraries that a cross build links with: sysroot.sh ARCH DIR [PACKAGE]...; ARCH as Debian
# says it (arm64).  PACKAGEs are added with the libraries that they need, and then the tree has programs, too.
#
# The packages are fetched by apt with state of its own and unpacked, not installed: this machine's packages, sources and
# architectures stay as they are.  A DIR that is whole is left alone; a copy under ~/.cache/moat makes the next one quick.
# A failure prints its reason on stderr in one line and exits 1.
set -eu

say() { echo "no sysroot: $*" >&2; exit 1; }

[ $# -ge 2 ] || { echo "usage: $0 ARCH DIR [PACKAGE]..." >&2; exit 2; }
arch=$1 dir=$2
shift 2
want="libc6-dev linux-libc-dev libbpf-dev libelf-dev zlib1g-dev libcapstone-dev libjson-c-dev libpcap0.8-dev liburcu-dev${*:+ $*}"
for tool in apt-get dpkg-deb tar gzip sha256sum; do
	command -v $tool >/dev/null || say "$tool is missing"
done
codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ -n "$codename" ] || say "/etc/os-release names no VERSION_CODENAME"
stamp=$(echo "$arch $codename $want" | sha256sum | cut -c 1-16)
is_whole() { [ "$(cat "$1/.stamp" 2>/dev/null)" = "$stamp" ]; }
is_whole "$dir" && exit 0

parent=$(dirname "$dir")
mkdir -p "$parent"
work=$(mktemp -d "$(cd "$parent" && pwd)/.sysroot.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
root=$work/root
mkdir "$root"
cache=${XDG_CACHE_HOME:-${HOME:-$work}/.cache}/moat
saved=$cache/sysroot-$arch-$stamp.tar.gz

# Two at the same time: one of them finds a whole DIR in the way, which is as good as its own.
put() {
	[ ! -e "$dir" ] || is_whole "$dir" || mv -T "$dir" "$work/old"
	mv -T "$root" "$dir" 2>/dev/null || is_whole "$dir" || say "$dir cannot be written"
	exit 0
}

if [ -r "$saved" ] && tar -C "$root" -xzf "$saved" 2>/dev/null && is_whole "$root"; then
	put
fi

key=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
	awk -v s="$codename" '$2 == s && $3 == "main" { print $1; exit }')
[ -r $key ] && [ -n "$mirror" ] || say "apt has no list of Debian $codename main (apt-get update)"
apt=$work/apt log=$dir.log
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/state"
: >"$apt/status"
echo "deb [signed-by=$key] $mirror $codename main" >"$apt/sources.list"
own="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$apt/state
	-o Dir::State::lists=$apt/lists -o Dir::State::status=$apt/status -o Dir::Cache=$apt
	-o APT::Architecture=$arch -o APT::Architectures=$arch -o APT::Sandbox::User=$(id -un)
	-o APT::Keep-Downloaded-Packages=true -o Debug::NoLocking=true -o Acquire::Languages=none"
timeout 120 apt-get $own update >"$log" 2>&1 || say "apt-get update failed, see $log"
[ -n "$(apt-cache $own pkgnames libc6-dev 2>>"$log")" ] || say "Debian $codename has no architecture $arch, see $log"
timeout 300 apt-get $own -y --no-install-recommends --download-only install $want >>"$log" 2>&1 ||
	say "the packages could not be downloaded, see $log"

# Libraries, headers and what was asked for; what else apt thinks they need (dpkg, tar) is for installing.
for package in "$apt"/archives/*.deb; do
	name=${package##*/}
	case " linux-libc-dev $* " in
	*" ${name%%_*} "*) ;;
	*)	[ "${name#lib}" != "$name" ] || [ "${name#zlib1g}" != "$name" ] || continue ;;
	esac
	dpkg-deb -x "$package" "$root" 2>>"$log" || say "${package##*/} cannot be unpacked, see $log"
done
programs="usr/bin usr/sbin sbin"
[ $# = 0 ] || programs=
for part in usr/share $programs etc var; do
	[ ! -e "$root/$part" ] || mv "$root/$part" "$work/$(echo $part | tr / -)"
done
find "$root" -type l -lname '/*' | while read -r link; do
	ln -sfn "$(realpath -ms --relative-to="${link%/*}" "$root$(readlink "$link")")" "$link"
done
[ -n "$(find "$root/usr/include" -name libbpf.h)" ] || say "the packages are not what was expected, see $log"
echo "$stamp" >"$root/.stamp"

# Built beside its place and renamed: a second run at the same time sees a whole file or none.
if mkdir -p "$cache" 2>/dev/null && tar -C "$root" -czf "$cache/.sysroot.$$" . 2>/dev/null; then
	mv "$cache/.sysroot.$$" "$saved"
fi
put
