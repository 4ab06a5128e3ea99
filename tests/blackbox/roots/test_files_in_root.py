# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that a machine is given: names, time zone, identity, credentials, /run/host."""

import os
import re
import shutil

import pytest
from inside import mount_table, picture, refused, shell


def test_hosts_and_hostname(cli, machine_file):
    result = shell(cli, machine_file, "cat /etc/hosts /etc/hostname; hostname", hostname="www",
                   network={"mode": "none", "hosts": ["db:10.1.2.3"]})
    assert "127.0.0.1 localhost\n" in result.stdout
    assert "10.1.2.3 db\n" in result.stdout
    assert re.search(r"^127\.0\.1\.1 .*\bwww\b", result.stdout, re.M)
    assert result.stdout.endswith("\nwww\nwww\n")


def test_hostname_is_the_machines_name(cli, machine_file):
    assert shell(cli, machine_file, "cat /etc/hostname", name="web").stdout == "web\n"


def test_resolver_as_configured(cli, machine_file):
    network = {"mode": "none", "dns": ["10.0.0.1"], "search": ["example.org"]}
    result = shell(cli, machine_file, "cat /etc/resolv.conf", network=network)
    assert "nameserver 10.0.0.1\n" in result.stdout and "search example.org\n" in result.stdout


def test_resolver_of_the_host(cli, machine_file):
    """With the host's network the host's servers are right, those on its loopback too."""
    servers = re.findall(r"^nameserver\s+(\S+)", _text("/etc/resolv.conf"), re.M)[:3]
    result = shell(cli, machine_file, "cat /etc/resolv.conf", network={"mode": "host"})
    assert re.findall(r"^nameserver (\S+)", result.stdout, re.M) == servers


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_machine_id(cli, machine_file):
    script = "cat /etc/machine-id; cat /run/host/container-uuid"
    first = shell(cli, machine_file, script, name="one").stdout.split()
    again = shell(cli, machine_file, script, name="one").stdout.split()
    other = shell(cli, machine_file, script, name="two").stdout.split()
    given = shell(cli, machine_file, script, name="one",
                  machine_id="0123456789abcdef0123456789abcdef").stdout.split()
    assert first == again != other
    assert first[1].replace("-", "") == first[0]
    assert given == ["0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"]


def test_timezone(cli, machine_file, own_root):
    zones = own_root / "usr/share/zoneinfo"
    (zones / "Europe").mkdir(parents=True)
    (zones / "UTC").write_text("rules of UTC\n")
    (zones / "Europe/Berlin").write_text("rules of Berlin\n")
    (own_root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    keys = {"overlay": [str(own_root)], "upper": "volatile"}
    result = shell(cli, machine_file, "cat /etc/localtime /usr/share/zoneinfo/UTC",
                   timezone="Europe/Berlin", **keys)
    assert result.stdout == "rules of Berlin\nrules of UTC\n"
    refused(cli, machine_file, "Europe/Paris", "tzdata", timezone="Europe/Paris", **keys)


def test_links_are_covered_not_followed(cli, machine_file, own_root, workspace):
    """In place, with links to files of the host: neither they nor the links change."""
    victim = workspace / "victim"
    victim.write_text("of the host\n")
    for name in ("hosts", "hostname", "resolv.conf", "machine-id"):
        (own_root / "etc" / name).unlink(missing_ok=True)
        (own_root / "etc" / name).symlink_to(victim)
    before = picture(workspace / "root/etc")
    result = shell(cli, machine_file, "cat /etc/hostname; echo x > /etc/hostname; cat /etc/hostname",
                   rootfs=str(own_root), network={"mode": "none", "dns": ["10.0.0.1"]})
    assert result.stdout == "test\nx\n"
    assert victim.read_text() == "of the host\n"
    assert picture(workspace / "root/etc") == before


def test_etc_that_leads_nowhere(cli, machine_file, own_root, workspace):
    """A link to a directory of the host is dangling in the root, and the error says so."""
    shutil.rmtree(own_root / "etc")
    (own_root / "etc").symlink_to(workspace)
    result = refused(cli, machine_file, "cannot use /etc of the root", rootfs=str(own_root))
    assert "a link to one there" in result.stderr


def test_root_in_place_is_changed_no_more_than_needed(cli, machine_file, own_root):
    before = picture(own_root)
    shell(cli, machine_file, "true", rootfs=str(own_root))
    new = {path[len(str(own_root)):] for path in set(picture(own_root)) - set(before)}
    assert new <= {"/run/host", "/etc/hosts", "/etc/machine-id"}
    for path in new:
        assert os.path.isdir(own_root / path[1:]) or not (own_root / path[1:]).read_text()


def test_run_host(cli, machine_file):
    script = """
    cat /run/host/container-manager; echo
    grep '^ID=' /run/host/os-release
    ls /run/host/inaccessible | tr '\\n' ' '
    stat -c %a /run/host/inaccessible/reg
    touch /run/host/new 2>/dev/null && exit 1
    grep ' /run/host ' /proc/self/mountinfo"""
    result = shell(cli, machine_file, script)
    lines = result.stdout.splitlines()
    assert lines[0] == "machinectl-lite"
    assert lines[1] in _text("/etc/os-release")
    assert lines[2] == "blk chr dir fifo reg sock 0"
    assert {"ro", "nosuid", "nodev", "noexec"} <= mount_table(lines[3])["/run/host"][0]


def test_credentials(cli, machine_file, workspace):
    secret = workspace / "secret"
    secret.write_bytes(bytes(range(256)))
    secret.chmod(0o600)
    script = """
    cd "$CREDENTIALS_DIRECTORY" && pwd
    cat value; echo; wc -c < file
    stat -c '%a %u' value .
    touch x 2>/dev/null && exit 1
    grep credentials /proc/self/mountinfo"""
    keys = {"credentials": ({"name": "value", "value": "word"},
                            {"name": "file", "path": str(secret)})}
    result = shell(cli, machine_file, script, **keys)
    lines = result.stdout.splitlines()
    assert lines[:2] == ["/run/host/credentials", "word"] and lines[2] == "256"
    assert lines[3:5] == ["400 0", "500 0"]
    options, kind, _ = mount_table(lines[5])["/run/host/credentials"]
    assert kind == "ramfs" and {"ro", "nosuid", "nodev", "noexec"} <= options
    # Another user of the machine reads its own.
    result = shell(cli, machine_file, "cat $CREDENTIALS_DIRECTORY/value; id -u",
                   user="www-data", **keys)
    assert result.stdout.split() == ["word33"]
    refused(cli, machine_file, str(workspace / "none"),
            credentials=({"name": "x", "path": str(workspace / "none")},))


def test_other_users_do_not_read_credentials(cli, machine_file, debian_root):
    script = "su www-data -s /bin/sh -c 'cat /run/host/credentials/value' 2>&1; true"
    result = shell(cli, machine_file, script, overlay=[str(debian_root)], upper="volatile",
                   credentials=({"name": "value", "value": "secret"},))
    assert "secret" not in result.stdout


FILES = ["hosts", "hostname", "machine-id", "resolv.conf", "localtime"]


@pytest.mark.parametrize("keys", [{}, {"read_only": True}, {"user_namespace": "none"}])
def test_a_mount_of_the_users_wins(cli, machine_file, own_root, workspace, keys):
    """Even if the root has a link instead of the file."""
    (workspace / "mine").write_text("mine\n")
    zone = own_root / "usr/share/zoneinfo/Europe/Paris"
    zone.parent.mkdir(parents=True)
    zone.write_text("zone\n")
    (own_root / "etc/hosts").unlink(missing_ok=True)
    (own_root / "etc/hosts").symlink_to("hosts.real")
    (own_root / "etc/hosts.real").touch()
    for name in FILES[1:]:
        (own_root / "etc" / name).touch()
    mounts = tuple({"source": str(workspace / "mine"), "target": f"/etc/{name}"} for name in FILES)
    result = shell(cli, machine_file, "cd /etc && cat " + " ".join(FILES), overlay=[str(own_root)],
                   upper="volatile", mounts=mounts, timezone="Europe/Paris",
                   network={"mode": "none", "dns": ["192.0.2.53"]}, **keys)
    assert result.stdout == "mine\n" * len(FILES)
    assert (workspace / "mine").read_text() == "mine\n"
    # Without the mount all exist.
    result = shell(cli, machine_file, "cat /etc/localtime /etc/resolv.conf", overlay=[str(own_root)],
                   upper="volatile", timezone="Europe/Paris",
                   network={"mode": "none", "dns": ["192.0.2.53"]}, **keys)
    assert "zone" in result.stdout and "192.0.2.53" in result.stdout


def test_an_etc_of_the_users_is_left_alone(cli, machine_file, workspace):
    (workspace / "etc").mkdir()
    (workspace / "etc/hosts").write_text("mine\n")
    result = shell(cli, machine_file, "ls /etc; cat /etc/hosts",
                   mounts=({"source": str(workspace / "etc"), "target": "/etc"},))
    assert result.stdout == "hosts\nmine\n"
    assert [path.name for path in (workspace / "etc").iterdir()] == ["hosts"]


def test_no_way_to_run_host_by_a_link(cli, machine_file, own_root, workspace):
    (own_root / "var/run").symlink_to("/run")
    for target in ("/var/run/host", "/var/run/host/deep/in"):
        refused(cli, machine_file, target, "/run/host", rootfs=str(own_root),
                mounts=({"source": str(workspace), "target": target},))


def test_a_console_of_the_users_stays(cli, machine_file):
    path = machine_file(command=["/bin/head", "-c", "2", "/dev/console"],
                        devices=["/dev/zero:/dev/console"])
    terminal = cli.terminal("run", path)
    assert terminal.wait() == 0
    assert "\0\0" in terminal.text
