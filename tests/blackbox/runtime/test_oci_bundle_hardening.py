# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attacks on a runtime by a bundle's root, its volumes and its caller: each worked elsewhere."""

import hashlib
import os
import subprocess
import time

import harness
import pytest
from inside import picture, swapping

STARTS = int(os.environ.get("MACHINECTL_LITE_TEST_STARTS", "500")) // 5
# Fewer on slow hosts.
SECONDS = 30
MIGHTY = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_MKNOD",
          "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"]


@pytest.fixture
def victim(closed):
    """A directory of the host that containers must not reach."""
    path = closed / "victim"
    path.mkdir()
    (path / "file").write_text("of the host\n")
    return path


def run_often(bundle):
    """The exit statuses of many consecutive runs."""
    bundle.write()
    until = time.monotonic() + SECONDS
    statuses = set()
    for number in range(STARTS):
        statuses.add(bundle("run", "--bundle", bundle.directory, f"{bundle.id}-{number}").status)
        if time.monotonic() > until:
            break
    return statuses


# ---- mounts through links (CVE-2021-30465, CVE-2024-45310)

@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_a_target_that_is_swapped_for_a_link(bundle, closed, victim, kind):
    """The volume is another container's as well, which swaps what is on the way to the target."""
    shared = closed / "shared"
    (shared / "point").mkdir(parents=True)
    (shared / "link").symlink_to(victim)
    before = picture(victim)
    bundle.bind(shared, "/shared", "rbind")
    if kind == "tmpfs":
        bundle.mount("/shared/point/made", type="tmpfs", source="tmpfs")
    else:
        bundle.bind(bundle.root / "etc", "/shared/point/made")
    bundle.process["args"] = ["/bin/sh", "-c", "echo escaped > /shared/point/made/x"]
    swapper = swapping(shared / "point", shared / "link")
    try:
        statuses = run_often(bundle)
    finally:
        swapper.kill()
        swapper.wait()
    assert picture(victim) == before
    assert 0 in statuses


def test_a_target_is_made_in_the_root_alone(bundle, victim):
    before = picture(victim)
    (bundle.root / "link").symlink_to(victim)
    (bundle.root / "up").symlink_to("../../../../../../../.." + str(victim))
    (bundle.root / str(victim)[1:]).mkdir(parents=True)
    bundle.mount("/link/made", type="tmpfs", source="tmpfs")
    bundle.mount("/up/other", type="tmpfs", source="tmpfs")
    bundle.run(script=f"test -d {victim}/made && test -d {victim}/other")
    assert picture(victim) == before


def test_dangling_links_lead_inside_the_root(bundle, victim):
    """As of a distribution whose /run is empty; runc and crun make such targets as well."""
    before = picture(victim)
    (bundle.root / "data").symlink_to(victim / "missing")
    (bundle.root / "var/lock").symlink_to("../run/lock")
    (bundle.root / "loop").symlink_to("loop/x")
    bundle.bind(victim / "file", "/data")
    bundle.mount("/var/lock/deep", type="tmpfs", source="tmpfs")
    assert bundle.out("cat /data; grep -c /run/lock/deep /proc/self/mounts").split("\n") == [
        "of the host", "1"]
    assert picture(victim) == before
    assert (bundle.root / str(victim)[1:] / "missing").exists()
    bundle.mount("/loop", type="tmpfs", source="tmpfs")
    bundle.refused("mounts[7]")


# ---- a false /proc (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561)

@pytest.mark.parametrize("name", ["proc", "sys"])
def test_procfs_and_sysfs_are_not_behind_links(bundle, name):
    (bundle.root / name).rmdir()
    (bundle.root / "elsewhere").mkdir()
    for target in ("elsewhere", "/elsewhere", "/nowhere"):
        (bundle.root / name).symlink_to(target)
        bundle.refused(f'cannot mount on "/{name}"', "link")
        (bundle.root / name).unlink()


@pytest.mark.parametrize("target", ["/proc/self/attr", "/proc/sys/kernel", "/proc/1", "/proc/mounts",
                                    "/proc/sys/kernel/core_pattern"])
def test_nothing_covers_procfs(bundle, victim, target):
    """A mount there makes a write to an attribute or a sysctl go elsewhere (CVE-2025-52881)."""
    file = os.path.basename(target) in ("mounts", "core_pattern")
    bundle.bind(victim / "file" if file else victim, target)
    bundle.refused("mounts[5]", "procfs")


def test_what_lxcfs_covers_may_be(bundle, victim):
    bundle.bind(victim / "file", "/proc/uptime")
    assert bundle.out("cat /proc/uptime") == "of the host"


def test_a_sysctl_is_written_to_the_containers_own_procfs(bundle):
    """Not to what the root has at /proc, when the bundle mounts none there."""
    bundle.config["mounts"] = bundle.config["mounts"][1:]
    fake = bundle.root / "proc/sys/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_forward").write_text("fake\n")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    pid = bundle.start("/bin/sleep", "100")
    real = subprocess.run(["nsenter", "--net", f"--target={pid}", "cat",
                           "/proc/sys/net/ipv4/ip_forward"], capture_output=True, check=True)
    assert real.stdout == b"1\n" and (fake / "ip_forward").read_text() == "fake\n"


# ---- masks (CVE-2025-31133, CVE-2023-27561)

def test_masks_do_not_go_through_the_roots_null(bundle):
    """The bundle's /dev is no mount of ours: its null leads to a file of the kernel's."""
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"]
                               if not mount["destination"].startswith("/dev")]
    (bundle.root / "dev/null").symlink_to("/proc/sys/kernel/core_pattern")
    bundle.refused('another file is in the place of the node "/dev/null"')


def test_a_mask_follows_links_inside_the_root_alone(bundle, victim):
    (bundle.root / "secret").symlink_to(victim / "file")
    before = picture(victim)
    bundle.linux["maskedPaths"] = ["/secret"]
    bundle.linux["readonlyPaths"] = ["/secret"]
    bundle.run("/bin/true")
    assert picture(victim) == before


def test_a_masked_path_that_is_swapped(bundle, closed, victim):
    """Whichever of the two it is when it is opened is masked; the host's file never changes."""
    shared = closed / "shared"
    (shared / "one").mkdir(parents=True)
    (shared / "one/secret").write_text("secret\n")
    (shared / "two").symlink_to(victim)
    before = picture(victim)
    bundle.bind(shared, "/shared")
    bundle.linux["maskedPaths"] = ["/shared/one/secret", "/shared/one"]
    swapper = swapping(shared / "one", shared / "two")
    try:
        statuses = run_often(bundle)
    finally:
        swapper.kill()
        swapper.wait()
    assert picture(victim) == before and 0 in statuses


@pytest.mark.parametrize("mapped", [False, True])
def test_masked_files_have_nothing_even_for_root(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    bundle.process["capabilities"] = {name: MIGHTY[:4] for name in ("bounding", "permitted",
                                                                    "effective")}
    (bundle.root / "secret").write_text("secret\n")
    (bundle.root / "hidden").mkdir()
    (bundle.root / "hidden/file").write_text("hidden\n")
    bundle.linux["maskedPaths"] = ["/secret", "/hidden", "/proc/kcore", "/proc/keys"]
    assert bundle.out("cat /secret /proc/keys /hidden/file; ls /hidden; echo x > /hidden/new; "
                      "echo x > /secret; cat /secret; true") == ""
    assert (bundle.root / "secret").read_text() == "secret\n"


# ---- devices (CVE-2025-52565)

def test_dev_is_not_behind_a_link(bundle, victim):
    bundle.config["mounts"] = bundle.config["mounts"][:1]
    before = picture(victim)
    (bundle.root / "dev").rmdir()
    (bundle.root / "dev").symlink_to(victim)
    bundle.refused("/dev")
    assert picture(victim) == before


@pytest.mark.parametrize("mapped", [False, True])
def test_a_node_is_not_made_through_a_link(bundle, victim, mapped):
    before = picture(victim)
    (bundle.root / "link").symlink_to(victim)
    (bundle.root / "node").symlink_to(victim / "new")
    (bundle.root / str(victim)[1:]).mkdir(parents=True)
    if mapped:
        bundle.with_user_namespace()
    bundle.linux["devices"] = [{"type": "c", "path": "/link/node", "major": 1, "minor": 3}]
    bundle.run("/bin/true")
    bundle.linux["devices"][0]["path"] = "/node"
    bundle.refused("another file is in the place of the node")
    assert picture(victim) == before


# ---- descriptors and the working directory (CVE-2024-21626)

@pytest.fixture
def leaked(victim):
    """Descriptors of the host's directories that the caller forgot to close."""
    fds = []
    for number in range(3, 40):
        fd = os.open(victim if number % 2 else "/", os.O_RDONLY)
        fds.append(os.dup2(fd, 100 + number, inheritable=True))
        os.close(fd)
    yield fds
    for fd in fds:
        os.close(fd)


def test_the_payload_has_no_descriptors_of_the_caller(bundle, leaked):
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    bundle.write()
    shown = bundle("run", "--bundle", bundle.directory, bundle.id, pass_fds=leaked).check()
    assert shown.stdout.split() == ["0", "1", "2", "3"]  # the last is ls' own


@pytest.mark.parametrize("path", ["/proc/self/fd/{}", "/proc/self/fd/{}/.", "/proc/self/cwd/../{}",
                                  "/link"])
def test_the_directory_is_none_of_the_callers(bundle, leaked, victim, path):
    (bundle.root / "link").symlink_to(f"/proc/self/fd/{leaked[0]}")
    bundle.process.update(cwd=path.format(leaked[0]), args=["/bin/cat", "file"])
    bundle.write()
    result = bundle("run", "--bundle", bundle.directory, bundle.id, pass_fds=leaked)
    assert result.status != 0 and "of the host" not in result.stdout


def test_the_directory_of_a_program_that_joins(bundle, leaked):
    bundle.start("/bin/sleep", "100")
    for fd in leaked[:4]:
        result = bundle("exec", "--cwd", f"/proc/self/fd/{fd}", bundle.id, "/bin/cat", "file",
                        pass_fds=leaked)
        assert result.status != 0 and "of the host" not in result.stdout


# ---- programs that join a container whose processes swap things

def test_the_directory_of_a_program_is_swapped_for_a_link(bundle, leaked):
    """The container swaps the directory for a link out of it while programs join: they find its own
    directory, or do not start."""
    (bundle.root / "place").mkdir()
    (bundle.root / "place/file").write_text("of the container\n")
    (bundle.root / "place").chmod(0o777)
    bundle.config["root"]["readonly"] = False
    fd = leaked[0]
    bundle.start(script=f"while :; do mv /place /kept; ln -s /proc/self/fd/{fd} /place; "
                        "rm /place; mv /kept /place; done")
    for _ in range(STARTS // 4):
        result = bundle("exec", "--cwd", "/place", bundle.id, "/bin/cat", "file", pass_fds=leaked)
        assert result.stdout in ("", "of the container\n"), str(result)


def test_the_terminals_of_a_container_are_replaced(bundle, victim):
    """A program with a terminal gets one of the container's devpts, or does not start."""
    bundle.process["capabilities"] = {name: MIGHTY for name in ("bounding", "permitted",
                                                                "effective")}
    bundle.config["root"]["readonly"] = False
    before = picture(victim)
    bundle.bind(victim, "/victim", "ro")
    bundle.start(script="mount -t tmpfs none /dev/pts && ln -s /victim/file /dev/pts/ptmx; "
                        "touch /dev/pts/done; sleep 100")
    harness.wait_for(lambda: bundle("exec", bundle.id, "/bin/ls", "/dev/pts/done").status == 0)
    for entry in ("", "rm /dev/pts/ptmx; echo > /dev/pts/ptmx",
                  "rm /dev/pts/ptmx; mkfifo /dev/pts/ptmx",
                  "rm /dev/pts/ptmx; mknod /dev/pts/ptmx c 1 3"):
        bundle("exec", bundle.id, "/bin/sh", "-c", f"true; {entry}").check()
        result = bundle("exec", "--tty", bundle.id, "/bin/true")
        assert result.status != 0 and "/dev/pts/ptmx" in result.stderr, str(result)
    assert picture(victim) == before


def test_the_procfs_of_a_container_is_replaced(bundle, victim):
    """A program joins all the same: nothing of the container's /proc is used for it, neither for its
    labels (CVE-2025-52881) nor for its limits."""
    bundle.process["capabilities"] = {name: MIGHTY for name in ("bounding", "permitted",
                                                                "effective")}
    before = picture(victim)
    bundle.bind(victim, "/victim")
    bundle.start(script="mount --bind /victim /proc && mkdir -p /tmp; sleep 100")
    harness.wait_for(lambda: bundle("exec", bundle.id, "/bin/ls", "/proc/file").status == 0)
    assert bundle("exec", bundle.id, "/bin/echo", "joined").check().stdout == "joined\n"
    assert picture(victim) == before


def test_nothing_is_inherited(bundle):
    """Neither capabilities (CVE-2022-24769) nor, without --no-new-keyring, the session keyring, nor a
    controlling terminal (CVE-2017-5226)."""
    script = "grep -E '^Cap(Inh|Amb)' /proc/self/status; cut -d' ' -f7 /proc/self/stat"
    expected = ["CapInh:", "0000000000000000", "CapAmb:", "0000000000000000", "0"]
    assert bundle.out(script).split() == expected
    bundle.start("/bin/sleep", "100")
    assert bundle("exec", bundle.id, "/bin/sh", "-c", script).check().stdout.split() == expected


# ---- the runtime itself (CVE-2019-5736)

@pytest.mark.parametrize("mapped", [False, True])
def test_the_runtime_cannot_be_overwritten(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    with open(bundle.runtime, "rb") as file:
        before = hashlib.sha256(file.read()).hexdigest()
    (bundle.root / "bin/evil").write_text("#!/proc/self/exe\n")
    (bundle.root / "bin/evil").chmod(0o755)
    bundle.process["args"] = ["/bin/evil"]
    bundle.write()
    bundle("run", "--bundle", bundle.directory, bundle.id)
    bundle.start(script="while :; do for p in /proc/[0-9]*; do echo x 2>/dev/null > $p/exe; done; "
                        "done")
    for _ in range(5):
        bundle("exec", bundle.id, "/bin/evil")
        bundle("exec", bundle.id, "/bin/true")
    with open(bundle.runtime, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == before


def test_a_payload_runs_nothing_of_the_host_that_it_could_write_to(bundle):
    (bundle.root / "bin/evil").write_text("#!/proc/self/exe\n")
    (bundle.root / "bin/evil").chmod(0o755)
    bundle.process["args"] = ["/bin/evil"]
    bundle.write()
    said = bundle("run", "--bundle", bundle.directory, bundle.id).stderr
    assert "machine-init: this program is started by" in said
    bundle.start("/bin/sleep", "100")
    assert "machine-init: this program is started by" in bundle("exec", bundle.id,
                                                                "/bin/evil").stderr


# ---- locks of mounts

def test_flags_are_locked_in_a_user_namespace(bundle, victim):
    """Root of the container, with all capabilities there, cannot make a volume writable."""
    bundle.with_user_namespace()
    bundle.process["capabilities"] = {name: MIGHTY for name in ("bounding", "permitted",
                                                                "effective")}
    bundle.bind(victim, "/data", "ro", "nosuid", "nodev")
    text = bundle.out("mount -o remount,bind,rw /data 2>/dev/null; "
                      "mount -o remount,bind,suid,dev,ro /data 2>/dev/null; "
                      "umount /proc/keys 2>/dev/null; "
                      "grep ' /data ' /proc/self/mounts")
    assert {"ro", "nosuid", "nodev"} <= set(text.split()[3].split(","))


def test_a_user_namespace_does_not_make_devices_of_the_root_usable(bundle):
    bundle.with_user_namespace()
    os.mknod(bundle.root / "disk", 0o60666, os.makedev(7, 0))
    result = bundle.run(script="head -c 1 /disk", status=1)
    assert "not permitted" in result.stderr or "denied" in result.stderr


# ---- processes of the host in the container's group

@pytest.mark.parametrize("file", ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
                                  "cgroup.kill", "cgroup.freeze", "../cgroup.procs", "./memory.max",
                                  ".", "..", "memory.", ".max", "procs", "memory.max\n", "a b.c",
                                  "memory.max=1"])
def test_only_files_of_controllers_are_written(bundle, file):
    with open("/proc/1/cgroup", encoding="ascii") as text:
        before = text.read()
    bundle.linux["resources"] = {"unified": {file: "1"}}
    bundle.refused("config.json:", "linux.resources.unified", "of a control")
    with open("/proc/1/cgroup", encoding="ascii") as text:
        assert text.read() == before


def test_an_update_writes_only_files_of_controllers(bundle):
    bundle.start("/bin/sleep", "100")
    result = bundle("update", "--resources", "-", bundle.id, stdin=None,
                    input='{"unified": {"cgroup.procs": "1"}}')
    assert result.status != 0 and "unified" in result.stderr, result


# ---- time

@pytest.mark.parametrize("long", [
    lambda bundle: bundle.linux.update(maskedPaths=[f"/m{i}" for i in range(60000)]),
    lambda bundle: bundle.process["capabilities"].update(bounding=["CAP_KILL"] * 60000),
    lambda bundle: bundle.process["user"].update(additionalGids=list(range(60000))),
], ids=["paths", "capabilities", "groups"])
def test_long_lists_take_no_quadratic_time(bundle, long):
    long(bundle)
    bundle.run("/bin/true", timeout=15)
