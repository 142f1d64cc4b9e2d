#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run commands in a virtual machine whose CPU has protection keys (QEMU's emulation), with a kernel that can serve them.
#
#	run.sh [-t SECONDS] [-c SECONDS] [-f FILE]... COMMAND...
#
# Each COMMAND is a line for busybox sh, run in a tree that holds the FILEs at their own (relative or absolute) paths;
# programs bring the shared libraries that they need.  -t bounds the machine, -c each command.  There is no network.
# Exit status: 0 all succeeded, 1 a command failed, 124 the machine did not end in time, 77 there can be no machine
# (the reason is the last line of stderr).
set -eu

seconds=1200
each=900
files=
while getopts t:c:f: option; do
	case $option in
	t)	seconds=$OPTARG ;;
	c)	each=$OPTARG ;;
	f)	files="$files $OPTARG" ;;
	*)	exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '5s/^#\t/usage: /p' "$0" >&2; exit 2; }

here=$(dirname "$0")
build=${BUILD:-build}
mkdir -p "$build/vm"
for tool in qemu-system-x86_64 busybox cpio gzip; do
	command -v $tool >/dev/null || { echo "$tool is missing" >&2; exit 77; }
done
kernel=$("$here/kernel.sh") || exit 77

work=$(mktemp -d "${TMPDIR:-/tmp}/moat-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
root=$work/root
mkdir -p "$root/bin" "$root/commands" "$root/moat"
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here/init" "$root/init"
echo "$each" >"$root/seconds"

# Symbolic links are followed: what is at a path is the file itself.
put() {
	mkdir -p "$root$(dirname "$1")"
	[ -e "$root$1" ] || cp -rL "$2" "$root$1"
}
for file in $files; do
	[ -e "$file" ] || { echo "$0: $file is missing" >&2; exit 1; }
	case $file in
	/*)	put "$file" "$file" ;;
	*)	put "/moat/$file" "$file" ;;
	esac
	find -L "$file" -type f -perm -u+x | while read -r program; do
		ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			put "$library" "$library"
		done
	done
done
number=10
for command; do
	printf '%s\n' "$command" >"$root/commands/$number"
	number=$((number + 1))
done
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

# QEMU 7.2 gets the flags of CMPXCHG16B wrong when two CPUs run at once: without it the kernel's allocator does not panic.
console=$build/vm/console.log
set -f
{
	timeout -k 10 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-cx16 -smp 2 -m 2048 \
		-display none -nodefaults -no-reboot -nic none -serial "file:$console" -serial stdio \
		-kernel "$kernel" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off" </dev/null 2>"$work/errors" ||
		echo "@@ machine $?"
} | {
	bad= done= late=
	while IFS= read -r line; do
		set -- $line
		case $line in
		'@@ kernel '*)	echo "VM: Linux $3" ;;
		'@@ begin '*)	echo "== $(cat "$root/commands/$3")" ;;
		'@@ status '*)	[ "$4" = 0 ] || { echo "== exit status $4"; bad=1; } ;;
		'@@ machine '*)	[ "$3" != 124 ] && [ "$3" != 137 ] || late=1 ;;
		'@@ end'*)	done=1 ;;
		*)		printf '%s\n' "$line" ;;
		esac
	done
	[ -z "$late" ] || exit 124
	[ -n "$done" ] || exit 3
	[ -z "$bad" ]
} && exit 0 || status=$?
if [ $status != 1 ]; then
	[ $status = 124 ] && echo "the machine did not end within $seconds s" || status=1
	cat "$work/errors"
	tail -n 20 "$console"
fi >&2
exit $status
