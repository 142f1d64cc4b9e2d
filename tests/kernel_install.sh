#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Does kernel/install.sh put Moat into a tree, leave it alone the next time, and say which hunk does not fit?
set -u
cd "$(dirname "$0")/.." || exit 2
tarball=${LINUX_SOURCE:-/usr/src/linux-source-6.1.tar.xz}
if [ ! -e "$tarball" ]; then
	echo "SKIP kernel_install: no $tarball (package linux-source-6.1)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# The files that patches change, and what the script knows a tree by.
mkdir "$dir/clean"
files=$(sed -n 's|^+++ b/||p' kernel/patches/6.1/*.patch | sort -u)
tar -C "$dir/clean" --strip-components=1 --occurrence=1 -xf "$tarball" \
	$(for file in Makefile kernel/bpf/core.c $files; do echo "linux-source-6.1/$file"; done | sort -u) || exit 1

check() {	# check NAME COMMAND...
	if "${@:2}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $1"
		sed 's/^/    /' "$dir/said"
	fi
}

tree() {	# tree NAME: another clean tree
	cp -a "$dir/clean" "$dir/$1"
}

install() {
	kernel/install.sh "$dir/$1" >"$dir/said" 2>&1
}

refuses() {	# refuses TREE TEXT: the tree stays as it is, the message has the text
	cp -a "$dir/$1" "$dir/$1.before"
	! install "$1" && grep -qF "$2" "$dir/said" && diff -r "$dir/$1.before" "$dir/$1" >>"$dir/said"
}

state() {
	(cd "$dir/$1" && find . -type f -printf '%p %T@ %s\n' | sort)
}

same_again() {
	local before
	before=$(state once)
	install once && [ ! -s "$dir/said" ] && [ "$before" = "$(state once)" ]
}

tree once
check "install" install once
for file in $files; do
	check "$file is changed" grep -qi moat "$dir/once/$file"
done
for file in Kconfig Kbuild glue.c sources.mk jit/plan.c arch-x86/mem.c arch-arm64/mem.c include/moat/isolation.h; do
	check "$file is there" test -s "$dir/once/kernel/bpf/moat/$file"
done
check "linux/bpf_moat.h is there" test -s "$dir/once/include/linux/bpf_moat.h"
check "nothing to do the second time" same_again

echo stale >"$dir/once/kernel/bpf/moat/jit/plan.c"
echo old >"$dir/once/kernel/bpf/moat/jit/old.c"
check "bring up to date" install once
check "a changed source" cmp -s jit/plan.c "$dir/once/kernel/bpf/moat/jit/plan.c"
check "a source that is gone" test ! -e "$dir/once/kernel/bpf/moat/jit/old.c"

tree moved
jit=arch/x86/net/bpf_jit_comp.c
{ sed 20q "$dir/clean/$jit"; seq -f '/* %g */' 40; sed 1,20d "$dir/clean/$jit"; } >"$dir/moved/$jit"
check "hunks that moved" install moved

tree other
sed -i 's/bpf_int_jit_compile/bpf_other_compile/' "$dir/other/$jit"
check "a hunk that does not fit" refuses other "02-x86.patch: $jit: hunk 2 does not fit"
tree lacks
rm "$dir/lacks/kernel/bpf/Makefile"
check "a file that is not there" refuses lacks "01-build.patch: the file that it changes is not there: kernel/bpf/Makefile"
tree later
sed -i 's/^PATCHLEVEL = 1/PATCHLEVEL = 6/' "$dir/later/Makefile"
check "another series" refuses later "Linux 6.6; Moat has patches for 6.1"
mkdir "$dir/empty"
check "no tree" refuses empty "not a Linux source tree"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
