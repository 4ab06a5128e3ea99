# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ethernet frames of a machine, genuine and forged, and the programs that send and capture them in
a network namespace."""

import ipaddress
import itertools
import json
import select
import socket
import struct
import sys
import threading

ALL = bytes.fromhex("ffffffffffff")
IP, ARP, IP6, RARP, VLAN, MPLS = 0x0800, 0x0806, 0x86DD, 0x8035, 0x8100, 0x8847
ANY = "::"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def packed(address):
    return ipaddress.ip_address(address).packed


def link_local(hardware):
    """The link-local address that the kernel derives from a hardware address."""
    first, *rest = mac(hardware)
    return str(ipaddress.ip_address(b"\xfe\x80" + bytes(6) + bytes([first ^ 2, *rest[:2]])
                                    + b"\xff\xfe" + bytes(rest[2:])))


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def summed(data, at, before=b""):
    """The data with its checksum at an offset."""
    return data[:at] + checksum(before + data) + data[at + 2:]


def ipv4(source, target, protocol, body, options=b""):
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 0,
                         0, 1 if protocol == 2 else 64, protocol, 0)
    return summed(header + packed(source) + packed(target) + options, 10) + body


def ipv6(source, target, following, body):
    return struct.pack("!IHBB", 6 << 28, len(body), following, 255) + packed(source) + \
        packed(target) + body


def udp(source, target):
    return struct.pack("!HHHH", source, target, 8, 0)


def icmpv6(source, target, kind, body, extension=b"", code=0):
    """extension: a preceding header, whose first byte must name the next one."""
    pseudo = packed(source) + packed(target) + struct.pack("!II", 4 + len(body), 58)
    message = summed(struct.pack("!BBH", kind, code, 0) + body, 2, pseudo)
    if extension:
        return ipv6(source, target, extension[0], b"\x3a" + extension[1:] + message)
    return ipv6(source, target, 58, message)


def arp(operation, sender, sender_address, target, target_address):
    return struct.pack("!HHBBH", 1, IP, 6, 4, operation) + mac(sender) + \
        packed(sender_address) + mac(target) + packed(target_address)


def advertisement(target, hardware):
    """A neighbour advertisement: solicited, override, with its hardware address."""
    return struct.pack("!I", 0x60000000) + packed(target) + b"\x02\x01" + mac(hardware)


# A router advertisement, valid for half an hour.
ROUTER = struct.pack("!BBHII", 64, 0, 1800, 0, 0)
# Mandatory options without effect: of the next hop's header, and of the target's.
ALERT, PADDING = b"\0\0\x05\x02\0\0\x01\0", b"\x3c\0\x01\x04\0\0\0\0"


def catalogue(own, peer, gateway):
    """What `own` may send to `peer`, and what not: {name: (frame, mark)}, twice. The mark is only
    in that frame. Each of the three has "mac", "ip" and "ip6"."""
    def frame(kind, body, source=own["mac"], target=peer["mac"], tags=()):
        return mac(target) + mac(source) + b"".join(
            struct.pack("!HH", VLAN, tag) for tag in tags) + struct.pack("!H", kind) + body

    def four(mark, source=own["ip"], port=9999, **keys):
        return frame(IP, ipv4(source, peer["ip"], 17, udp(port, port + 1) + mark), **keys)

    def six(mark, source=own["ip6"], target=peer["ip6"], port=9999, **keys):
        return frame(IP6, ipv6(source, target, 17, udp(port, port - 1) + mark), **keys)

    def resolve(mark, operation, sender=own["ip"], hardware=own["mac"], **keys):
        asked = peer["mac"] if operation == 2 else "00:00:00:00:00:00"
        return frame(ARP, arp(operation, hardware, sender, asked, peer["ip"]) + mark, **keys)

    def discover(mark, kind, source, target, body, extension=b"", **keys):
        return frame(IP6, icmpv6(source, target, kind, body + mark, extension), **keys)

    def group(mark, target, body):
        return frame(IP, ipv4(own["ip"], target, 2, summed(body + mark, 2), b"\x94\x04\0\0"))

    mine, theirs, router = link_local(own["mac"]), link_local(peer["mac"]), link_local(gateway["mac"])
    other = "02:00:00:00:00:77"
    at_gateway = advertisement(gateway["ip6"], own["mac"])
    true = {
        "ipv4": four,
        "ipv6": six,
        "ipv6 link-local": lambda mark: six(mark, mine, theirs),
        "arp answer": lambda mark: resolve(mark, 2),
        "arp request": lambda mark: resolve(mark, 1, target="ff:ff:ff:ff:ff:ff"),
        "advertisement": lambda mark: discover(mark, 136, own["ip6"], peer["ip6"],
                                               advertisement(own["ip6"], own["mac"])),
        "solicitation": lambda mark: discover(mark, 135, own["ip6"], peer["ip6"],
                                              bytes(4) + packed(peer["ip6"])),
        "is mine free": lambda mark: discover(mark, 135, ANY, "ff02::1",
                                              bytes(4) + packed(own["ip6"])),
        "router solicitation": lambda mark: discover(mark, 133, mine, "ff02::2", bytes(4)),
        "group report": lambda mark: group(mark, "224.0.0.9",
                                           b"\x16\0\0\0" + packed("224.0.0.9")),
    }
    forged = {
        "ipv4 of the gateway": lambda mark: four(mark, gateway["ip"]),
        "ipv4 of anybody": lambda mark: four(mark, "198.51.100.7"),
        "ipv4 of nobody": lambda mark: four(mark, "0.0.0.0"),
        "ipv4 from another mac": lambda mark: four(mark)[:6] + mac(other) + four(mark)[12:],
        "ipv4 with a tag": lambda mark: four(mark, tags=[0]),
        "dhcp server": lambda mark: four(mark, port=67),
        "ipv6 of the gateway": lambda mark: six(mark, gateway["ip6"]),
        "ipv6 link-local of the gateway": lambda mark: six(mark, router, theirs),
        "ipv6 of nobody": lambda mark: six(mark, ANY),
        "ipv6 from another mac": lambda mark: six(mark)[:6] + mac(other) + six(mark)[12:],
        "dhcpv6 server": lambda mark: six(mark, mine, theirs, port=547),
        "arp answer for the gateway": lambda mark: resolve(mark, 2, gateway["ip"]),
        "arp request of the gateway": lambda mark: resolve(mark, 1, gateway["ip"],
                                                           target="ff:ff:ff:ff:ff:ff"),
        "arp with another sender": lambda mark: resolve(mark, 2, hardware=other),
        "arp probe": lambda mark: resolve(mark, 1, "0.0.0.0"),
        "arp with a tag": lambda mark: resolve(mark, 2, gateway["ip"], tags=[0]),
        "router": lambda mark: discover(mark, 134, mine, "ff02::1", ROUTER),
        "router of the gateway's": lambda mark: discover(mark, 134, router, "ff02::1", ROUTER),
        "router behind options": lambda mark: discover(mark, 134, mine, "ff02::1", ROUTER, PADDING),
        "router with a tag": lambda mark: discover(mark, 134, mine, "ff02::1", ROUTER, tags=[0]),
        "router with two tags": lambda mark: discover(mark, 134, mine, "ff02::1", ROUTER,
                                                      tags=[0, 0]),
        "redirect": lambda mark: discover(mark, 137, mine, peer["ip6"], bytes(4) + packed(mine)
                                          + packed("2001:db8::9")),
        "advertisement for the gateway": lambda mark: discover(
            mark, 136, own["ip6"], peer["ip6"], at_gateway),
        "advertisement behind options": lambda mark: discover(
            mark, 136, own["ip6"], peer["ip6"], at_gateway, PADDING),
        "is the peer's free": lambda mark: discover(mark, 135, ANY, "ff02::1",
                                                    bytes(4) + packed(peer["ip6"])),
        "query for groups": lambda mark: group(mark, "224.0.0.1", b"\x11\x64\0\0" + bytes(4)),
        "query for groups of ipv6": lambda mark: discover(
            mark, 130, mine, "ff02::1", struct.pack("!HH", 1000, 0) + bytes(16), ALERT),
        "reverse arp": lambda mark: frame(RARP, arp(4, own["mac"], own["ip"], peer["mac"],
                                                    peer["ip"]) + mark),
        "mpls": lambda mark: frame(MPLS, bytes(8) + mark),
        "spanning tree": lambda mark: frame(38, b"\x42\x42\x03" + bytes(31) + mark,
                                            target="01:80:c2:00:00:00"),
    }
    # As a neighbour discovery option; otherwise the receiver would ignore the frame.
    marks = (b"\xfd\x01mark" + struct.pack("!H", number) for number in itertools.count())
    return tuple({name: (make(mark), mark) for (name, make), mark in zip(table.items(), marks)}
                 for table in (true, forged))


def _send(frames):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("eth0", 0))
        for frame in frames:
            out.send(bytes.fromhex(frame))


def _hear():
    """Prints, at the end of its input, what arrived at eth0, in any protocol."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as heard:
        heard.bind(("eth0", 3))
        heard.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        print("ready", flush=True)
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        frames = []
        while select.select([heard], [], [], 0.3)[0] or not ended.is_set():
            if select.select([heard], [], [], 0)[0]:
                data, where = heard.recvfrom(2048)
                if where[2] != socket.PACKET_OUTGOING:
                    frames.append(data.hex())
        print(json.dumps(frames))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        _send(json.loads(sys.stdin.read()))
    else:
        _hear()
