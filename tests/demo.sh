#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `make demo`: the firewall over a capture in every mode, then a hostile program beside a victim.
# Fails if verdicts differ between modes, or if an attack is not contained where it must be.
set -u

BUILD=${BUILD:-build}
MOAT=${MOAT:-$BUILD/moat}
EXAMPLES=$BUILD/examples
EMBED=${EMBED:-$EXAMPLES/embed}
failed=0
reference=

say() { printf '\n== %s\n\n' "$*"; }
fail() { echo "demo: $*" >&2; failed=1; }

# A flow as the firewall's map wants it: source, destination, ports, protocol, padding.
ssh_flow="cb007142 0a00000a 115c 0016 06 000000"	# 203.0.113.66:4444 -> 10.0.0.10:22, TCP
ssdp_flow="c0000263 0a00000b 076c 076c 11 000000"	# 192.0.2.99:1900 -> 10.0.0.11:1900, UDP
none_yet="0000000000000000"

firewall() {
	"$MOAT" "$@" run "$EXAMPLES/firewall.bpf.o" --isolation "$mode" --pcap "$EXAMPLES/traffic.pcap" \
		--map "blocked:$ssh_flow=$none_yet" --map "blocked:$ssdp_flow=$none_yet" --maps
}

# "verdict packets ..." of a JSON result, without what may differ between modes (times).
verdicts() {
	python3 -c 'import json, sys
r = json.load(sys.stdin)
print(r["packets"], r["violations"], [(v["name"], v["packets"]) for v in r["verdicts"]], r["maps"])'
}

# Why a mode is not enforced here; empty if it is.
missing() {
	"$MOAT" features | awk -v mode="$1" '$1 == mode && $2 == "not" {
		sub(/^ *[^ ]+ +not (enforced|available) +/, "")
		print "not enforced here: " $0
	}'
}

say "What this machine enforces (moat features)"
"$MOAT" features || exit 1
# The names of the modes are the architecture's: pku on x86, poe on arm64.
MODES=$("$MOAT" -j features | python3 -c 'import json, sys; print(*[m["name"] for m in json.load(sys.stdin)["modes"]])')
[ -n "$MODES" ] || fail "no modes"

for mode in $MODES; do
	say "Firewall, isolation $mode"
	why=$(missing "$mode")
	if [ -n "$why" ]; then
		echo "$why"
		continue
	fi
	firewall || fail "the firewall failed in $mode"
	counts=$(firewall -j | verdicts)
	: "${reference:=$counts}"
	[ -n "$counts" ] && [ "$counts" = "$reference" ] || fail "other counts in $mode: $counts"
done

for mode in $MODES; do
	say "Hostile program, isolation $mode"
	why=$(missing "$mode")
	if [ -n "$why" ]; then
		echo "$why"
		continue
	fi
	"$EMBED" "$mode" "$EXAMPLES"
	status=$?
	case $mode,$status in
	none,1)	echo "nothing confines it: every attack above is possible" ;;
	none,*)	fail "the attack should succeed in none (status $status)" ;;
	*,0)	echo "every attack was contained" ;;
	*)	fail "an attack was not contained in $mode (status $status)" ;;
	esac
done

[ $failed = 0 ] && printf '\ndemo: done, all as promised\n'
exit $failed
