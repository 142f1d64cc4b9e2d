#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run one libFuzzer target for a while over its seeds: fuzz.sh PROGRAM SECONDS.  Crashing inputs stay beside the program.
#
# Seeds: what tests/NAME.py writes into the directory that it is given, and the BPF objects for the loader's target.
set -eu

program=$1
seconds=$2
name=$(basename "$program")
seeds=$program.seeds
mkdir -p "$seeds" "$program.corpus"
[ ! -e "tests/$name.py" ] || python3 "tests/$name.py" "$seeds"
if [ "$name" = fuzz_elf ]; then
	cp "${BUILD:-build}"/examples/*.bpf.o "${BUILD:-build}"/tests/objects/*.bpf.o "$seeds" 2>/dev/null || true
fi
echo "$(find "$seeds" -type f | wc -l) seeds"

# A fixed seed, so that a failure of one run is a failure of the next.
status=0
"$program" -seed=1 -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -verbosity=1 -print_final_stats=1 \
	-artifact_prefix="$program.crash-" "$program.corpus" "$seeds" 2>&1 || status=$?
if [ $status = 0 ]; then
	echo "1 passed, 0 failed"
else
	echo "0 passed, 1 failed"
fi
exit $status
