#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Build the benchmark and its programs, run it, keep the JSON beside the table.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
OUT=$BUILD/bench
mkdir -p "$OUT"
make -s BUILD="$BUILD" "$BUILD/libmoat.a"
for p in compute packet stream audit; do
	clang -target bpf -O2 -g -mcpu=v3 -I"/usr/include/$(gcc -print-multiarch)" -c "bench/$p.bpf.c" -o "$OUT/$p.bpf.o"
done
gcc -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE -Iinclude -o "$OUT/bench" \
	bench/bench.c bench/kernel.c bench/programs.c bench/gates.c bench/audit.c bench/scale.c \
	"$BUILD/libmoat.a" -lbpf -lelf -lurcu-memb -lpthread -ljson-c -lm
"$OUT/bench" ${ROUNDS:+-r "$ROUNDS"} "$@" "$OUT" ${PARTS:-}
