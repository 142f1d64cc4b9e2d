#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Put an emulator that runs arm64 programs at FILE: emulator.sh FILE.
#
# Debian 12's qemu-aarch64 (7.2) makes a page table of its own for each cage: tens of milliseconds for each, and for each
# fork().  The one of the backports does not, and it is static.  It is fetched by apt with state of its own and unpacked, not
# installed, and a copy under ~/.cache/moat makes the next one quick.  Where it cannot be had, FILE is a link to Debian's.
set -eu

[ $# = 1 ] || { echo "usage: $0 FILE" >&2; exit 2; }
file=$1
dir=$(dirname "$file")
mkdir -p "$dir"
work=$(mktemp -d "$(cd "$dir" && pwd)/.emulator.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cache=${XDG_CACHE_HOME:-${HOME:-$work}/.cache}/moat

# use PROGRAM: FILE is a copy of it, if it runs here.
use() {
	"$1" --version >/dev/null 2>&1 || return 1
	cp "$1" "$work/copy" && chmod 755 "$work/copy" && mv "$work/copy" "$file"
}

fall_back() {
	system=$(command -v qemu-aarch64) || { echo "no emulator: $*, and no qemu-aarch64 (qemu-user)" >&2; exit 1; }
	echo "emulator: $*; using $system" >&2
	ln -sf "$system" "$file"
	exit 0
}

[ -z "${MOAT_QEMU-}" ] || { ln -sf "$(command -v "$MOAT_QEMU")" "$file"; exit 0; }
for saved in "$cache"/qemu-aarch64-*; do
	[ ! -x "$saved" ] || ! use "$saved" || exit 0
done

for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null || fall_back "$tool is missing"
done
codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
key=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
	awk -v s="$codename" '$2 == s && $3 == "main" { print $1; exit }')
[ -r $key ] && [ -n "$mirror" ] || fall_back "apt has no list of Debian $codename main (apt-get update)"
apt=$work/apt log=$file.log
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/state"
: >"$apt/status"
echo "deb [signed-by=$key] $mirror $codename-backports main" >"$apt/sources.list"
own="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$apt/state
	-o Dir::State::lists=$apt/lists -o Dir::State::status=$apt/status -o Dir::Cache=$apt
	-o APT::Sandbox::User=$(id -un) -o Debug::NoLocking=true -o Acquire::Languages=none"
timeout 120 apt-get $own update >"$log" 2>&1 || fall_back "apt-get update failed, see $log"
(cd "$apt/archives" && timeout 300 apt-get $own download qemu-user) >>"$log" 2>&1 ||
	fall_back "no qemu-user of $codename-backports, see $log"
for package in "$apt"/archives/qemu-user_*.deb; do
	dpkg-deb -x "$package" "$apt/tree" 2>>"$log" || fall_back "${package##*/} cannot be unpacked, see $log"
done
use "$apt/tree/usr/bin/qemu-aarch64" || fall_back "the one of $codename-backports does not run here, see $log"
# Built beside its place and renamed: a second run at the same time sees a whole file or none.
name=qemu-aarch64-$("$file" --version | awk 'NR == 1 { print $3 }')
if mkdir -p "$cache" 2>/dev/null && cp "$file" "$cache/.$name.$$" 2>/dev/null; then
	mv "$cache/.$name.$$" "$cache/$name"
fi
