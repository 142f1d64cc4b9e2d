#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the example programs must find in a capture, computed from the packets alone.

    expect.py CAPTURE PROGRAM RESULT    compare with what `moat run -j --maps` printed
    expect.py CAPTURE rewrite OUTPUT    compare with the rewritten capture

Written from the programs' descriptions, not from their results.  Prints what
differs and fails.
"""
import json
import struct
import sys

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
BLOCKED = [("203.0.113.66", "10.0.0.10", 4444, 22, TCP), ("192.0.2.99", "10.0.0.11", 1900, 1900, UDP)]
FOUND = ("packets vlan arp ipv4 ipv6 fragment tcp syn udp dns icmp other short").split()
TO, PORT = "10.9.9.9", 53


def capture(path):
    data = open(path, "rb").read()
    at = 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def address(data):
    return ".".join(str(b) for b in data)


def half(data, at):
    return struct.unpack_from("!H", data, at)[0]


def flow(packet, at):
    """The flow of the IPv4 packet at @at; None if its ports are cut off."""
    head = packet[at:]
    proto, ports = head[9], (0, 0)
    if proto in (TCP, UDP) and not half(head, 6) & 0x1fff:
        l4 = at + (head[0] & 15) * 4
        if len(packet) < l4 + 4:
            return None
        ports = half(packet, l4), half(packet, l4 + 2)
    return (address(head[12:16]), address(head[16:20])) + ports + (proto,)


def add(table, key, *amounts):
    table[key] = tuple(a + b for a, b in zip(table.get(key, (0,) * len(amounts)), amounts))


def firewall(packets):
    verdicts, protocols = {}, {}
    for p in packets:
        kind, at = half(p, 12), 14
        if kind == 0x8100:
            kind, at = half(p, 16), 18
        if kind != 0x0800:
            verdict, proto = "XDP_PASS", 255
        elif len(p) < at + 20 or p[at] >> 4 != 4 or p[at] & 15 < 5 or not flow(p, at):
            verdict = "XDP_ABORTED"
        else:
            verdict = "XDP_DROP" if flow(p, at) in BLOCKED else "XDP_PASS"
            proto = p[at + 9]
        add(verdicts, verdict, 1)
        if verdict == "XDP_PASS":
            add(protocols, proto, 1, len(p))
    return {"verdicts": {k: v[0] for k, v in verdicts.items()},
            "protocols": {str(k): list(v) for k, v in protocols.items()},
            "blocked": sorted(sum(flow(p, 14) == b for p in packets if whole(p)) for b in BLOCKED)}


def whole(p):
    return len(p) >= 38 and half(p, 12) == 0x0800


def proto_bytes(packets):
    sums = {}
    for p in packets:
        if len(p) >= 24 and half(p, 12) == 0x0800:
            add(sums, str(p[23]), len(p))
    return {"bytes": {k: v[0] for k, v in sums.items()}}


def flow_count(packets):
    flows = {}
    for p in packets:
        if len(p) >= 34 and half(p, 12) == 0x0800 and flow(p, 14):
            add(flows, flow(p, 14), 1, len(p))
    return {"flows": sorted(list(v) for v in flows.values()), "full": 0}


def dissect(packets):
    found = dict.fromkeys(FOUND, 0)
    for p in packets:
        found["packets"] += 1
        for what in layers(p):
            found[what] += 1
    return {"found": {str(n): found[k] for n, k in enumerate(FOUND) if found[k]}}


def layers(p):
    kind, at = half(p, 12), 14
    if kind == 0x8100:
        yield "vlan"
        kind, at = half(p, 16), 18
    if kind == 0x0800:
        if len(p) < at + 20:
            yield "short"
            return
        yield "ipv4"
        if half(p, at + 6) & 0x1fff:
            yield "fragment"
            return
        yield from transport(p, at + (p[at] & 15) * 4, p[at + 9])
    elif kind == 0x86dd:
        yield "ipv6"
        yield from transport(p, at + 40, p[at + 6])
    else:
        yield "arp" if kind == 0x0806 else "other"


def transport(p, at, proto):
    if proto == TCP:
        if len(p) < at + 20:
            yield "short"
            return
        if p[at + 13] & 2:
            yield "syn"
        yield "tcp"
    elif proto == UDP:
        if len(p) < at + 4:
            yield "short"
            return
        if 53 in (half(p, at), half(p, at + 2)):
            yield "dns"
        yield "udp"
    else:
        yield "icmp" if proto in (ICMP, ICMPV6) else "other"


def events_source(packets):
    seen = []
    for p in packets:
        if len(p) < 34 or half(p, 12) != 0x0800 or p[23] != TCP or half(p, 20) & 0x1fff:
            continue
        at = 14 + (p[14] & 15) * 4
        if len(p) >= at + 20 and p[at + 13] & 0x12 == 0x02:
            number = struct.pack("<I", len(seen))
            seen.append((p[26:34] + p[at:at + 4] + number).hex(" "))
    return {"records": len(seen), "first": seen[:16]}


def maps(result):
    return {m["name"]: m for m in result["maps"]}


def values(m):
    return {str(e["key"]): e["value"] for e in m["elements"]}


def got(program, result):
    m = maps(result)
    if program == "firewall":
        return {"verdicts": {v["name"]: v["packets"] for v in result["verdicts"]},
                "protocols": {k: [v["packets"], v["bytes"]] for k, v in values(m["protocols"]).items()},
                "blocked": sorted(values(m["blocked"]).values())}
    if program == "proto_bytes":
        return {"bytes": values(m["bytes"])}
    if program == "flow_count":
        globals_ = [e["value"] for name in m if name.endswith(".bss") for e in m[name]["elements"]]
        return {"flows": sorted([v["packets"], v["bytes"]] for v in values(m["flows"]).values()),
                "full": globals_[0]["full"] if globals_ else 0}
    if program == "dissect":
        return {"found": values(m["found"])}
    return {"records": m["events"]["records"], "first": m["events"]["elements"]}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def redirect(p):
    """The packet as rewrite.bpf.c must send it, with checksums computed from scratch."""
    if len(p) < 42 or half(p, 12) != 0x0800 or p[23] != UDP or half(p, 20) & 0x1fff:
        return p
    at = 14 + (p[14] & 15) * 4
    if half(p, at + 2) != PORT:
        return p
    head = p[14:24] + b"\0\0" + p[26:30] + bytes(int(b) for b in TO.split("."))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    l4 = p[at:at + 6] + b"\0\0" + p[at + 8:]
    pseudo = head[12:20] + struct.pack("!BBH", 0, UDP, len(l4))
    l4 = l4[:6] + struct.pack("!H", checksum(pseudo + l4) or 0xffff) + l4[8:]
    return p[:14] + head + l4


def main():
    packets, program = list(capture(sys.argv[1])), sys.argv[2]
    if program == "rewrite":
        want = [redirect(p).hex() for p in packets if not (whole(p) and p[23] == UDP and len(p) < 42)]
        have = [p.hex() for p in capture(sys.argv[3])]
        if want == [p.hex() for p in packets]:
            sys.exit("nothing in the capture is rewritten: this would prove nothing")
    else:
        want, have = globals()[program](packets), got(program, json.load(open(sys.argv[3])))
    if want != have:
        sys.exit("%s: want %s\ngot  %s" % (program, want, have))


main()
