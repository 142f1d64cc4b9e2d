#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The chosen tests of the kernel's test_progs, a process for each, so that one that dies or hangs takes no other with it.
# Some of them count on time, which an emulator on a busy machine has too little of: one that fails is tried once more, and
# the list says so.
. /moat/suites/lib.sh
cd /moat/selftests || exit 1

# run NAME: leaves $status, $summary and the log.
run() {
	# perf_event wants to be interrupted often enough, which a busy machine cannot promise.
	timeout -k 5 120 ./test_progs -a "$1" -d bpf_cookie/perf_event >/tmp/log 2>&1
	status=$?
	summary=$(grep '^Summary' /tmp/log)
}

for name in $(grep -v '^#' /moat/selftests.txt); do
	start=$(cut -d. -f1 /proc/uptime)
	run "$name"
	if [ $status != 0 ]; then
		echo "$name failed, and is tried once more:"
		grep -vE ':PASS:|:OK$| OK$' /tmp/log | tail -n 20
		run "$name"
	fi
	printf '%-28s %s (%s s)\n' "$name" "${summary#Summary: }" $(($(cut -d. -f1 /proc/uptime) - start))
	case $summary in
	"Summary: 1/"*", 0 FAILED")
		[ $status = 0 ] && ok || bad "$name: exit status $status" ;;
	"Summary: 0/0 PASSED, "[1-9]*", 0 FAILED")
		skip "$name: $(sed -n 's/.*:SKIP:*//p' /tmp/log | head -n 1)" ;;
	*)
		bad "$name: ${summary:-no summary}, exit status $status"
		grep -vE ':PASS:|:OK$| OK$' /tmp/log | tail -n 40 ;;
	esac
done
total
