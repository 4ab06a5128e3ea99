# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real programs of a real distribution, in a Debian root through an overlay."""

import os
import socket
import urllib.request

import pytest

import harness


@pytest.fixture
def debian(machine_file, debian_root, workspace):
    """debian("name", command=.., ..): a machine over two layers, Debian at the bottom."""

    def write(name=None, files=None, **keys):
        name = name or f"debian-{os.getpid()}"
        top = workspace / f"{name}-top"
        top.mkdir()
        for path, (text, mode) in (files or {}).items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
            (top / path).chmod(mode)
        return machine_file(name, overlay=[top, debian_root], upper="volatile", **keys)

    return write


def free_port():
    """An unused port of the host."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port):
    """One HTTP request from the host, tried until somebody answers."""
    def attempt():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None
    return harness.wait_for(attempt, 30, f"an answer on port {port}")


def test_busybox_httpd(cli, machine_file):
    """busybox httpd answers a request of the host."""
    port = free_port()
    running = cli.start("run", machine_file(
        network={"mode": "host"}, user="www-data", capabilities={"profile": "minimal"},
        command=["httpd", "-f", "-p", str(port), "-h", "/var/www"]))
    assert fetch(port) == "a page of the machine\n"
    running.signal(15)
    assert running.wait().status == 143


def test_nginx(cli, debian):
    """nginx with workers of another user answers a request of the host, and stops in good order."""
    port = free_port()
    running = cli.start("run", debian(
        network={"mode": "host"},
        files={"etc/nginx/sites-enabled/default": (
                   f"server {{ listen 127.0.0.1:{port}; root /site; }}\n", 0o644),
               "site/index.html": ("from nginx\n", 0o644)},
        command=["nginx", "-g", "daemon off; error_log stderr;"]))
    assert fetch(port) == "from nginx\n"
    running.signal(3)
    assert running.wait().status == 0


def test_apt_get_update(cli, debian):
    """apt-get drops to its own user for its methods and takes locks; a repository of files."""
    result = cli("run", debian(
        files={"etc/apt/sources.list": ("deb [trusted=yes] file:/repository ./\n", 0o644),
               "repository/Packages": ("Package: hello\nVersion: 1\nArchitecture: all\n"
                                       "Filename: ./hello.deb\nSize: 1\nDescription: x\n\n",
                                       0o644)},
        command=["sh", "-c", "apt-get update && apt-cache show hello"]), timeout=120).check()
    assert "Version: 1" in result.stdout


def test_dpkg(cli, debian):
    """dpkg unpacks, chowns and configures a package."""
    script = ("mkdir -p /tmp/p/DEBIAN /tmp/p/opt && echo x >/tmp/p/opt/file && "
              "printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: m\\n"
              "Description: d\\n' >/tmp/p/DEBIAN/control && dpkg-deb -b /tmp/p /tmp/p.deb && "
              "dpkg -i /tmp/p.deb && dpkg -s p && cat /opt/file")
    result = cli("run", debian(command=["sh", "-c", script]), timeout=120).check()
    assert "Status: install ok installed" in result.stdout


def test_su(cli, debian):
    """su changes the user through PAM."""
    result = cli("run", debian(command=["su", "-s", "/bin/sh", "www-data", "-c",
                                        "id -un; touch /tmp/x && stat -c %U /tmp/x"])).check()
    assert result.stdout.split() == ["www-data", "www-data"]


def test_useradd(cli, debian):
    """useradd writes the user database."""
    script = "useradd -m carol && su carol -c 'cd && pwd && id -u'"
    result = cli("run", debian(command=["sh", "-c", script])).check()
    assert result.stdout.split() == ["/home/carol", "1000"]


def test_ping(cli, debian):
    """ping with a raw socket, if the machine has the capability that the file needs."""
    result = cli("run", debian(capabilities={"add": ["CAP_NET_RAW"]}, command=[
        "ping", "-c", "1", "-W", "5", "127.0.0.1"])).check()
    assert "1 received" in result.stdout


def test_ping_without_capabilities(cli, debian):
    """ping with the sockets that ping_group_range allows; a copy has no file capabilities."""
    script = "cp /bin/ping /tmp/ping && /tmp/ping -c 1 -W 5 127.0.0.1"
    result = cli("run", debian(sysctl=["net.ipv4.ping_group_range=0 65535"],
                               command=["sh", "-c", script])).check()
    assert "1 received" in result.stdout


def test_python(cli, debian):
    """python3 with threads, processes, shared memory, sockets and a subprocess."""
    program = r"""
import concurrent.futures, multiprocessing, socket, subprocess, tempfile, threading
from multiprocessing import shared_memory

def square(number):
    return number * number

if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(square, range(4))) == [0, 1, 4, 9]
    with multiprocessing.Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.buf[0] = 7
    block.close(); block.unlink()
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    server.accept()[0].sendall(b"over the loopback")
    assert client.recv(100) == b"over the loopback"
    left, right = socket.socketpair()
    assert subprocess.run(["id", "-u"], capture_output=True, text=True).stdout == "0\n"
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    print("all well")
"""
    result = cli("run", debian(files={"program.py": (program, 0o644)},
                               command=["python3", "/program.py"])).check()
    assert result.stdout == "all well\n"


def test_capsh(cli, debian):
    """capsh and the kernel agree on the capabilities of a service."""
    result = cli("run", debian(command=["capsh", "--print"])).check()
    bounding = [line for line in result.stdout.splitlines() if line.startswith("Bounding set")][0]
    assert "cap_setuid" in bounding and "cap_sys_admin" not in bounding
    assert "cap_net_raw" not in bounding


def test_layers_stay_as_they_are(cli, debian, debian_root, workspace):
    """Copy-on-write: a machine that removes and changes files leaves its layers byte for byte."""
    def picture(top):
        return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_uid,
                       path.lstat().st_mode, path.lstat().st_size)
                      for path in top.rglob("*"))
    path = debian(files={"etc/issue": ("from the top\n", 0o644)}, command=["sh", "-c", (
        "cat /etc/issue; rm -r /usr/share/doc /etc/issue; chown www-data /bin/ls; "
        "echo x >>/etc/passwd; mv /etc/debian_version /etc/other; mkdir /usr/share/doc; "
        "ls /usr/share/doc | wc -l")])
    before = picture(debian_root / "etc"), picture(debian_root / "usr/bin"), picture(
        workspace / f"debian-{os.getpid()}-top")
    result = cli("run", path).check()
    assert result.stdout.split("\n")[:2] == ["from the top", "0"]
    assert before == (picture(debian_root / "etc"), picture(debian_root / "usr/bin"), picture(
        workspace / f"debian-{os.getpid()}-top"))
