#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Random programs must leave the same R0 and the same memory on two architectures: same.sh DIFF [RUNNER... ]OTHER-DIFF.
# Each of the two compares itself to the interpreter, too.  Ends with "N passed, N failed".
set -u
[ $# -ge 2 ] || { echo "usage: $0 DIFF COMMAND..." >&2; exit 2; }
one=$1
shift
count=${COUNT:-1500}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

digests() {	# digests FILE COMMAND...
	local file=$1
	shift
	"$@" --seed 1 --count "$count" --only "$variant" --digest >"$file.log" 2>&1 ||
		{ echo "FAIL $variant: $1: exit status $?"; tail -n 3 "$file.log"; failed=$((failed + 1)); }
	grep '^digest ' "$file.log" | sort >"$file"
}

# Each alone, so that runs find their memory at the same offsets.
for variant in none/auto/cpu=all basereg/register/cpu=all; do
	digests "$work/one" "$one" &
	digests "$work/other" "$@"
	wait
	same=$(comm -12 "$work/one" "$work/other" | wc -l)
	# A program may be too long to compare, in both; few are.
	differ=$(comm -3 "$work/one" "$work/other" | awk '{ print $2 }' | sort -u | wc -l)
	passed=$((passed + same)) failed=$((failed + differ))
	[ "$differ" = 0 ] || { echo "FAIL $variant: seeds that differ:"; comm -3 "$work/one" "$work/other" | head -n 10; }
	[ "$same" -gt $((count * 9 / 10)) ] || { echo "FAIL $variant: only $same of $count compared"; failed=$((failed + 1)); }
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
