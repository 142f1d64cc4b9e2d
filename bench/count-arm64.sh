#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Count what the benchmark's programs execute on arm64, in each mode, metered and not: exact numbers, the same on every machine.
#
# bench/count.c (arm64) runs each program and says where its code lies; bench/count-plugin.c (host) counts under it.  The
# plugin needs QEMU's own emulator of processes: Debian's qemu-user 7.2 has plugins, static builds have not.
set -eu
cd "$(dirname "$0")/.."
ARM=${ARM:-build/arm64}
OUT=${OUT:-build/bench}
qemu=$(command -v qemu-aarch64) || { echo "$0: qemu-aarch64 is missing (qemu-user)" >&2; exit 1; }
"$qemu" --help | grep -q -- -plugin || { echo "$0: this qemu-aarch64 has no plugins" >&2; exit 1; }
mkdir -p "$OUT"
make -s ARCH=arm64 BUILD="$ARM" "$ARM/libmoat.a"
for p in compute packet stream; do
	clang -target bpf -O2 -g -mcpu=v3 -I"/usr/include/$(gcc -print-multiarch)" -c "bench/$p.bpf.c" -o "$OUT/$p.bpf.o"
done
gcc -O2 -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -shared -fPIC -fvisibility=hidden \
	-o "$OUT/count-plugin.so" bench/count-plugin.c
aarch64-linux-gnu-gcc --sysroot="$ARM/sysroot" -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE \
	-Iinclude -o "$OUT/count" bench/count.c "$ARM/libmoat.a" -lbpf -lelf -lurcu-memb -lpthread
for mode in none basereg none-unmetered basereg-unmetered; do
	rm -f "$OUT/count.$mode.log"
	timeout 300 "$qemu" -L "$ARM/sysroot" -plugin "$(realpath "$OUT")/count-plugin.so" -d plugin -D "$OUT/count.$mode.log" \
		"$OUT/count" "$mode" "$OUT/compute.bpf.o" "$OUT/packet.bpf.o" "$OUT/stream.bpf.o"
done
cat "$OUT/count."*.log >"$OUT/count.log"
python3 bench/counts.py "$OUT/count.log" "$OUT/counts-arm64.json"
