# SPDX-License-Identifier: LGPL-2.1-or-later
"""The root of a machine: layers, destination of writes, leftovers on the host."""

import os
import shutil
import stat
import subprocess

import harness
import pytest
from inside import MIGHTY, mount_table, picture, refused, shell

CHANGES = """
set -e
echo new > /etc/new
echo more >> /etc/passwd
rm /etc/group
mv /var/www /var/moved
mkdir -p /srv/a/b
chmod 0700 /home
chown 33:33 /etc/os-release
ln -s nowhere /etc/link
"""


def test_layers_stay_as_they_are(cli, machine_file, own_root, host_state):
    before = picture(own_root)
    with host_state.unchanged(ignore=("files",)):
        for upper in ("volatile", "persistent"):
            shell(cli, machine_file, CHANGES, overlay=[own_root], upper=upper, name=upper)
    assert picture(own_root) == before


def test_volatile_is_gone(cli, machine_file):
    for _ in range(2):
        shell(cli, machine_file, "test ! -e /etc/new && echo x > /etc/new")


def test_persistent_is_kept_under_the_machines_own_ids(cli, machine_file, busybox_root):
    keys = {"overlay": [busybox_root], "upper": "persistent"}
    shell(cli, machine_file, CHANGES, **keys)
    shell(cli, machine_file, "cat /etc/new && test ! -e /etc/group && test -d /var/moved", **keys)
    upper = cli.state / "machines/test/upper"
    assert (upper / "etc/new").stat().st_uid == 0
    assert (upper / "etc/os-release").stat().st_uid == 33
    whiteout = (upper / "etc/group").lstat()
    assert stat.S_ISCHR(whiteout.st_mode) and whiteout.st_rdev == 0
    # Set-user-ID programs of a machine give users of the host no rights.
    assert stat.S_IMODE(upper.parent.stat().st_mode) == 0o700


def test_ephemeral_sees_what_is_kept_and_keeps_nothing(cli, machine_file, busybox_root):
    keys = {"overlay": [busybox_root], "upper": "persistent"}
    shell(cli, machine_file, "echo kept > /etc/new", **keys)
    before = picture(cli.state)
    for _ in range(2):
        shell(cli, machine_file, "grep kept /etc/new && echo other > /etc/new", "--ephemeral",
              **keys)
    assert picture(cli.state) == before


def test_upper_directory(cli, machine_file, busybox_root, closed):
    mine = closed / "mine"
    keys = {"overlay": [busybox_root], "upper": str(mine)}
    refused(cli, machine_file, str(mine), **keys)
    mine.mkdir()
    shell(cli, machine_file, "echo mine > /etc/new; chown 33 /etc/new", **keys)
    assert (mine / "upper/etc/new").read_text() == "mine\n"
    assert (mine / "upper/etc/new").stat().st_uid == 33
    shell(cli, machine_file, "grep mine /etc/new", **keys)


def test_one_upper_for_two_machines(cli, machine_file, busybox_root, closed):
    mine = closed / "mine"
    mine.mkdir()
    keys = {"overlay": [busybox_root], "upper": str(mine)}
    first = cli.start("run", machine_file("first", command=["/bin/sh", "-c", "echo on; sleep 60"],
                                          **keys))
    first.read_until("on")
    refused(cli, machine_file, str(mine), "in use", name="second", **keys)
    first.kill()


def test_work_directory_with_files(cli, machine_file, busybox_root, closed):
    (closed / "mine/work/of-others").mkdir(parents=True)
    refused(cli, machine_file, "of-others", "not empty", overlay=[busybox_root],
            upper=str(closed / "mine"))
    assert (closed / "mine/work/of-others").is_dir()


@pytest.mark.parametrize("keys", [{"upper": "none"}, {"read_only": True},
                                  {"upper": "volatile", "read_only": True}])
def test_read_only(cli, machine_file, busybox_root, keys):
    script = """
    touch /new 2>/dev/null && exit 1
    touch /dev/shm/new /dev/null || exit 2
    grep -q localhost /etc/hosts || exit 3
    touch /etc/hosts 2>/dev/null && exit 4
    exit 0"""
    shell(cli, machine_file, script, overlay=[busybox_root], **keys)


def test_read_only_shows_what_was_kept(cli, machine_file, busybox_root):
    keys = {"overlay": [busybox_root], "upper": "persistent"}
    shell(cli, machine_file, "echo kept > /etc/new", **keys)
    before = picture(cli.state)
    shell(cli, machine_file, "grep kept /etc/new", read_only=True, **keys)
    assert picture(cli.state) == before


def test_read_only_root_in_place_cannot_be_remounted(cli, machine_file, own_root):
    """The flag is locked even if the machine may mount."""
    before = picture(own_root)
    shell(cli, machine_file, "mount -o remount,bind,rw /; mount -o remount,rw /; touch /new",
          rootfs=own_root, read_only=True, status=1, **MIGHTY)
    assert picture(own_root) == before


def test_read_only_root_that_lacks_a_place(cli, machine_file, own_root):
    """Optional mounts of this program are omitted; mounts of the definition fail."""
    host = own_root / "run/host"
    if host.exists():
        host.rmdir()
    shell(cli, machine_file, "test ! -e /run/host", rootfs=own_root, read_only=True)
    path = machine_file(rootfs=own_root, read_only=True, command=["true"],
                        credentials=[{"name": "word", "value": "secret"}])
    refused = cli("run", path).check(125).stderr
    assert "the root has no directory /run/host and is read-only" in refused
    assert "step: run-host" in refused and "hint: " in refused
    assert not host.exists()


def test_in_place(cli, machine_file, own_root):
    shell(cli, machine_file, CHANGES, rootfs=own_root)
    assert (own_root / "etc/new").read_text() == "new\n"
    assert (own_root / "etc/new").stat().st_uid == 0
    assert (own_root / "etc/os-release").stat().st_uid == 33
    # Generated files are mounted, not written.
    assert (own_root / "etc/hostname").read_text() == "root-of-the-tests\n"


def test_a_layer_over_a_root(cli, machine_file, own_root):
    before = picture(own_root)
    shell(cli, machine_file, CHANGES, rootfs=own_root, upper="volatile")
    shell(cli, machine_file, CHANGES, rootfs=own_root, upper="persistent")
    shell(cli, machine_file, CHANGES, "--ephemeral", rootfs=own_root)
    assert picture(own_root) == before


def test_many_layers(cli, machine_file, busybox_root, workspace):
    layers = []
    for number in range(140):
        layer = workspace / f"a-layer-with-a-rather-long-name-{number}"
        layer.mkdir()
        (layer / f"file{number}").touch()
        (layer / "whose").write_text(f"{number}\n")
        layers.append(str(layer))
    result = shell(cli, machine_file, "ls / | grep -c '^file'; cat /whose",
                   overlay=layers + [str(busybox_root)])
    assert result.stdout.split() == ["140", "0"]


def test_more_layers_than_the_kernel_takes(cli, machine_file, workspace):
    layers = []
    for number in range(501):
        (workspace / f"l{number}").mkdir()
        layers.append(str(workspace / f"l{number}"))
    refused(cli, machine_file, "500", overlay=layers)


def test_a_program_of_the_volatile_layer_runs(cli, machine_file):
    shell(cli, machine_file, "mkdir /new && cp /bin/busybox /new/true && /new/true")


def test_bad_layers(cli, machine_file, busybox_root, workspace):
    missing = str(workspace / "nowhere")
    result = cli("run", machine_file(command=["/bin/true"], overlay=[missing, busybox_root]))
    assert result.status != 0 and missing in result.stderr, str(result)
    (workspace / "file").touch()
    refused(cli, machine_file, str(workspace / "file"), "not a directory",
            overlay=[str(workspace / "file"), str(busybox_root)])
    refused(cli, machine_file, "duplicate layer", overlay=[str(busybox_root), str(busybox_root)])


def test_layer_that_cannot_have_its_ids_mapped(cli, machine_file, busybox_root, workspace):
    layer = workspace / "layer"
    layer.mkdir()
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               f'mount -t ramfs none {layer} && exec "$@"', "sh"]
    path = machine_file(command=["/bin/true"], overlay=[str(layer), str(busybox_root)])
    result = cli("run", path, wrapper=wrapper)
    assert result.status == 125, str(result)
    for text in (str(layer), "ramfs", "id-mapped", "user_namespace"):
        assert text in result.stderr, str(result)


def test_nothing_of_the_host_is_mounted(cli, machine_file, workspace):
    result = shell(cli, machine_file, "cat /proc/self/mountinfo")
    # The one exception is updated from outside while the machine runs.
    seen = [line for line in result.stdout.splitlines() if " /etc/hosts " not in line]
    assert str(workspace) not in "\n".join(seen)
    table = mount_table(result.stdout)
    types = {point: row[1] for point, row in table.items() if point != "/etc/hosts"}
    assert types["/"] == "overlay"
    assert set(types.values()) <= {"overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue",
                                   "cgroup2"}
    assert "nodev" in table["/"][0]


def test_no_way_out_of_the_root(cli, machine_file, workspace):
    (workspace / "of-the-host").touch()
    script = f"""
    for at in / /.. /proc/1/root /proc/self/cwd/../../.. /proc/1/cwd/..; do
        test -e "$at/{workspace}/of-the-host" && exit 1
    done
    exit 0"""
    shell(cli, machine_file, script, **MIGHTY)


def test_host_ids(cli, machine_file):
    result = shell(cli, machine_file, CHANGES + "cat /proc/self/uid_map; stat -c %u /etc/new",
                   user_namespace="none")
    assert result.stdout.split() == ["0", "0", "4294967295", "0"]


def test_killed_leaves_no_mount(cli, machine_file, host_state):
    before = host_state.snapshot()
    running = cli.start("run", machine_file(command=["/bin/sh", "-c", "echo on; sleep 60"]))
    running.read_until("on")
    running.kill()
    host_state.compare(before, ignore=("files", "cgroups"))


@pytest.mark.parametrize("network", ["none", "host"])
@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_host_with_shared_mounts(cli, machine_file, workspace, busybox_root, user_namespace,
                                 network):
    """As on hosts with systemd: mounts of a start are never propagated to the host."""
    host = f"""
    cat /proc/self/mountinfo > {workspace}/before
    "$@"
    status=$?
    cat /proc/self/mountinfo > {workspace}/after
    exit $status"""
    wrapper = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", host, "sh"]
    (workspace / "data").mkdir()
    path = machine_file(command=["/bin/sh", "-c", "cat /proc/self/mountinfo"],
                        overlay=[str(busybox_root)], upper="persistent",
                        user_namespace=user_namespace, network={"mode": network},
                        mounts=({"source": str(workspace / "data"), "target": "/data"},
                                {"type": "tmpfs", "target": "/cache"}))
    result = cli("run", path, wrapper=wrapper).check()
    assert "shared:" in (workspace / "before").read_text()
    assert (workspace / "before").read_text() == (workspace / "after").read_text()
    assert not [line for line in result.stdout.splitlines() if "shared:" in line or "master:" in line]


def test_root_without_the_usual_directories(cli, machine_file, workspace):
    """A root with a single static program."""
    layer = workspace / "bare"
    layer.mkdir()
    shutil.copy(shutil.which("busybox"), layer / "busybox")
    path = machine_file(overlay=[str(layer)], upper="volatile", working_directory="/",
                        command=["/busybox", "sh", "-c", "test -d /proc/1 && /busybox ls /dev"])
    assert "null" in cli("run", path).check().stdout


def test_debian(cli, machine_file, debian_root):
    script = """
    set -e
    su www-data -s /bin/sh -c 'id -u'
    python3 -c 'import os; print(os.getpid() > 1, os.stat("/").st_uid)'
    dpkg -s bash | grep -q installed
    """
    result = shell(cli, machine_file, script, overlay=[str(debian_root)], upper="volatile")
    assert result.stdout.split() == ["33", "True", "0"]


def test_mount_by_helper_is_never_asked(cli, machine_file, workspace):
    """Mount helpers of the host are not executed."""
    log = workspace / "trace"
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    if harness.is_sanitized(cli.binary):
        pytest.skip("the leak detector of this build does not work under strace")
    path = machine_file(command=["/bin/true"])
    subprocess.run(["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(log),
                    *cli.command("run", path)], env=cli.environment, check=True,
                   stdin=subprocess.DEVNULL)
    programs = [line for line in log.read_text().splitlines() if "execve(" in line]
    assert not [line for line in programs if "/sbin/mount" in line or "/bin/mount" in line]
    assert os.path.exists(path)
