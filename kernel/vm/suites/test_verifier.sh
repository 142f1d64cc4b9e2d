#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's test_verifier, whose tests that fail with the stock JIT, too, are known by name: test_verifier.sh PASSED.
. /moat/suites/lib.sh
cd /moat/selftests || exit 1
# Half of the tests run without privileges.
echo 0 >/proc/sys/kernel/unprivileged_bpf_disabled

# None of them gets as far as the JIT: they expect other words of the verifier.
cat >/tmp/known <<'EOT'
/u bpf_map_ptr: r = 0, r = r + map_ptr
/u check deducing bounds from const, 1
/u check deducing bounds from const, 3
/u check deducing bounds from const, 5
/u check deducing bounds from const, 6
/u check deducing bounds from const, 9
EOT

# With a number that it does not have it runs all, from 0 on.
last_test() {
	low=0 high=4096
	while [ $((high - low)) -gt 1 ]; do
		middle=$(((low + high) / 2))
		case $(./test_verifier $middle | head -n 1) in
		"#$middle/"*)	low=$middle ;;
		*)		high=$middle ;;
		esac
	done
	echo $low
}

# Blinding makes some so long that each takes minutes.
if [ "$(cat /proc/sys/net/core/bpf_jit_harden)" = 0 ]; then
	./test_verifier
else
	first=0
	for without in 778 1010 1011; do
		[ $first = $without ] || ./test_verifier $first $((without - 1))
		first=$((without + 1))
	done
	./test_verifier $first "$(last_test)"
fi >/tmp/log 2>&1
grep '^Summary' /tmp/log
good=$(sed -n 's/^Summary: \([0-9]*\) PASSED.*/\1/p' /tmp/log | awk '{ n += $1 } END { print n + 0 }')
fails=$(sed -n 's/^Summary: .*, \([0-9]*\) FAILED/\1/p' /tmp/log | awk '{ n += $1 } END { print n + 0 }')
sed -n 's/^#[0-9]*\(\/[up] .*[^ ]\) *FAIL.*/\1/p' /tmp/log | sort >/tmp/failed
passed=$((passed + good))
is "tests passed" $good "$1"
is "tests that failed have names" $fails "$(wc -l </tmp/failed)"
while read -r name; do
	if grep -qxF "$name" /tmp/known; then
		skip "$name: fails with the stock JIT, too"
	else
		bad "test_verifier $name"
		grep -F -A 12 "$name" /tmp/log | head -n 40
	fi
done </tmp/failed
total
