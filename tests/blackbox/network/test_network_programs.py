# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real programs that communicate through networks; their files are the host's own, or the Debian
root's."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import harness
import networking
import roots

pytestmark = [pytest.mark.needs("root", "program:nft", "program:ip"), pytest.mark.slow]

DATABASE = """
set -e
{bin}/initdb -A trust -D /tmp/db > /dev/null
echo "host all all all trust" >> /tmp/db/pg_hba.conf
exec {bin}/postgres -D /tmp/db -c listen_addresses="*" -c unix_socket_directories=/tmp 2>&1
"""


@pytest.fixture
def files(workspace):
    """Keys for a root with little more than the host's /usr."""
    top = workspace / "usr-root"
    for directory in ("etc", "dev", "proc", "sys", "run", "tmp", "usr", "root"):
        (top / directory).mkdir(parents=True)
    (top / "tmp").chmod(0o1777)
    for link in ("bin", "lib", "lib64", "sbin"):
        (top / link).symlink_to(f"usr/{link}")
    for name in ("passwd", "group", "ld.so.cache", "nsswitch.conf"):
        shutil.copy(f"/etc/{name}", top / "etc" / name)
    return {"rootfs": top, "mounts": [{"source": "/usr", "target": "/usr", "read_only": True}]}


@pytest.fixture
def start(host, machine_file, files):
    """start("db", "script", "words") runs a shell script in a machine with the host's programs and
    waits for the words."""

    def run(name, script, ready, **keys):
        path = machine_file(name, upper="volatile", network={"mode": "bridge"},
                            command=["/bin/sh", "-c", script], **{**files, **keys})
        running = host.cli.start("run", path, wrapper=host.wrapper, stderr=subprocess.STDOUT)
        running.read_until(ready, timeout=180)
        machine = networking.Machine(host, name, running)
        host.machines.append(machine)
        return machine

    return run


def find_database():
    """Where PostgreSQL's programs are, and keys for a root that has them."""
    pattern = "usr/lib/postgresql/*/bin/postgres"
    for found in Path("/").glob(pattern):
        return found.parent, {}
    debian = roots.debian()
    for found in debian.glob(pattern):
        return "/" / found.parent.relative_to(debian), {"rootfs": None, "mounts": None,
                                                        "overlay": [debian]}
    return pytest.skip("PostgreSQL is not installed")


def test_postgresql(host, start):
    """A database in one machine, reached by name from another and through a port from the host."""
    binaries, keys = find_database()
    start("db", DATABASE.format(bin=binaries), "ready to accept connections",
          user="postgres", working_directory="/tmp", ports=["15432:5432"], **keys)
    query = f"{binaries}/psql -At -U postgres -c 'select 6 * 7'"
    start("client", f"{query} -h db; sleep 1000", r"\b42\b", **keys)
    for client, address in ((host, "127.0.0.1"), (host, networking.LAN), (host, networking.LAN6),
                            (host.outside, networking.LAN)):
        assert client.sh(f"{query} -h {address} -p 15432") == "42\n", address


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed")
def test_iperf(host, start):
    """A stream through the bridge and through a published port, each for a second."""
    machine = start("speed", "iperf3 -s --forceflush", "listening", ports=["5301:5201"])
    for client, address, port in ((host, machine.address, 5201), (host, networking.LAN, 5301),
                                  (host.outside, networking.LAN, 5301),
                                  (host, machine.address6, 5201)):
        said = json.loads(harness.wait_for(
            lambda c=client, a=address, p=port: c.run("iperf3", "-c", a, "-p", p, "-t", "1", "-J",
                                                      check=False), 10, "an answer"))
        assert said["end"]["sum_received"]["bits_per_second"] > 1e8, said.get("error", said)
