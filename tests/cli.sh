#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Tests of the command moat.  MOAT=path of the command, BUILD=directory with examples/.  Ends with "N passed, N failed".
# EMBED=the example embed, RUNNER=what runs programs that are made here, if that takes something (an emulator).
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build}
MOAT=$(realpath "${MOAT:-$BUILD/moat}") || exit 2
EXAMPLES=$(realpath "$BUILD/examples") || exit 2
EMBED=$(realpath "${EMBED:-$EXAMPLES/embed}") || exit 2
LIB=$(realpath "$BUILD/libmoat.so") || exit 2
PCAP=$EXAMPLES/traffic.pcap
SSH_FLOW=cb0071420a00000a115c001606000000
SSDP_FLOW=c00002630a00000b076c076c11000000
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
passed=0 failed=0 skipped=0

ok() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	echo "FAIL $1"
	shift
	printf '    %s\n' "$@"
}
skip() {
	skipped=$((skipped + 1))
	echo "SKIP $1: $2"
}

# t NAME STATUS OUT ERR COMMAND...: exit status, and regular expressions for the two outputs ("" : must be empty, "*": any).
t() {
	local name=$1 want=$2 out=$3 err=$4 status
	shift 4
	timeout 60 "$@" >"$work/out" 2>"$work/err" <"${input:-/dev/null}"
	status=$?
	if [ $status != "$want" ]; then
		bad "$name" "exit status $status, want $want" "$(head -5 "$work/err")"
	elif ! like "$work/out" "$out"; then
		bad "$name" "standard output is not like '$out':" "$(head -5 "$work/out")"
	elif ! like "$work/err" "$err"; then
		bad "$name" "standard error is not like '$err':" "$(head -5 "$work/err")"
	else
		ok
	fi
}

like() {
	case $2 in
	'*')	return 0 ;;
	'')	[ ! -s "$1" ] ;;
	*)	grep -aEq -- "$2" "$1" ;;
	esac
}

# x NAME STATUS OUT ERR HEX [ARGS]...: moat exec with this program.
x() {
	local name=$1 want=$2 out=$3 err=$4
	printf '%s' "$5" >"$work/hex"
	shift 5
	input=$work/hex t "exec: $name" "$want" "$out" "$err" "$MOAT" exec "$@"
}

# j NAME STATUS COMMAND...: standard output is one JSON value.
j() {
	local name=$1 want=$2 status
	shift 2
	"$@" >"$work/json" 2>"$work/err" <"${input:-/dev/null}"
	status=$?
	if [ $status != "$want" ]; then
		bad "json: $name" "exit status $status, want $want" "$(head -5 "$work/err")"
	elif ! python3 -m json.tool "$work/json" >/dev/null 2>"$work/err"; then
		bad "json: $name" "$(head -3 "$work/err")" "$(head -c 300 "$work/json")"
	else
		ok
	fi
}

# What is true of the JSON value that j() left, as a Python expression over v.
holds() {
	if python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
sys.exit(not ('"$2"'))' "$work/json" 2>"$work/err"; then
		ok
	else
		bad "json: $1" "not true: $2" "$(tail -1 "$work/err")" "$(head -c 300 "$work/json")"
	fi
}

enforced() { "$MOAT" features | awk -v mode="$1" '$1 == mode { print $2 }' | grep -qx 'enforced\|available'; }
# What this machine is, and what its gates are called and made of.
arch=$("$MOAT" dump jited "$EXAMPLES/firewall.bpf.o" -j --isolation basereg | grep -o '"arch":"[a-z0-9]*"' | cut -d '"' -f 4)
keys=pku rights=wrpkru
[ "$arch" = x86 ] || keys=poe rights='msr  *por_el0, x9'
modes=
for mode in none basereg $keys $keys+basereg; do
	if enforced $mode; then
		modes="$modes $mode"
	else
		skip "mode $mode" "not enforced on this machine"
	fi
done

test_usage() {
	local c
	t "no command" 2 "Usage: moat" "" "$MOAT"
	t "help" 0 "^  features " "" "$MOAT" --help
	t "help command" 0 "^  run " "" "$MOAT" help
	t "version" 0 "^moat v[0-9]+\.[0-9]+\.[0-9]+$" "" "$MOAT" --version
	t "version of libbpf" 0 "libbpf v[0-9]" "" "$MOAT" --version
	for c in run dump features exec; do
		t "$c --help" 0 "^Usage: moat $c" "" "$MOAT" $c --help
		t "help $c" 0 "^Usage: moat $c" "" "$MOAT" help $c
		t "$c with unknown option" 2 "" "unknown option '--nonsense'" "$MOAT" $c --nonsense
		t "$c with unknown letter" 2 "" "unknown option '-Z'" "$MOAT" $c -Z
	done
	t "unknown command, near" 2 "" "did you mean 'dump'" "$MOAT" dmup
	t "unknown command, far" 2 "" "unknown command 'frobnicate'" "$MOAT" frobnicate
	t "help of unknown command" 2 "" "unknown command" "$MOAT" help frobnicate
	t "unknown global option" 2 "" "unknown option '--nope'" "$MOAT" --nope run
	t "option, near" 2 "" "did you mean '--isolation'" "$MOAT" run --isolatoin none x
	t "option without value" 2 "" "'--data' needs a value" "$MOAT" run --data
	t "option with needless value" 2 "" "takes no value" "$MOAT" run --maps=1 x
	t "features with argument" 2 "" "no argument" "$MOAT" features x
	t "mode that is none" 2 "" "unknown isolation mode 'strong'.*basereg" "$MOAT" run --isolation strong x
	t "base form that is none" 2 "" "unknown base form" "$MOAT" run --base tall x
	t "repeat 0" 2 "" "repeat" "$MOAT" run --repeat 0 x
	t "repeat -1" 2 "" "repeat" "$MOAT" run --repeat=-1 x
	t "fuel of letters" 2 "" "fuel" "$MOAT" run --fuel lots x
	t "fuel and none" 2 "" "exclude each other" "$MOAT" run --fuel 9 --unmetered x
	t "run without object" 2 "" "which object file" "$MOAT" run
	t "run with two objects" 2 "" "left over" "$MOAT" run a b
	t "run with data and pcap" 2 "" "exclude each other" "$MOAT" run a --data b --pcap c
	t "dump of nothing" 2 "" "jited or xlated" "$MOAT" dump
	t "dump of something else" 2 "" "cannot dump 'all'" "$MOAT" dump all x
	t "dump without object" 2 "" "which object file" "$MOAT" dump jited
	t "full disk" 1 "*" "cannot write" sh -c "'$MOAT' features >/dev/full"
	j "error" 1 "$MOAT" -j run /nonexistent
	holds "error" '"No such file" in v["error"]'
	j "version" 0 "$MOAT" -j --version
	holds "version" '"version" in v and "libbpf_version" in v'
}

test_objects() {
	local c
	head -c 100 "$EXAMPLES/firewall.bpf.o" >"$work/cut.o"
	head -c 4000 "$EXAMPLES/firewall.bpf.o" >"$work/cut2.o"
	: >"$work/empty.o"
	head -c 5000 /dev/urandom >"$work/noise.o"
	echo 'int x;' >"$work/data.bpf.c"
	clang -target bpf -O2 -c "$work/data.bpf.c" -o "$work/data.bpf.o" || bad "clang" "cannot compile"
	for c in "run" "dump jited" "dump xlated" "dump audit"; do
		t "$c: missing file" 1 "" "/nonexistent.o: No such file" "$MOAT" $c /nonexistent.o
		t "$c: directory" 1 "" "directory" "$MOAT" $c "$work"
		t "$c: text" 1 "" "not an ELF file" "$MOAT" $c LICENSE
		t "$c: empty" 1 "" "not an ELF file" "$MOAT" $c "$work/empty.o"
		t "$c: noise" 1 "" "not an ELF file" "$MOAT" $c "$work/noise.o"
		t "$c: of another machine" 1 "" "not for little-endian BPF" "$MOAT" $c "$LIB"
		t "$c: cut after the header" 1 "" "cut.o" "$MOAT" $c "$work/cut.o"
		t "$c: cut in the middle" 1 "" "cut2.o" "$MOAT" $c "$work/cut2.o"
		t "$c: no program" 1 "" "no program" "$MOAT" $c "$work/data.bpf.o"
		t "$c: no such program" 1 "" "no program 'nope'.*firewall \(xdp\)" "$MOAT" $c "$EXAMPLES/firewall.bpf.o" -p nope
	done
	t "several programs" 1 "" "choose one with -p:.*dissect_vlan" "$MOAT" run "$EXAMPLES/dissect.bpf.o" --pcap "$PCAP"
	flip_bytes
}

# Damaged objects: whatever happens must be an error message and not a crash.
flip_bytes() {
	local n crashed=
	for n in $(seq 1 60); do
		python3 -c 'import sys
data, n = bytearray(open(sys.argv[1], "rb").read()), int(sys.argv[2])
for i in range(1, 9):
    data[(n * 7919 + i * i * 104729) % len(data)] ^= 1 << (n + i) % 8
open(sys.argv[3], "wb").write(data)' "$EXAMPLES/firewall.bpf.o" "$n" "$work/flip.o"
		timeout 20 "$MOAT" run "$work/flip.o" -p firewall --isolation basereg --pcap "$PCAP" --maps \
			>"$work/out" 2>"$work/err" </dev/null
		[ $? -gt 2 ] && crashed="$crashed $n"
	done
	[ -z "$crashed" ] && ok || bad "damaged objects" "died on:$crashed"
}

test_exec() {
	local m exit=9500000000000000 r0=b700000000000000
	for m in $modes; do
		x "constant ($m)" 0 '^2a$' "" "b7000000 2a000000 $exit" --isolation "$m"
		x "64-bit constant ($m)" 0 '^123456789abcdef$' "" "18000000efcdab89 0000000067452301 $exit" --isolation "$m"
		x "minus one ($m)" 0 '^ffffffffffffffff$' "" "b7000000ffffffff$exit" --isolation "$m"
		x "32-bit minus one ($m)" 0 '^ffffffff$' "" "b4000000ffffffff$exit" --isolation "$m"
		x "memory ($m)" 0 '^cc$' "" "7110020000000000 $exit" aabbccdd --isolation "$m"
		x "memory length ($m)" 0 '^4$' "" "bf20000000000000 $exit" "aa bb cc dd" --isolation "$m"
		x "no memory: R1 ($m)" 0 '^0$' "" "bf10000000000000 $exit" --isolation "$m"
		x "no memory: R2 ($m)" 0 '^0$' "" "bf20000000000000 $exit" "" --isolation "$m"
		x "stack ($m)" 0 '^7$' "" "7a0af8ff07000000 79a0f8ff00000000 $exit" --isolation "$m"
		x "local call ($m)" 0 '^5$' "" "85100000 01000000 $exit b700000005000000 $exit" --isolation "$m"
		x "out of fuel ($m)" 1 "" "fuel" "$r0 0500ffff00000000 $exit" --fuel 1000 --isolation "$m"
		t "endless, not metered ($m)" 124 "" "" sh -c "echo '$r0 0500ffff00000000 $exit' | timeout 0.3 '$MOAT' exec --unmetered --isolation $m"
		x "NULL ($m)" 1 "" "violation.*insn 1" "b701000000000000 7910000000000000 $exit" --isolation "$m"
		j "exec ($m)" 0 sh -c "echo 'b7000000 2a000000 $exit' | '$MOAT' exec -j --isolation $m"
		holds "exec ($m)" 'v == {"isolation": "'"$m"'", "retval": "0x2a"}'
	done
	x "auto" 0 '^0$' "" "$r0$exit"
	x "new lines" 0 '^0$' "" "$(printf 'b7 00 00 00\n00 00 00 00\n\t95 00000000000000\n')"
	x "capitals" 0 '^ab$' "" "B7000000AB000000$exit"
	x "no hex" 1 "" "not an even number of hex digits" "hello"
	x "odd" 1 "" "not an even number of hex digits" "b7000"
	x "nothing" 1 "" "8-byte instructions" ""
	x "half an instruction" 1 "" "8-byte instructions" "b7000000"
	x "unknown opcode" 1 "" "insn 0|0:" "ff00000000000000 $exit"
	x "jump out" 1 "" "0" "05000f0000000000 $exit"
	x "no exit" 1 "" "." "$r0"
	x "bad memory" 2 "" "MEMORY" "$r0$exit" xyz
	x "two memories" 2 "" "left over" "$r0$exit" 00 11
	x "frame overflow" 1 "" "." "7a0af8fd07000000 $r0$exit"
	x "elf that is none" 1 "" "cannot open" "$r0$exit" --elf
	test_exec_elf
}

test_exec_elf() {
	cat >"$work/text.c" <<-'END'
	__attribute__((noinline)) static unsigned long twice(unsigned long x) { return 2 * x; }
	unsigned long entry(const unsigned char *p, unsigned long n) { return n ? twice(p[n - 1]) : 99; }
	END
	clang -target bpf -O2 -g -mcpu=v3 -c "$work/text.c" -o "$work/text.o" || bad "clang" "cannot compile text.c"
	echo 'unsigned long entry(const unsigned char *p, unsigned long n) { return n ? p[n - 1] : 99; }' >"$work/one.c"
	clang -target bpf -O2 -c "$work/one.c" -o "$work/one.o" || bad "clang" "cannot compile one.c"
	x "elf" 0 '^63$' "" "$(od -An -v -tx1 "$work/one.o")" --elf
	x "elf with memory" 0 '^30$' "" "$(od -An -v -tx1 "$work/one.o")" --elf 102030
}

# As a command of its own, for timeout(1).
cat >"$work/run_firewall" <<END
#!/bin/sh
exec "$MOAT" run "$EXAMPLES/firewall.bpf.o" --pcap "$PCAP" --map "blocked:$SSH_FLOW=0000000000000000" \\
	--map "blocked:$SSDP_FLOW=0000000000000000" "\$@"
END
chmod +x "$work/run_firewall"

# Results of the examples over the capture against a computation that shares nothing with them.
expect() {	# expect NAME PROGRAM COMMAND...
	local name=$1 prog=$2
	shift 2
	j "$name" 0 "$@"
	if python3 tests/expect.py "$PCAP" "$prog" "$work/json" >"$work/out" 2>&1; then
		ok
	else
		bad "$name" "$(tail -2 "$work/out" | cut -c 1-600)"
	fi
}

test_run() {
	local m p
	for m in $modes; do
		expect "firewall ($m)" firewall "$work/run_firewall" -j --maps --isolation "$m"
		holds "isolation ($m)" "v['isolation'] == '$m' and v['violations'] == 0"
		for p in proto_bytes flow_count dissect; do
			expect "$p ($m)" $p "$MOAT" run "$EXAMPLES/$p.bpf.o" -p $p --pcap "$PCAP" --maps -j --isolation "$m"
		done
		expect "events ($m)" events_source "$MOAT" run "$EXAMPLES/events.bpf.o" --pcap "$PCAP" --maps -j --isolation "$m"
		t "rewrite ($m)" 0 "TC_ACT_OK" "" "$MOAT" run "$EXAMPLES/rewrite.bpf.o" --pcap "$PCAP" \
			--data-out "$work/rewritten.pcap" --isolation "$m"
		t "rewritten packets ($m)" 0 "" "" python3 tests/expect.py "$PCAP" rewrite "$work/rewritten.pcap"
	done
	t "table" 0 "^XDP_DROP +40 " "strongest mode" "$work/run_firewall"
	t "maps as text" 0 "^  \[17\]: \{ packets: [0-9]+" "*" "$work/run_firewall" --maps
	t "auto tells its mode" 0 "*" "isolation: ($keys\+)?basereg" "$work/run_firewall" --isolation auto
}

test_run_single() {
	local fw=$EXAMPLES/firewall.bpf.o
	head -c 60 /dev/zero >"$work/packet"
	t "single run" 0 "^Return value: 2 \(XDP_PASS\), duration: [0-9]+ns, data out: 60 bytes" "*" "$MOAT" run "$fw" --data "$work/packet"
	t "repeat" 0 "duration \(average\)" "*" "$MOAT" run "$fw" --data "$work/packet" --repeat 100
	t "standard input" 0 "XDP_PASS" "*" sh -c "'$MOAT' run '$fw' --data - <'$work/packet'"
	t "data out" 0 "*" "*" "$MOAT" run "$fw" --data "$work/packet" --data-out "$work/packet2"
	cmp -s "$work/packet" "$work/packet2" && ok || bad "data out" "the packet changed"
	t "data out to standard output" 0 "*" "Return value: 2" "$MOAT" run "$fw" --data "$work/packet" --data-out -
	cmp -s "$work/packet" "$work/out" && ok || bad "data out to standard output" "is not the packet alone"
	t "two things to standard output" 2 "*" "standard output" "$MOAT" run "$fw" -j --data "$work/packet" --data-out -
	j "single run" 0 "$MOAT" run -j "$fw" --data "$work/packet" --isolation basereg
	holds "single run" 'v["retval"] == 2 and v["verdict"] == "XDP_PASS" and v["data_size_out"] == 60'
	j "pretty" 0 "$MOAT" -p run "$fw" --data "$work/packet"
	[ "$(wc -l <"$work/json")" -gt 3 ] && ok || bad "pretty" "is one line"
	t "no packet" 2 "" "packet program \(xdp\)" "$MOAT" run "$fw" --isolation basereg
	t "missing packet" 1 "" "No such file" "$MOAT" run "$fw" --data /nonexistent --isolation basereg
	t "missing capture" 1 "" "No such file" "$MOAT" run "$fw" --pcap /nonexistent --isolation basereg
	t "no capture" 1 "" "[Rr]ead|magic|format" "$MOAT" run "$fw" --pcap LICENSE --isolation basereg
	head -c 5000 "$PCAP" >"$work/cut.pcap"
	t "cut capture" 1 "" "after [0-9]+ packets" "$MOAT" run "$fw" --pcap "$work/cut.pcap" --isolation basereg
	: >"$work/nothing"
	t "empty packet" 1 "" "." "$MOAT" run "$fw" --data "$work/nothing" --isolation basereg
	t "huge packet" 1 "" "." "$MOAT" run "$fw" --data "$LIB" --isolation basereg
	t "output nowhere" 1 "*" "No such file" "$MOAT" run "$fw" --data "$work/packet" --data-out /nonexistent/x --isolation basereg
	t "map: no such" 2 "" "no map" "$MOAT" run "$fw" --pcap "$PCAP" --map nope:00=00
	t "map: form" 2 "" "NAME:KEY=VALUE" "$MOAT" run "$fw" --pcap "$PCAP" --map blocked
	t "map: key size" 2 "" "key has 1 bytes, map 'blocked' wants 16" "$MOAT" run "$fw" --pcap "$PCAP" --map blocked:00=00
	t "map: value size" 2 "" "value has 1 bytes" "$MOAT" run "$fw" --pcap "$PCAP" --map "blocked:$SSH_FLOW=00"
	t "map: no hex" 2 "" "hex" "$MOAT" run "$fw" --pcap "$PCAP" --map "blocked:$SSH_FLOW=zz"
	t "map: index" 2 "" "index" "$MOAT" run "$fw" --pcap "$PCAP" --map "protocols:x=00"
	t "map: index too big" 1 "" "protocols" "$MOAT" run "$fw" --pcap "$PCAP" \
		--map "protocols:256=00000000000000000000000000000000"
	t "map: program array" 0 "*" "*" "$MOAT" run "$EXAMPLES/dissect.bpf.o" -p dissect --pcap "$PCAP" --map next:0=dissect_ipv6
	t "map: no such program" 2 "" "no program" "$MOAT" run "$EXAMPLES/dissect.bpf.o" -p dissect --pcap "$PCAP" --map next:0=nope
}

test_violations() {
	local hostile=$EXAMPLES/hostile.bpf.o m
	# Read eight bytes at offset 0x1000, which nothing is ever given.
	python3 -c 'import sys; sys.stdout.buffer.write((0x1000).to_bytes(8, "little") + bytes(16))' >"$work/order"
	for m in $modes; do
		t "violation ($m)" 1 "" "violation in hostile: .*0x1000" "$MOAT" run "$hostile" --data "$work/order" --isolation "$m"
		t "source of the violation ($m)" 1 "" "source: .*hostile.bpf.c:[0-9]+: .*forged" \
			"$MOAT" run "$hostile" --data "$work/order" --isolation "$m"
		j "violation ($m)" 1 "$MOAT" run "$hostile" --data "$work/order" --isolation "$m" -j
		holds "violation ($m)" 'v["fault"]["address"] == "0x1000" and not v["fault"]["write"]'
	done
	j "violations are counted" 1 "$MOAT" run "$hostile" --pcap "$PCAP" --isolation basereg -j
	holds "violations are counted" 'v["violations"] > 100 and len(v["reports"]) == 3 and
		sum(w["packets"] for w in v["verdicts"]) + v["violations"] + v["refused"] == v["packets"]'
}

test_audit() {
	local o
	t "audit" 0 '^ +r1  supply   map blocked$' "" "$MOAT" dump audit "$EXAMPLES/firewall.bpf.o" --isolation basereg
	grep -q '^; .*bpf_map_lookup_elem(&blocked, &flow);' "$work/out" && ok || bad "source in audit" "is not there"
	t "audit: inlined" 0 'bpf_map_lookup_elem#1: done by the image itself' "" "$MOAT" dump audit "$EXAMPLES/firewall.bpf.o" --isolation basereg
	t "audit: a range" 0 '^ +r2  compare  14\.\.74, bits 0x3 are 0x2$' "" "$MOAT" dump audit "$EXAMPLES/flow_count.bpf.o" --isolation basereg
	t "audit: a record" 0 '^ +r1  check    a record that the run holds, of map events$' "" "$MOAT" dump audit "$EXAMPLES/events.bpf.o" --isolation basereg
	t "audit in none" 1 "" "isolation none audits nothing" "$MOAT" dump audit "$EXAMPLES/firewall.bpf.o" --isolation none
	t "audit for an architecture" 2 "" "audits are the same for all" "$MOAT" dump audit "$EXAMPLES/firewall.bpf.o" --arch arm64
	for o in firewall flow_count events rewrite proto_bytes dissect; do
		j "audit of $o" 0 "$MOAT" dump audit "$EXAMPLES/$o.bpf.o" -j --isolation basereg
		holds "audit of $o" 'all(c["proved"] for p in v for c in p["calls"])'
		holds "audit of $o: mostly supplied" '(lambda gates: gates.count("supply") * 2 > len(gates) or not gates)(
			[a["gate"] for p in v for c in p["calls"] if not c["inlined"] for a in c["args"]])'
	done
}

test_dump() {
	local fw=$EXAMPLES/firewall.bpf.o m
	for m in $modes; do
		t "jited ($m)" 0 '^ +[0-9a-f]+:	[a-z]+' "" "$MOAT" dump jited "$fw" --isolation "$m"
		grep -q '^; .*bpf_map_lookup_elem(&blocked, &flow);' "$work/out" && ok || bad "source in jited ($m)" "is not there"
		grep -q '\.byte\|\.inst' "$work/out" && bad "jited ($m)" "bytes that cannot be decoded" || ok
		case $m in
		*basereg) grep -q '# cage' "$work/out" && ok || bad "labels ($m)" "no cage" ;;
		none) grep -q '# cage\|# enter' "$work/out" && bad "labels ($m)" "isolation in none" || ok ;;
		esac
		case $m in $keys*) grep -q "$rights  *# enter gate" "$work/out" && ok || bad "labels ($m)" "no gate" ;; esac
		t "metered ($m)" 0 '# fuel$' "" "$MOAT" dump jited "$EXAMPLES/dissect.bpf.o" --isolation "$m"
		t "unmetered ($m)" 0 '^ +[0-9a-f]+:	[a-z]+' "" "$MOAT" dump jited "$EXAMPLES/dissect.bpf.o" --isolation "$m" --unmetered
		grep -q '# fuel' "$work/out" && bad "unmetered ($m)" "is metered" || ok
		j "jited ($m)" 0 "$MOAT" dump jited "$fw" -j --isolation "$m" --opcodes
		holds "jited ($m)" 'v[0]["name"] == "firewall" and v[0]["insns"][0]["pc"] == "0x0" and
			sum(len(i["opcodes"]) for i in v[0]["insns"]) == v[0]["bytes"]'
	done
	case $arch in
	x86)	t "register form" 0 'r12' "" "$MOAT" dump jited "$fw" --isolation basereg --base register
		t "segment form" 0 '%gs:' "" "$MOAT" dump jited "$fw" --isolation basereg --base segment ;;
	*)	t "register form" 0 '\[x28, w' "" "$MOAT" dump jited "$fw" --isolation basereg --base register
		t "segment form" 1 "" "not supported" "$MOAT" dump jited "$fw" --isolation basereg --base segment ;;
	esac
	t "xlated" 0 '^ +[0-9]+: \([0-9a-f]{2}\) exit$' "" "$MOAT" dump xlated "$fw" --isolation basereg
	t "line numbers" 0 '^; .*\[file:.*firewall.bpf.c line_num:[0-9]+ line_col:[0-9]+\]' "" "$MOAT" dump xlated "$fw" --linum
	t "opcodes" 0 '^	([0-9a-f]{2} ?)+$' "" "$MOAT" dump jited "$fw" --opcodes
	j "xlated" 0 "$MOAT" dump xlated "$fw" -j
	holds "xlated" 'v[0]["insns"][-1]["disasm"] == "(95) exit"'
	j "all programs" 0 "$MOAT" dump jited "$EXAMPLES/dissect.bpf.o" -j
	holds "all programs" 'len(v) == 5'
	j "one program" 0 "$MOAT" dump jited "$EXAMPLES/dissect.bpf.o" -p dissect_vlan -j
	holds "one program" '[p["name"] for p in v] == ["dissect_vlan"]'
}

# Code for both architectures, whichever this machine is: nothing of it runs here.
test_dump_arch() {
	local fw=$EXAMPLES/firewall.bpf.o a m o
	for a in x86 arm64; do
		for m in none basereg pku pku+basereg; do
			for o in firewall dissect events rewrite hostile; do
				t "$o for $a ($m)" 0 "^; $a, isolation " "" "$MOAT" dump jited "$EXAMPLES/$o.bpf.o" --arch $a --isolation $m
				grep -q '\.byte\|\.inst\|hint' "$work/out" && bad "$o for $a ($m)" "code that cannot be decoded" || ok
			done
			j "for $a ($m)" 0 "$MOAT" dump jited "$fw" -j --arch $a --isolation $m --opcodes
			holds "for $a ($m)" 'v[0]["arch"] == "'$a'" and sum(len(i["opcodes"]) for i in v[0]["insns"]) == v[0]["bytes"]'
			[ $a = x86 ] || holds "words ($m)" 'all(len(i["opcodes"]) == 4 for i in v[0]["insns"])'
			holds "labels for $a ($m)" '("cage" in [i.get("label") for i in v[0]["insns"]]) == ("basereg" in "'$m'") and
				("enter gate" in [i.get("label") for i in v[0]["insns"]]) == ("pku" in "'$m'")'
		done
	done
	t "arm64: basereg" 0 '\[x28, w[0-9]+, uxtw\] +# cage$' "" "$MOAT" dump jited "$fw" --arch arm64 --isolation basereg
	grep -q '^ *[0-9a-f]*:	ret  *# epilogue' "$work/out" && ok || bad "arm64: basereg" "no ret"
	grep -q '^; .*bpf_map_lookup_elem(&blocked, &flow);' "$work/out" && ok || bad "arm64: source" "is not there"
	grep -q '%\|r12\|rbp\|por_el0' "$work/out" && bad "arm64: basereg" "x86, or gates" || ok
	t "arm64: poe" 0 'msr +por_el0, x[0-9]+ +# enter gate' "" "$MOAT" dump jited "$fw" --arch arm64 --isolation poe
	grep -q '\<x28\>\|wrpkru' "$work/out" && bad "arm64: poe" "x86, or a cage" || ok
	t "arm64: poe by its other name" 0 '^; arm64, isolation poe\+basereg,' "" "$MOAT" dump jited "$fw" --arch arm64 --isolation pku+basereg
	t "x86: pku by its other name" 0 '^; x86, isolation pku,' "" "$MOAT" dump jited "$fw" --arch x86 --isolation poe
	grep -q 'wrpkru  *# enter gate' "$work/out" && ok || bad "x86: pku" "no gate"
	t "x86: segment" 0 '%gs:' "" "$MOAT" dump jited "$fw" --arch x86 --isolation basereg --base segment
	t "arm64: segment" 1 "" "arm64 has no mode basereg with the base in a segment" \
		"$MOAT" dump jited "$fw" --arch arm64 --isolation basereg --base segment
	t "arm64: atomics" 0 '	stadd +x[0-9]+, \[x[0-9]+\]' "" "$MOAT" dump jited "$EXAMPLES/events.bpf.o" --arch arm64 --isolation basereg
	t "auto" 0 "^; arm64, isolation " "" "$MOAT" dump jited "$fw" --arch arm64
	t "twice" 0 "" "" sh -c "for i in 1 2; do '$MOAT' dump jited '$fw' --arch arm64 --isolation poe+basereg >'$work/arch'\$i; done
		cmp '$work/arch1' '$work/arch2'"
	t "unknown architecture" 2 "" "unknown architecture 'sparc'; there are: x86, arm64" "$MOAT" dump jited "$fw" --arch sparc
	t "architecture of instructions" 2 "" "goes with jited" "$MOAT" dump xlated "$fw" --arch arm64
}

# The image checker, on objects and on raw bytes of either architecture.
test_verify() {
	local fw=$EXAMPLES/firewall.bpf.o a m o img=$work/image
	for o in "$EXAMPLES"/*.bpf.o; do
		t "verify $(basename "$o")" 0 ': accepted$' "" "$MOAT" verify "$o"
		! grep -q refused "$work/out" && [ "$(grep -c ': accepted$' "$work/out")" -ge 8 ] && ok || bad "verify $o" "not all modes"
	done
	for a in x86 arm64; do
		for m in basereg pku pku+basereg; do
			t "$a $m: write" 0 "accepted" "" "$MOAT" verify "$fw" --arch $a --isolation $m -o "$img"
			t "$a $m: image" 0 ': accepted$' "" "$MOAT" verify --image "$img" --arch $a --isolation $m
			t "$a $m: elsewhere" 1 'refused at 0x[0-9a-f]*: ' "" "$MOAT" verify --image "$img" --arch $a --isolation $m \
				--call 4096 --domain-rights 0x12
			head -c 64 "$img" >"$img.cut"
			t "$a $m: cut off" 1 'refused at 0x[0-9a-f]*: ' "" "$MOAT" verify --image "$img.cut" --arch $a --isolation $m
			printf '\0\0\0\0' | cat - "$img" >"$img.bad"
			t "$a $m: something in front" 1 'refused at 0x' "" "$MOAT" verify --image "$img.bad" --arch $a --isolation $m
		done
	done
	t "gates" 0 ' bytes, [1-9][0-9]* gates*: accepted$' "" "$MOAT" verify "$fw" --arch x86 --isolation basereg
	t "x86 segment" 0 ': accepted$' "" "$MOAT" verify "$fw" --arch x86 --isolation basereg --base segment -o "$img"
	t "x86 segment: image" 0 ': accepted$' "" "$MOAT" verify --image "$img" --arch x86 --isolation basereg --base segment
	t "x86 segment: as register" 1 ': refused at ' "" "$MOAT" verify --image "$img" --arch x86 --isolation basereg
	j "verify" 0 "$MOAT" verify "$fw" -j
	holds "verify" 'len(v) == 8 and all(r["accepted"] and r["bytes"] > 0 for r in v)'
	holds "verify gates" 'all((r["gates"] > 0) == (r["isolation"] != "none") for r in v)'
	j "verify image" 1 "$MOAT" verify --image "$img" --arch x86 --isolation basereg -j
	holds "verify image" 'v[0]["accepted"] == False and v[0]["reason"] and v[0]["at"] >= 0'
	t "image without a mode" 2 "" "needs --arch and --isolation" "$MOAT" verify --image "$img"
	t "neither" 2 "" "one object file, or an image" "$MOAT" verify
	t "both" 2 "" "one object file, or an image" "$MOAT" verify "$fw" --image "$img"
	t "no such image" 1 "" "No such file" "$MOAT" verify --image "$work/none" --arch x86 --isolation pku
	t "number" 2 "" "'x' is not a number" "$MOAT" verify --image "$img" --call x
	t "architecture" 2 "" "unknown architecture 'sparc'" "$MOAT" verify "$fw" --arch sparc
}

# An image as a kernel has it: the stub that it calls is written by hand, in front of code for user space.
test_verify_kernel() {
	local fw=$EXAMPLES/firewall.bpf.o img=$work/kimage user=$work/user facts=$work/facts line size
	local at=0x1fffffffffe4 run=0x200040010000 domain=0xffff888012345678 host=0x200040010040
	t "user image" 0 "accepted" "" "$MOAT" verify "$fw" --arch x86 --isolation basereg -o "$user"
	python3 - "$user" "$img" $at $run $domain <<-'EOT'
		import struct, sys
		user, image, at, run, domain = sys.argv[1], sys.argv[2], *(int(a, 0) for a in sys.argv[3:])
		stub = bytes.fromhex("0f1f440000 6690 55 4889e5 48be") + struct.pack("<Q", domain)
		stub += b"\xe8" + struct.pack("<i", run - (at + len(stub) + 5)) + bytes.fromhex("c9 c3")
		assert len(stub) == 28
		open(image, "wb").write(stub + open(user, "rb").read())
	EOT
	size=$(stat -c %s "$img")
	line="id=7 tag=00112233aabbccdd name=firewall arch=x86 isolation=basereg address=$at bytes=$size code=$size"
	line+=" main=28 args=1 run=$run domain=$domain call=$host tail=$(printf 0x%x $((host + 64))) packet=$(printf 0x%x $((host + 128)))"
	line+=" return_thunk=0x0 int3_after_ret=0x0 dummy_tramp=0x0 pads=0x0 signs=0x0"
	{ echo "${line/id=7/id=6}"; echo "$line behind="; echo; echo "${line//firewall/other}" | sed s/id=7/id=8/; } >"$facts"
	v() { t "kernel image: $1" "$2" "$3" "$4" "$MOAT" verify --image "$img" --kernel "${@:5}"; }

	v "by number" 0 ': x86 basereg: [0-9]* bytes: accepted$' "" "$facts" --id 7
	v "by name" 0 ': accepted$' "" "$facts" -p other
	v "a line" 0 ': accepted$' "" "$line"
	v "two by that name" 1 "" "2 images; say which one with --id or --program" "$facts" -p firewall
	v "none by that number" 1 "" "3 images, and not the one that is asked for" "$facts" --id 9
	v "another domain" 1 'refused at 0x0: the stub is not what the kernel needs' "" "${line/12345678/12345670}"
	v "another function" 1 'refused at 0x0: the stub is not what the kernel needs' "" "${line/run=$run/run=$host}"
	v "a thunk" 1 'refused at ' "" "${line/return_thunk=0x0/return_thunk=$host}"
	v "pads" 1 'refused at ' "" "${line/pads=0x0/pads=0x1}"
	v "other calls" 1 'refused at .*no function of the host' "" "${line/call=$host/call=0x1000}"
	v "sites" 1 'refused at .*' "" "$line sites=1,-1"
	v "an entry far away" 1 'an entry where no instruction of the image begins' "" "$line entry=0xfffffffe"
	v "pads far away" 1 'refused at ' "" "${line/pads=0x0/pads=0x1} entry=0xfffffffe"
	v "something behind" 1 'refused at ' "" "$line behind=00"
	v "no main entry" 1 'refused at 0x0: there is no code' "" "${line/main=28/main=0x100000}"
	v "another architecture" 1 'refused at ' "" "${line/arch=x86/arch=arm64}"
	v "JSON" 0 '"accepted":true' "" "$line" -j
	v "a fact missing" 1 "" "line 1: domain is missing" "${line/domain=*call/call}"
	v "an unknown fact" 1 "" "line 1: 'colour' is no fact" "$line colour=red"
	v "no fact" 1 "" "line 1: 'red' is no KEY=VALUE" "$line red"
	v "less code" 1 'refused at ' "" "${line/code=$size/code=60}"
	v "more code" 1 "" "code of 4096 bytes in an image of" "${line/code=$size/code=4096}"
	v "no number" 1 "" "pads is '2', not a number up to 0x1" "${line/pads=0x0/pads=2}"
	v "no site" 1 "" "site 'x' is not the number of a helper" "$line sites=1,x"
	v "no hex" 1 "" "'0g' is not at most 64 bytes in hex" "$line behind=0g"
	v "isolation none" 1 "" "have isolation basereg, not 'none'" "${line/isolation=basereg/isolation=none}"
	v "no file" 1 "" "No such file" "$work/no-such-facts"
	v "an address, too" 2 "" "tells all facts itself" "$line" --address 4096
	t "kernel image: number alone" 2 "" "chooses a line of --kernel" "$MOAT" verify --image "$img" --id 7
	t "kernel image: facts alone" 2 "" "needs --image" "$MOAT" verify --kernel "$facts" "$fw"

	# As bpftool writes programs with functions; and one that is cut off.
	cp "$img" "$img.whole"
	printf '\300\377\356' >>"$img"
	v "more behind" 0 ': accepted$' "not checked: 3 bytes behind the image" "$line"
	head -c 100 "$img.whole" >"$img"
	v "cut off" 1 "" "has 100 bytes, and the kernel's image [0-9]*: is it of this program" "$line"
	for at in 30 60 90; do
		{ head -c $at "$img.whole"; printf '\017\005'; tail -c +$((at + 3)) "$img.whole"; } >"$img"
		v "a change at $at" 1 'refused at ' "" "$line"
	done
}

test_features() {
	t "features" 0 "^  basereg +(not )?enforced" "" "$MOAT" features
	j "features" 0 "$MOAT" features -j
	holds "features" '[m["name"] for m in v["modes"]] == ["none", "basereg", "'$keys'", "'$keys'+basereg"] and
		all(m["enforced"] or m["reason"] for m in v["modes"]) and v["auto"] in [m["name"] for m in v["modes"] if m["enforced"]]'
	export MOAT_LOW_MEMORY=0
	t "no low memory: features" 0 "^  none +not available +.*low memory" "" "$MOAT" features
	t "no low memory: none is refused" 1 "" "none is not enforced here: .*low memory" "$work/run_firewall" --isolation none
	expect "no low memory: basereg" firewall "$work/run_firewall" -j --maps --isolation basereg
	x "no low memory" 0 '^cc$' "" "7110020000000000 9500000000000000" aabbccdd --isolation basereg
	unset MOAT_LOW_MEMORY
}

# Everything must work without privileges.
test_ordinary_user() {
	local as="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --"
	if [ "$(id -u)" != 0 ]; then
		as=
	elif ! command -v setpriv >/dev/null; then
		skip "ordinary user" "no setpriv"
		return
	fi
	cp "$MOAT" "$EMBED" "$EXAMPLES"/*.bpf.o "$PCAP" "$work" && chmod -R a+rX "$work"
	t "ordinary user: features" 0 "basereg +enforced" "" $as "$work/moat" features
	t "ordinary user: run" 0 "^XDP_PASS" "*" $as "$work/moat" run "$work/firewall.bpf.o" --pcap "$work/traffic.pcap"
	t "ordinary user: dump" 0 "^firewall:" "" $as "$work/moat" dump jited "$work/firewall.bpf.o"
	printf 'b70000002a0000009500000000000000' >"$work/hex"
	input=$work/hex t "ordinary user: exec" 0 "^2a$" "" $as "$work/moat" exec
	t "ordinary user: embed" 0 "contained" "" $as "$work/embed" basereg "$work"
}

test_embed() {
	local m
	for m in $modes; do
		case $m in
		none)	t "attack succeeds in none" 1 "STOLEN: .*hunter2" "" "$EMBED" none "$EXAMPLES"
			[ "$(grep -c 'STOLEN\|OVERWRITTEN' "$work/out")" = 4 ] && ok || bad "attack in none" "not all four" ;;
		*)	t "attack is contained in $m" 0 "contained" "" "$EMBED" "$m" "$EXAMPLES"
			[ "$(grep -c ' contained' "$work/out")" = 4 ] && ok || bad "attack in $m" "not all four" ;;
		esac
	done
}

# The program that the README shows.
test_readme() {
	local lib=$(dirname "$EXAMPLES")/libmoat.a san=
	nm "$lib" 2>/dev/null | grep -q __asan_ && san=-fsanitize=address,undefined
	sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' >"$work/readme.c"
	t "README: compile" 0 "" "" ${CC:-gcc} -Wall -Wextra -Werror $san -Iinclude "$work/readme.c" "$lib" \
		-lbpf -lelf -lurcu-memb -lpthread -o "$work/readme"
	ln -s "$(dirname "$EXAMPLES")" "$work/build"
	t "README: run" 0 "^verdict 2 in ($keys\+)?basereg$" "" env -C "$work" ${RUNNER-} ./readme
}

for part in usage features exec objects run_single run violations audit dump dump_arch verify verify_kernel embed ordinary_user readme; do
	"test_$part"
done
printf '%d passed, %d failed' $passed $failed
[ $skipped = 0 ] || printf ', %d skipped' $skipped
printf '\n'
[ $failed = 0 ]
