#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Put Moat into a Linux 6.1.y source tree: install.sh TREE
#
# Its sources go to TREE/kernel/bpf/moat, and the patches of kernel/patches/6.1 are applied: all of them, or none and a line
# for each hunk that does not fit.  Done again it only brings the sources up to date; what has not changed keeps its time.
set -eu
here=$(dirname "$(readlink -f "$0")")
repo=$(dirname "$here")
tree=${1-}
[ $# = 1 ] && [ -n "$tree" ] || { echo "usage: $0 TREE" >&2; exit 2; }
makefile=$tree/Makefile
[ -e "$makefile" ] && [ -e "$tree/kernel/bpf/core.c" ] || { echo "$0: $tree: not a Linux source tree" >&2; exit 1; }
series=$(sed -n 's/^VERSION = //p; s/^PATCHLEVEL = //p' "$makefile" | paste -sd .)
[ "$series" = 6.1 ] || { echo "$0: $tree: Linux $series; Moat has patches for 6.1" >&2; exit 1; }
command -v patch >/dev/null || { echo "$0: needs the command patch: apt-get install patch" >&2; exit 1; }

# try FILE OPTION...: would it apply?  What patch says goes to $said.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
try() {
	file=$1
	shift
	patch -p1 -d "$tree" --fuzz=1 --dry-run --batch "$@" <"$file" >"$said" 2>&1
}

apply= bad=0
for file in "$here"/patches/6.1/*.patch; do
	if try "$file" --forward; then
		apply="$apply $file"
	elif try "$file" --reverse; then
		:	# it is in already
	else
		bad=1
		try "$file" --forward || true
		awk -v name="patches/6.1/$(basename "$file")" '
			/^checking file / { target = $3 }
			/^\|\+\+\+ / { print name ": the file that it changes is not there: " substr($2, 3) }
			/^Hunk #.* FAILED/ { print name ": " target ": hunk " substr($2, 2) " does not fit at line " $5 }
			/^Hunk #.* OTHER/ { print }' "$said" | sed 's/\.$//' >&2
	fi
done
[ $bad = 0 ] || { echo "$0: $tree is unchanged; the hunks above must be brought up to date" >&2; exit 1; }
for file in $apply; do
	patch -p1 -d "$tree" --fuzz=1 --forward --batch --no-backup-if-mismatch -s <"$file"
	echo "applied $(basename "$file")"
done

# put SOURCE TARGET
put() {
	cmp -s "$1" "$tree/$2" || { mkdir -p "$tree/$(dirname "$2")" && cp "$1" "$tree/$2"; }
}
moat=kernel/bpf/moat
cd "$repo"
case $tree in /*) ;; *) tree=$OLDPWD/$tree ;; esac
put kernel/bpf_moat.h include/linux/bpf_moat.h
{
	for file in jit/*.[ch] arch-x86/*.[ch] arch-arm64/*.[ch] verifier-ext/*.[ch] include/moat/*.h sources.mk; do
		[ ! -e "$file" ] || echo "$file $file"
	done
	for file in kernel/Kconfig kernel/Kbuild kernel/*.[chS]; do
		[ "$file" = kernel/bpf_moat.h ] || echo "$file ${file#kernel/}"
	done
} >"$said"
while read -r file target; do
	put "$file" "$moat/$target"
done <"$said"
# What is no source any more must not be compiled by a tree that has it from before.
find "$tree/$moat" -type f \( -name '*.[chS]' -o -name sources.mk \) ! -name '*.mod.c' -printf '%P\n' | while read -r old; do
	grep -q " $old\$" "$said" || rm "$tree/$moat/$old"
done
