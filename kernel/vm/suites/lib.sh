# SPDX-License-Identifier: GPL-2.0-only
# Counting for the suites that are shell scripts (busybox sh, in the VM).
passed=0 failed=0 skipped=0

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)); echo "SKIP $*"; }

# is NAME GOT WANTED
is() { if [ "$2" = "$3" ]; then ok; else bad "$1: '$2', not '$3'"; fi; }

# The count that the machine's owner reads; to be called last.
total() {
	printf '%d passed, %d failed' $passed $failed
	[ $skipped = 0 ] || printf ', %d skipped' $skipped
	echo
	[ $failed = 0 ]
}
