#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run the tests and add up what they count.  run.sh [PART]... ; no PART: all.  Called by the Makefile.
#
# A part is a command whose last line "N passed, N failed[, N skipped]" is its count.  One that dies, takes too long, prints no
# such line, or exits with an error that it did not count, has failed.  "SKIP name: reason" lines are listed at the end.
set -u
cd "$(dirname "$0")/.." || exit 2
export BUILD=${BUILD:-build}
export MOAT=$BUILD/moat
ARM64=${ARM64:-$BUILD/arm64}
# The library has alternate signal stacks of its own: AddressSanitizer would unmap them as if they were its.
export ASAN_OPTIONS=use_sigaltstack=0 UBSAN_OPTIONS=print_stacktrace=1
# Every image that a test loads is proved by the checker first.
export MOAT_VERIFY=${MOAT_VERIFY-1}
logs=$BUILD/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0 failures= skips=
count='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$'

fail() {
	failed=$((failed + 1))
	failures+="$1: $2"$'\n'
}

# part NAME SECONDS COMMAND...: run and count one part.
part() {
	local name=$1 seconds=$2 log=$logs/${1//\//-}.log start=$SECONDS status line p=0 f=0 s=0
	shift 2
	printf '%-24s ' "$name"
	# In braces, so that bash does not tell of a signal on its own.
	{ timeout -k 10 "$seconds" "$@" >"$log" 2>&1 </dev/null; } 2>/dev/null
	status=$?
	line=$(tr -d '\r' <"$log" | grep -aE "$count" | tail -n 1)
	if [ -n "$line" ]; then
		read -r p _ f _ s _ <<<"$line 0"
		[ -n "$s" ] || s=0
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		skips+=$(grep -a '^SKIP ' "$log" | sed "s|^SKIP |$name: |"; echo .)
		skips=${skips%.}
		[ "$f" = 0 ] || failures+="$name: $f failed, see $log"$'\n'
	fi
	if [ $status = 124 ] || [ $status = 137 ]; then
		fail "$name" "not done within $seconds s, see $log"
	elif [ -z "$line" ]; then
		fail "$name" "exit status $status and no count, see $log"
	elif [ $status != 0 ] && [ "$f" = 0 ]; then
		fail "$name" "exit status $status after $line, see $log"
	fi
	printf '%s (%d s)\n' "${line:-died, exit status $status}" $((SECONDS - start))
	if [ $status != 0 ] || [ "$f" != 0 ]; then
		grep -aE 'FAIL|[Ee]rror|SUMMARY|runtime error' "$log" | head -n 20 | sed 's/^/    /'
		[ -n "$line" ] || tail -n 15 "$log" | sed 's/^/    | /'
	fi
}

# Something that only succeeds or not counts as one test: build TARGET... [VARIABLE=VALUE]...
build=(bash -c 'make --no-print-directory -k -j"$(nproc)" "$@" && echo "1 passed, 0 failed"' build)

skip() {	# skip NAME REASON
	skipped=$((skipped + 1))
	skips+="$1: $2"$'\n'
}

programs() {	# programs DIRECTORY LABEL [RUNNER]...
	local t dir=$1 label=$2
	shift 2
	for t in $TESTS; do
		part "$label$t" 600 "$@" "$dir/tests/$t"
	done
}

do_build() { part build 900 "${build[@]}" all tests examples; }
do_programs() { programs "$BUILD" ""; }
do_cli() { [ ! -e tests/cli.sh ] || part cli 300 tests/cli.sh; }
do_demo() { [ ! -e tests/demo.sh ] || part demo 300 "${build[@]}" demo; }
do_install() { [ ! -e tests/install.sh ] || part install 300 tests/install.sh; }
do_kcheck() {
	part kcheck 600 kernel/kcheck.sh
	part kernel-install 120 tests/kernel_install.sh
}

do_asan() {
	part asan/build 900 "${build[@]}" SAN=1 BUILD="$BUILD/san" all tests examples
	MUTANTS=20000 programs "$BUILD/san" asan/
	[ ! -e tests/cli.sh ] || MOAT=$BUILD/san/moat BUILD=$BUILD/san part asan/cli 600 tests/cli.sh
}

do_fuzz() {
	local f
	[ -n "${FUZZERS-}" ] || return 0
	part fuzz/build 900 "${build[@]}" CC=clang SAN=address,undefined,fuzzer-no-link LDFLAGS=-fsanitize=fuzzer \
		BUILD="$BUILD/fuzz" $(for f in $FUZZERS; do echo "$BUILD/fuzz/tests/$f"; done)
	for f in $FUZZERS; do
		part "fuzz/$f" 200 tests/fuzz.sh "$BUILD/fuzz/tests/$f" "${FUZZ_SECONDS:-30}"
	done
}

# The other architecture: built in $ARM64 by a cross compiler, run by an emulator.
do_arm64() {
	local dir native=$BUILD
	export EMBED
	part arm64/build 900 "${build[@]}" ARCH=arm64 BUILD="$ARM64" all tests examples
	dir=$(realpath "$ARM64")
	local run=("$dir/emulator" -L "$dir/sysroot")
	skip arm64/split "it looks for instructions inside of others, which arm64 does not have"
	skip arm64/signals "the emulator makes signal frames: no syndrome (esr_context); addresses are those of aligned words"
	# The mutants are the same on every host: the emulator tries fewer.
	MUTANTS=10000 BUILD=$ARM64 TESTS=${TESTS/split/} programs "$ARM64" arm64/ "${run[@]}"
	if [ "$ARM64" = "$BUILD" ]; then
		native=$ARM64/native
		part arm64/native 900 "${build[@]}" ARCH=x86 BUILD="$native" "$native/tests/diff"
	fi
	part arm64/same 600 tests/same.sh "$native/tests/diff" "${run[@]}" "$ARM64/tests/diff"
	BUILD=$ARM64 part arm64/pages-16K 240 tests/pages.sh 16384
	BUILD=$ARM64 part arm64/pages-64K 240 tests/pages.sh 65536
	BUILD=$ARM64 MOAT=$ARM64/run/moat EMBED=$ARM64/run/embed RUNNER=${run[*]} CC="aarch64-linux-gnu-gcc --sysroot=$dir/sysroot" \
		part arm64/cli 600 tests/cli.sh
	part arm64/demo 600 "${build[@]}" ARCH=arm64 BUILD="$ARM64" demo
}

# Where the CPU has protection keys everything above used them; elsewhere a machine that emulates them must.
do_check_vm() { part vm/pku "1500" tests/vm/pku.sh; }

# The kernels, and what runs in them: an emulated machine, so both architectures' tests do the same everywhere.
kernel() {	# kernel ARCH BUILD
	part "kernel-$1/build" 3000 "${build[@]}" kernel ARCH="$1"
	BUILD=$2 part "kernel-$1/vm" 3600 make --no-print-directory kernel-check ARCH="$1"
}

do_kernel_x86() { kernel x86 "$BUILD"; }
do_kernel_arm64() { kernel arm64 "$ARM64"; }

# Not among the parts that are run when none is named: half as long again as the kernels that are.
do_kernel_x86_debug() {
	part kernel-x86-debug/build 3600 "${build[@]}" kernel ARCH=x86 VARIANT=debug
	part kernel-x86-debug/vm 3600 make --no-print-directory kernel-check ARCH=x86 VARIANT=debug
}

for part in ${*:-build programs cli demo install kcheck fuzz asan check-vm arm64 kernel-x86 kernel-arm64}; do
	"do_${part//-/_}"
done

[ -z "$skips" ] || printf '\nskipped:\n%s' "$skips"
[ -z "$failures" ] || printf '\nFAILED:\n%s' "$failures"
printf '\nafter %d min %d s:\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%d passed, %d failed' $passed $failed
[ $skipped = 0 ] || printf ', %d skipped' $skipped
printf '\n'
[ $failed = 0 ] && [ $passed -gt 0 ]
