# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attacks on how a start handles a root, its mounts, /dev, /proc and /sys, taken from
vulnerabilities of other programs. All machines are hostile: their roots, binds and programs."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from inside import MIGHTY, mount_table, picture, refused, shell, swapping

pytestmark = pytest.mark.owners("root", "user")

STARTS = int(os.environ.get("MACHINECTL_LITE_TEST_STARTS", "500"))
# Fewer on slow hosts, such as emulated ones.
SECONDS = 60


@pytest.fixture
def victim(workspace):
    """A directory of the host that machines must not reach, not protected by file modes."""
    path = workspace / "victim"
    path.mkdir()
    (path / "file").write_text("of the host\n")
    (path / "file").chmod(0o666)
    path.chmod(0o777)
    return path


def _start_often(cli, path, count):
    """The exit statuses of many consecutive starts."""
    until = time.monotonic() + SECONDS
    statuses = set()
    for _ in range(count):
        statuses.add(cli("run", path).status)
        if time.monotonic() > until:
            break
    return statuses


# ---- Mount targets that are swapped for links (CVE-2021-30465, CVE-2024-45310)

def test_target_swapped_for_a_link(cli, machine_file, closed, victim):
    """While the start creates and opens a mount point in a shared directory, its parent is
    exchanged with a link to a directory of the host."""
    shared = closed / "shared"
    (shared / "point").mkdir(parents=True)
    (shared / "link").symlink_to(victim)
    before = picture(victim)
    mounts = ({"source": str(shared), "target": "/shared"},
              {"type": "tmpfs", "target": "/shared/point/made"})
    path = machine_file(command=["/bin/sh", "-c", "echo escaped > /shared/point/made/x"],
                        mounts=mounts)
    swapper = swapping(shared / "point", shared / "link")
    try:
        # Starts may fail, because the link is dangling in the machine, but must not affect the
        # host.
        statuses = _start_often(cli, path, STARTS)
    finally:
        swapper.kill()
        swapper.wait()
    assert picture(victim) == before
    assert statuses <= {0, 1, 125}
    assert 0 in statuses


def test_root_swapped_below(cli, machine_file, workspace, own_root, victim):
    """The same with a directory of a root in place, where /etc is written."""
    (own_root / "link").symlink_to(victim)
    before = picture(victim)
    path = machine_file(rootfs=str(own_root), command=["/bin/true"],
                        mounts=({"type": "tmpfs", "target": "/etc/made"},))
    swapper = swapping(own_root / "etc", own_root / "link")
    try:
        statuses = _start_often(cli, path, STARTS // 5)
    finally:
        swapper.kill()
        swapper.wait()
    assert picture(victim) == before
    assert 0 in statuses


# ---- A fake /proc (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561)

def test_proc_is_a_link(cli, machine_file, own_root):
    (own_root / "proc").rmdir()
    for target in ("/tmp", "bin", "/nowhere"):
        (own_root / "proc").symlink_to(target)
        refused(cli, machine_file, "/proc", "link", rootfs=str(own_root))
        refused(cli, machine_file, "/proc", "link", overlay=[str(own_root)], upper="volatile")
        (own_root / "proc").unlink()


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_proc_is_mounted_over(cli, machine_file, own_root, kind):
    """A mount of the host at the path of the machine's procfs."""
    mount = {"tmpfs": f"mount -t tmpfs none {own_root}/proc",
             "bind": f"mount --bind {own_root}/etc {own_root}/proc"}[kind]
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               f'{mount} && exec "$@"', "sh"]
    for user_namespace in ("auto", "none"):
        path = machine_file(command=["/bin/true"], rootfs=str(own_root),
                            user_namespace=user_namespace)
        result = cli("run", path, by_root=wrapper)
        assert result.status == 125, str(result)
        # Kernels that cannot map the ids of a tmpfs fail before the other error.
        assert "/proc" in result.stderr or "mounted below" in result.stderr, str(result)


@pytest.mark.parametrize("target", ["/proc", "/proc/self/attr", "/proc/sys/net", "/sys",
                                    "/sys/fs/cgroup", "/door"])
def test_mount_on_a_kernel_file_system(cli, machine_file, own_root, workspace, target):
    (own_root / "door").symlink_to("proc/sys")
    (workspace / "attr").mkdir()
    for mount in ({"type": "tmpfs", "target": target},
                  {"source": str(workspace / "attr"), "target": target}):
        result = cli("run", machine_file(command=["/bin/true"], overlay=[str(own_root)],
                                         upper="volatile", mounts=(mount,)))
        assert result.status in (65, 125) and target in result.stderr, str(result)


def test_proc_in_a_layer_is_not_seen(cli, machine_file, own_root):
    """A root with files in its /proc: the start writes to procfs instead."""
    (own_root / "proc/self/attr").mkdir(parents=True)
    (own_root / "proc/self/attr/exec").touch()
    (own_root / "proc/sys/net/ipv4").mkdir(parents=True)
    (own_root / "proc/sys/net/ipv4/ip_default_ttl").touch()
    script = "cat /proc/sys/net/ipv4/ip_default_ttl; test -e /proc/1/status"
    result = shell(cli, machine_file, script, rootfs=str(own_root),
                   sysctl=["net.ipv4.ip_default_ttl=77"])
    assert result.stdout == "77\n"
    assert (own_root / "proc/sys/net/ipv4/ip_default_ttl").read_text() == ""


# ---- Masking and /dev/null (CVE-2025-31133)

def test_null_of_the_root_is_a_link(cli, machine_file, own_root):
    pattern = "/proc/sys/kernel/core_pattern"
    before = Path(pattern).read_text(encoding="utf-8")
    (own_root / "dev/null").unlink(missing_ok=True)
    (own_root / "dev/null").symlink_to(pattern)
    script = f"""
    test "$(stat -c %t:%T /dev/null)" = 1:3 || exit 1
    echo '|/evil' > {pattern} && exit 2
    for file in /proc/kcore /proc/keys /proc/timer_list; do
        test -e $file && test -s $file && exit 3
        cmp -s $file {pattern} && exit 4
    done
    exit 0"""
    for keys in ({"rootfs": str(own_root)}, {"overlay": [str(own_root)], "upper": "volatile"}):
        for user_namespace in ("auto", "none"):
            shell(cli, machine_file, script, user_namespace=user_namespace, **keys)
    assert Path(pattern).read_text(encoding="utf-8") == before


MASKED = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kallsyms", "/proc/kcore",
          "/proc/key-users", "/proc/keys", "/proc/latency_stats", "/proc/schedstat", "/proc/scsi",
          "/proc/sysrq-trigger", "/proc/timer_list", "/sys/devices/virtual/powercap",
          "/sys/firmware", "/sys/kernel/irq"]
READ_ONLY = ["bus", "fs", "irq", "sys"]


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_masked_and_read_only(cli, machine_file, user_namespace):
    result = shell(cli, machine_file, "cat /proc/self/mountinfo", user_namespace=user_namespace)
    table = mount_table(result.stdout)
    for name in MASKED:
        if os.path.exists(name):
            assert "ro" in table[name][0], name
            assert table[name][1] == "tmpfs", name
    for name in READ_ONLY:
        if os.path.exists(f"/proc/{name}"):
            assert {"ro", "nosuid", "nodev", "noexec"} <= table[f"/proc/{name}"][0], name
    assert {"nosuid", "nodev", "noexec"} <= table["/proc"][0]
    assert {"ro", "nosuid", "nodev", "noexec"} <= table["/sys"][0]


def test_throttling_is_masked(cli, machine_file):
    """The throttling counts of processors, from a /sys created by the test that looks like that of
    an Intel processor; a machine on the host's network sees a clone of it."""
    cpu = "/sys/devices/system/cpu"
    fake = ["unshare", "--mount", "sh", "-ec", f"""
        mount --rbind /sys /mnt; mount -t tmpfs none /sys
        for path in fs kernel; do mkdir /sys/$path; mount --rbind /mnt/$path /sys/$path; done
        for number in 0 1 17; do
            mkdir -p {cpu}/cpu$number/thermal_throttle {cpu}/cpufreq
            echo 1 > {cpu}/cpu$number/thermal_throttle/core_throttle_count
            echo 1 > {cpu}/cpu$number/online
        done
        rm -r {cpu}/cpu17/thermal_throttle
        exec "$@" """, "sh"]
    result = cli("run", machine_file(network={"mode": "host"}, command=[
        "sh", "-c", f"ls {cpu}/cpu*; cat {cpu}/cpu*/thermal_throttle/*"]), by_root=fake)
    assert result.stdout.split() == [
        f"{cpu}/cpu0:", "online", "thermal_throttle", f"{cpu}/cpu1:", "online",
        "thermal_throttle", f"{cpu}/cpu17:", "online", f"{cpu}/cpufreq:"], result


WRITES = """
for file in /proc/sys/kernel/core_pattern /proc/sys/vm/overcommit_memory /proc/sysrq-trigger \\
            /proc/irq/default_smp_affinity /sys/kernel/uevent_helper /sys/kernel/profiling; do
    test -e $file || continue
    ( cat $file > /tmp/content; cat /tmp/content > $file ) 2>/dev/null
    ( : >> $file ) 2>/dev/null && echo $file
done
for file in /proc/kcore /proc/keys /proc/timer_list /proc/kallsyms /proc/interrupts \\
            /proc/key-users /proc/schedstat; do
    ( test -n "$(head -c 1 $file)" ) 2>/dev/null && echo $file
done
ls /sys/firmware /sys/kernel/irq /proc/acpi 2>/dev/null | grep -v -e : -e '^$'
exit 0
"""


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_kernel_files_cannot_be_used(cli, machine_file, user_namespace):
    """With the default capabilities, with and without a user namespace."""
    assert shell(cli, machine_file, WRITES, user_namespace=user_namespace).stdout == ""


def test_kernel_files_cannot_be_used_with_all_capabilities(cli, machine_file):
    """A machine that may mount can remove the masks, but its user namespace cannot use the
    files."""
    script = """
    mount -o remount,bind,rw /proc/sys; mount -o remount,bind,rw /sys; umount /proc/kcore
    umount /proc/sysrq-trigger
    for file in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do
        test -e $file && ( : >> $file ) 2>/dev/null && echo $file
    done
    head -c 1 /proc/kcore 2>/dev/null
    exit 0"""
    assert shell(cli, machine_file, script, **MIGHTY).stdout == ""


def test_own_masks(cli, machine_file, busybox_root):
    script = """
    test -s /etc/passwd && exit 1
    test -n "$(cat /etc/passwd 2>/dev/null)" && exit 2
    test -n "$(ls /var/www 2>/dev/null)" && exit 3
    touch /etc/passwd /var/www/x /home/x 2>/dev/null && exit 4
    touch /x"""
    shell(cli, machine_file, script, overlay=[str(busybox_root)], upper="volatile", user="0:0",
          working_directory="/", masked_paths=["/etc/passwd", "/var/www", "/nowhere"],
          read_only_paths=["/home", "/nowhere"])


# ---- /dev/console and /dev/pts (CVE-2025-52565)

def test_console_and_pts_of_the_root_are_links(cli, machine_file, own_root, victim):
    before = picture(victim)
    for name in ("console", "pts", "ptmx", "tty"):
        (own_root / "dev" / name).symlink_to(victim / "file")
    script = """
    test "$(tty)" = /dev/console || test "$(tty)" = /dev/pts/0 || exit 1
    test -c /dev/console || exit 2
    test "$(stat -c %t:%T /dev/console)" = "$(stat -c %t:%T /dev/pts/0)" || exit 3
    echo written > /dev/console; chmod 600 /dev/console; chown 0 /dev/console
    echo all is well"""
    path = machine_file(rootfs=str(own_root), command=["/bin/sh", "-c", script], terminal=True)
    terminal = cli.terminal("run", path)
    terminal.read_until("all is well")
    assert terminal.wait() == 0
    assert picture(victim) == before


# ---- The root's /dev

def test_dev_is_a_link_to_the_host(cli, machine_file, own_root, victim):
    before = picture(victim)
    for name in ("dev", "sys", "run"):
        shutil.rmtree(own_root / name)
        (own_root / name).symlink_to(victim)
        refused(cli, machine_file, f"/{name}", "link", rootfs=str(own_root))
        refused(cli, machine_file, f"/{name}", "link", overlay=[str(own_root)], upper="volatile")
        (own_root / name).unlink()
        (own_root / name).mkdir()
    assert picture(victim) == before


def test_no_dev_at_all(cli, machine_file, own_root):
    for name in ("dev", "proc", "sys", "run", "tmp"):
        shutil.rmtree(own_root / name)
    script = "test -c /dev/null && test -d /proc/1 && test -d /sys/class && test -d /run/host"
    shell(cli, machine_file, script, overlay=[str(own_root)], upper="volatile")
    assert not (own_root / "dev").exists()
    result = refused(cli, machine_file, "read-only", rootfs=str(own_root), read_only=True)
    assert "upper" in result.stderr
    shell(cli, machine_file, script, rootfs=str(own_root))


# ---- Links in /etc, where files are written

def test_every_file_that_is_written_is_a_link_to_the_host(cli, machine_file, own_root, victim,
                                                          workspace):
    before = picture(victim)
    up = "../" * 12 + str(victim / "file")[1:]
    for name in ("hosts", "hostname", "resolv.conf", "machine-id", "localtime"):
        (own_root / "etc" / name).unlink(missing_ok=True)
        (own_root / "etc" / name).symlink_to(up)
    zones = own_root / "usr/share/zoneinfo"
    zones.mkdir(parents=True)
    (zones / "Mine").symlink_to(victim / "file")
    network = {"mode": "none", "dns": ["10.0.0.1"]}
    shell(cli, machine_file, "echo x > /etc/hostname", rootfs=str(own_root), network=network)
    refused(cli, machine_file, "Mine", rootfs=str(own_root), timezone="Mine")
    (own_root / "etc").rename(own_root / "etc.old")
    (own_root / "etc").symlink_to(victim)
    refused(cli, machine_file, "/etc", rootfs=str(own_root), network=network)
    (own_root / "etc").unlink()
    (own_root / "etc").symlink_to("/etc.old")
    shell(cli, machine_file, "cat /etc/passwd", rootfs=str(own_root), network=network)
    assert picture(victim) == before
    assert not (workspace / "victim/hosts").exists()


# ---- Control groups (CVE-2022-0492, CVE-2023-25809)

def test_control_groups(cli, machine_file):
    script = """
    cat /proc/self/mountinfo
    cd /sys/fs/cgroup 2>/dev/null || exit 0
    for directory in .. ../.. /sys/fs/cgroup/..; do
        mkdir $directory/escape 2>/dev/null && echo "escaped: $directory"
    done
    test -e /sys/fs/cgroup/release_agent && echo "escaped: release_agent"
    mkdir /tmp/v1 && mount -t cgroup -o memory none /tmp/v1 2>/dev/null || exit 0
    cd /tmp/v1
    mkdir escape 2>/dev/null && echo "escaped: a group of v1"
    for file in release_agent notify_on_release cgroup.procs memory.limit_in_bytes; do
        test -e $file && ( : >> $file ) 2>/dev/null && echo "escaped: $file of v1"
    done
    exit 0"""
    for keys in ({}, MIGHTY):
        result = shell(cli, machine_file, script, **keys)
        assert "escaped" not in result.stdout
        table = mount_table(result.stdout)
        assert "cgroup" not in {row[1] for row in table.values()}
        if "/sys/fs/cgroup" in table:
            assert {"nosuid", "nodev", "noexec"} <= table["/sys/fs/cgroup"][0]


# ---- The old root and inherited descriptors

def test_the_old_root_cannot_be_reached(cli, machine_file, victim):
    """With all capabilities of its namespace: there is no mount to remove and no directory to
    reach."""
    script = f"""
    test -e /..{victim}/file && exit 1
    umount -l / 2>/dev/null
    test -e {victim}/file && exit 1
    for at in /proc/1/root /proc/1/cwd /proc/self/root /proc/self/cwd; do
        test -e $at/..{victim}/file && exit 2
        test -e $at/../../../../..{victim}/file && exit 3
    done
    unshare -m sh -c 'umount -l / 2>/dev/null; test ! -e {victim}/file' || exit 4
    exit 0"""
    shell(cli, machine_file, script, **MIGHTY)


def test_descriptors_of_the_start_are_closed(cli, machine_file, busybox_root, workspace):
    """The start keeps layers, scratch and procfs open; the payload has none of these
    descriptors."""
    (workspace / "layer").mkdir()
    script = "ls -l /proc/self/fd /proc/1/fd | grep -v '^l.* [012] ->' | grep -e '->'; exit 0"
    result = shell(cli, machine_file, script,
                   overlay=[str(workspace / "layer"), str(busybox_root)], upper="persistent",
                   credentials=({"name": "x", "value": "y"},))
    links = [line for line in result.stdout.splitlines()
             if not re.search(r"-> /proc/\d+/fd$", line)]
    assert [line for line in links if "pipe:" not in line and "socket:" not in line
            and "anon_inode" not in line] == []


# ---- Files of a machine give users of the host no rights

def test_kept_files_are_out_of_reach(cli, machine_file, busybox_root):
    shell(cli, machine_file, "cp /bin/busybox /up && chmod 4755 /up",
          overlay=[str(busybox_root)], upper="persistent")
    program = cli.state / "machines/test/upper/up"
    assert program.stat().st_mode & 0o4000
    done = subprocess.run(["test", "-e", str(program)], user=65534, group=65534, extra_groups=[],
                          check=False)
    assert done.returncode != 0, "a user of the host reaches a setuid program of the machine"


def test_setuid_on_a_bind_is_ignored(cli, machine_file, closed):
    data = closed / "data"
    data.mkdir()
    script = "cp /bin/busybox /data/up && chmod 4755 /data/up && grep ' /data ' /proc/self/mountinfo"
    result = shell(cli, machine_file, script, mounts=({"source": str(data), "target": "/data"},))
    assert "nosuid" in mount_table(result.stdout)["/data"][0]


# ---- The scratch directory of a start

def test_other_machines_stages_are_not_seen(cli, machine_file, host_state):
    """Two machines are staged in the same directory, each in its own mount namespace."""
    with host_state.unchanged(ignore=("files", "cgroups")):
        running = []
        for number in range(6):
            path = machine_file(f"m{number}", hostname=f"m{number}",
                                command=["/bin/sh", "-c", "cat /etc/hostname; sleep 0.2"])
            running.append(cli.start("run", path))
        outputs = [one.wait().check().stdout for one in running]
    assert outputs == [f"m{number}\n" for number in range(6)]
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines()
                if str(cli.runtime) in line]




# ---- The command's own executable (CVE-2019-5736)

@pytest.mark.owners("root")
@pytest.mark.parametrize("keys", [{}, {"init": False}, {"capabilities": {"add": ["all"]}}])
def test_a_payload_does_not_run_the_command(cli, machine_file, own_root, keys):
    """Without a user namespace the payload is the host's root, and could write to what it ran."""
    (own_root / "evil").write_text("#!/proc/self/exe\n")
    (own_root / "evil").chmod(0o755)
    result = cli("run", machine_file(overlay=[str(own_root)], upper="volatile", command=["/evil"],
                                     user_namespace="none", **keys))
    assert "machine-init: this program is started by machinectl-lite" in result.stderr, result
