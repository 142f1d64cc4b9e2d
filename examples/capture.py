#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the capture that the examples run over: the same bytes every time.

    capture.py traffic.pcap

About 600 Ethernet packets of a small office network: name lookups, web
traffic, pings, IPv6, a tagged VLAN, fragments, a port scan from
203.0.113.66, two flows that the demo blocks, and a few damaged packets.
"""
import struct
import sys

HOSTS = ["10.0.0.%d" % n for n in range(10, 18)]
SERVERS = ["198.51.100.7", "198.51.100.20", "192.0.2.80"]
RESOLVER = "10.0.0.1"
SCANNER = "203.0.113.66"
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
SYN, ACK, PSH, FIN = 2, 16, 8, 1


class Random:
    """A generator that gives the same numbers in every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit

    def bytes(self, count):
        return bytes(self.below(256) for _ in range(count))


random = Random(2023)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(text):
    return bytes(int(part) for part in text.split("."))


def eth(payload, kind, vlan=None):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return bytes.fromhex("020000000002020000000001") + tag + struct.pack("!H", kind) + payload


def ipv4(src, dst, proto, payload, ident=None, fragment=0x4000, ttl=64):
    ident = random.below(65536) if ident is None else ident
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, ttl, proto, 0,
                       ip4(src), ip4(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def l4_checksum(pseudo, segment, at):
    value = checksum(pseudo + segment) or 0xffff
    return segment[:at] + struct.pack("!H", value) + segment[at + 2:]


def pseudo4(src, dst, proto, segment):
    return ip4(src) + ip4(dst) + struct.pack("!BBH", 0, proto, len(segment))


def pseudo6(src, dst, proto, segment):
    return src + dst + struct.pack("!IHBB", len(segment), 0, 0, proto)


def tcp(sport, dport, seq, ack, flags, data=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0) + data


def udp(sport, dport, data):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def tcp4(src, dst, segment, vlan=None):
    segment = l4_checksum(pseudo4(src, dst, TCP, segment), segment, 16)
    return eth(ipv4(src, dst, TCP, segment), 0x0800, vlan)


def udp4(src, dst, segment, vlan=None):
    segment = l4_checksum(pseudo4(src, dst, UDP, segment), segment, 6)
    return eth(ipv4(src, dst, UDP, segment), 0x0800, vlan)


def ipv6(src, dst, proto, segment, at):
    segment = l4_checksum(pseudo6(src, dst, proto, segment), segment, at)
    return eth(struct.pack("!IHBB", 6 << 28, len(segment), proto, 64) + src + dst + segment, 0x86dd)


def connection(client, server, sport, dport, answers, vlan=None):
    """A TCP connection from SYN to FIN, with @answers segments from the server."""
    seq, ack = random.below(2**31), random.below(2**31)

    def out(flags, data=b""):
        return tcp4(client, server, tcp(sport, dport, seq, ack, flags, data), vlan)

    def back(flags, data=b""):
        return tcp4(server, client, tcp(dport, sport, ack, seq, flags, data), vlan)

    yield out(SYN)
    yield back(SYN | ACK)
    yield out(ACK)
    yield out(ACK | PSH, b"GET /%04x HTTP/1.1\r\nHost: example.test\r\n\r\n" % random.below(65536))
    for _ in range(answers):
        yield back(ACK, random.bytes(200 + random.below(1200)))
        yield out(ACK)
    yield back(FIN | ACK)
    yield out(FIN | ACK)


def lookup(client):
    sport, ident = 40000 + random.below(20000), random.bytes(2)
    name = b"\x07example\x04test\x00\x00\x01\x00\x01"
    yield udp4(client, RESOLVER, udp(sport, 53, ident + b"\x01\x00\x00\x01\0\0\0\0\0\0" + name))
    yield udp4(RESOLVER, client, udp(53, sport, ident + b"\x81\x80\x00\x01\x00\x01\0\0\0\0" + name +
                                     b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04" + ip4(SERVERS[0])))


def ping(client, server):
    for kind, src, dst in ((8, client, server), (0, server, client)):
        message = struct.pack("!BBHHH", kind, 0, 0, 77, 1) + bytes(range(48))
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        yield eth(ipv4(src, dst, ICMP, message), 0x0800)


def arp(client):
    yield eth(struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + bytes(6) + ip4(client) + bytes(6) +
              ip4(RESOLVER) + bytes(18), 0x0806)


def fragments(client, server):
    """A datagram of 2000 bytes in two fragments: only the first has ports."""
    whole = udp(5000, 6000, random.bytes(1992))
    whole = l4_checksum(pseudo4(client, server, UDP, whole), whole, 6)
    ident = random.below(65536)
    yield eth(ipv4(client, server, UDP, whole[:1480], ident, 0x2000), 0x0800)
    yield eth(ipv4(client, server, UDP, whole[1480:], ident, 1480 // 8), 0x0800)


def office6():
    one, two = (bytes.fromhex("20010db8" + "00" * 11 + last) for last in ("01", "02"))
    for n in range(6):
        yield ipv6(one, two, ICMPV6, struct.pack("!BBHHH", 128, 0, 0, 9, n) + bytes(32), 2)
        yield ipv6(two, one, ICMPV6, struct.pack("!BBHHH", 129, 0, 0, 9, n) + bytes(32), 2)
        yield ipv6(one, two, TCP, tcp(50000 + n, 443, n, 0, SYN), 16)
        yield ipv6(one, two, UDP, udp(50000 + n, 53, b"query"), 6)


def scan():
    """One SYN to each of 40 ports."""
    for port in range(20, 60):
        yield tcp4(SCANNER, HOSTS[5], tcp(31337, port, port, 0, SYN))


def blocked():
    """The two flows that the demo blocks."""
    for n in range(25):
        yield tcp4(SCANNER, HOSTS[0], tcp(4444, 22, n, 0, PSH | ACK, b"password%02d" % n))
    for n in range(15):
        yield udp4("192.0.2.99", HOSTS[1], udp(1900, 1900, random.bytes(300)))


def damaged():
    good = tcp4(HOSTS[0], SERVERS[0], tcp(1, 2, 3, 4, ACK))
    yield good[:14]                             # nothing behind the Ethernet header
    yield good[:30]                             # IPv4 header cut off
    yield good[:36]                             # ports cut off
    yield good[:14] + b"\x65" + good[15:]       # version 6 in an IPv4 packet
    yield good[:14] + b"\x41" + good[15:]       # header length 4 bytes
    yield good[:14] + b"\x4f" + good[15:40]     # header longer than the packet
    yield bytes.fromhex("ffffffffffff020000000003") + b"\x88\xcc" + bytes(46)


def traffic():
    for n, client in enumerate(HOSTS):
        yield arp(client)
        yield lookup(client)
        yield connection(client, SERVERS[n % 3], 49152 + n, 443, 12 + random.below(12))
        yield ping(client, SERVERS[0])
    for n in range(4):
        yield connection(HOSTS[n], SERVERS[1], 55000 + n, 80, 2, vlan=42)
        yield lookup(HOSTS[n])
    yield fragments(HOSTS[2], SERVERS[2])
    yield office6()
    yield scan()
    yield blocked()
    yield damaged()


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: capture.py FILE")
    # Flows are interleaved as on a real link, each in its own order.
    flows = [list(flow) for flow in traffic()]
    clock = 1700000000 * 10**6
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        while flows:
            flow = flows[random.below(min(len(flows), 6))]
            packet = flow.pop(0)
            if not flow:
                flows.remove(flow)
            clock += 50 + random.below(3000)
            out.write(struct.pack("<IIII", clock // 10**6, clock % 10**6, len(packet), len(packet)) + packet)


if __name__ == "__main__":
    main()
