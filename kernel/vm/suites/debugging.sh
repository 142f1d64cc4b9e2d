#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a debug kernel, after other suites: what watches was awake all the time, and nothing is left that nobody points to.
. /moat/suites/lib.sh

# has OPTION: this kernel was configured with it.
has() { is "CONFIG_$1" "$(zcat /proc/config.gz | grep -c "^CONFIG_$1=y")" 1; }

for option in KASAN PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_OBJECTS DEBUG_LIST DEBUG_KMEMLEAK; do
	has $option
done
# The first report switches lockdep off, and so does running out of room for what it has seen.
is "lockdep watches" "$(sed -n 's/^ *debug_locks: *//p' /proc/lockdep_stats)" 1
grep -E '^ *(lock-classes|direct dependencies|dependency chains|stack-trace entries):' /proc/lockdep_stats

# Objects that were young in the first scan are counted by the second.
leaks=/sys/kernel/debug/kmemleak
echo scan >$leaks && sleep 6 && echo scan >$leaks
cat $leaks >/tmp/leaks
grep -A 16 '^unreferenced' /tmp/leaks | head -n 100
is "unreferenced objects" "$(grep -c '^unreferenced' /tmp/leaks)" 0
total
