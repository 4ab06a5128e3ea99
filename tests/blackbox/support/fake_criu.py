#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A CRIU that does what the environment says, or the file CONDUCT beside it: the good one does not
show what becomes of a machine whose checkpoint hangs, lies or dies.

    version A.B   what it says to be, 4.1 unless told otherwise
    hang          never answers to a dump
    die           ends without an answer
    refuse        says that the dump has failed, with a reason in its log
    lie           says that all is written, but writes nothing
    stop          stops the first process, and dies
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

DUMP, NOTIFY, VERSION = 1, 6, 10


def varint(number):
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def fields(data):
    """[(number, value)]; the value is an int or bytes."""
    at, out = 0, []

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        key = take()
        value = take()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        out.append((key >> 3, value))
    return out


def main():
    conduct = (Path(sys.argv[0]).parent / "CONDUCT").read_text().split()
    peer = socket.socket(fileno=int(sys.argv[2]))
    while True:
        data = peer.recv(1 << 20)
        if not data:
            return
        request = dict(fields(data))
        if request[1] == VERSION:
            version = conduct[conduct.index("version") + 1] if "version" in conduct else "4.1"
            major, minor = map(int, version.split("."))
            peer.send(number(1, VERSION) + number(2, 1) +
                      text(10, number(1, major) + number(2, minor)))
        elif request[1] == DUMP:
            dump(peer, conduct, dict(fields(request[2])))
        elif request[1] == NOTIFY:
            peer.send(number(1, DUMP) + number(2, 1))


def dump(peer, conduct, options):
    if "hang" in conduct:
        time.sleep(1000)
    if "die" in conduct:
        os._exit(0)
    if "stop" in conduct:
        os.kill(options[2], signal.SIGSTOP)
        os._exit(1)
    if "refuse" in conduct:
        directory = Path(f"/proc/{os.getppid()}/fd/{options[1]}")
        (directory / "dump.log").write_text("(00.1) Error (criu/test.c:1): it is \033[1mTuesday\n")
        peer.send(number(1, DUMP) + number(2, 0))
        return
    peer.send(number(1, NOTIFY) + number(2, 1) + text(5, text(1, b"post-dump")))


if __name__ == "__main__":
    main()
