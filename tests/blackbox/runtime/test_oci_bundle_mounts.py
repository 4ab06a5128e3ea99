# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mounts of a bundle: kinds, options, sources and targets."""

import os
import socket
import subprocess

import pytest


def options_of(bundle, target, **keys):
    """The options of the mount on a target, as the container sees them: of the mount alone."""
    text = bundle.out("cat /proc/self/mountinfo", **keys)
    found = [line.split(" - ") for line in text.splitlines() if line.split()[4] == target]
    assert found, text
    own = found[-1][0].split()
    return set(own[5].split(",")), own[6:], found[-1][1].split()


@pytest.fixture
def source(closed):
    """A directory of the host with a file and something mounted below it."""
    path = closed / "source"
    (path / "below").mkdir(parents=True)
    (path / "file").write_text("content\n")
    subprocess.run(["mount", "-t", "tmpfs", "below", str(path / "below")], check=True)
    (path / "below/deep").write_text("deep\n")
    yield path
    subprocess.run(["umount", "--lazy", str(path / "below")], check=True)


# ---- binds ----

def test_a_bind_leaves_out_what_is_mounted_below(bundle, source):
    bundle.bind(source, "/data")
    assert bundle.out("ls /data /data/below") == "/data:\nbelow\nfile\n\n/data/below:"


def test_a_recursive_bind_has_it(bundle, source):
    bundle.bind(source, "/data", "rbind")
    assert bundle.out("cat /data/below/deep") == "deep"


def test_a_file_on_a_missing_target(bundle, source):
    bundle.bind(source / "file", "/etc/new/deep/name")
    assert bundle.out("cat /etc/new/deep/name") == "content"
    assert (bundle.root / "etc/new/deep/name").read_text() == ""


def test_the_type_bind_is_enough(bundle, source):
    bundle.mount("/data", type="bind", source=str(source))
    assert bundle.out("cat /data/file") == "content"


def test_a_source_is_relative_to_the_bundle(bundle):
    (bundle.directory / "beside").write_text("beside\n")
    bundle.bind("beside", "/beside")
    assert bundle.out("cat /beside") == "beside"


def test_a_destination_without_a_slash(bundle, source):
    bundle.bind(source, "data")
    assert bundle.out("cat /data/file") == "content"


def test_a_missing_source_is_named(bundle):
    bundle.bind("/no/such/source", "/data")
    bundle.refused('mounts[5]: cannot mount on "/data"', 'the source "/no/such/source"',
                   "does not exist")


def test_a_file_on_a_directory_is_refused(bundle, source):
    bundle.bind(source / "file", "/etc")
    bundle.refused("mounts[5]", "what is mounted is a file, but the mount point is a directory")


@pytest.mark.parametrize("given, on, off", [
    (["ro"], {"ro"}, {"rw"}),
    (["nosuid", "nodev", "noexec"], {"nosuid", "nodev", "noexec"}, set()),
    (["nosuid", "suid", "ro", "rw"], {"rw"}, {"nosuid", "ro"}),
    (["noatime", "nodiratime"], {"noatime", "nodiratime"}, {"relatime"}),
    (["strictatime"], set(), {"noatime", "relatime"}),
    (["nosymfollow"], {"nosymfollow"}, set()),
    (["rro", "rnosuid"], {"ro", "nosuid"}, {"rw"}),
    (["rnoexec", "rexec"], set(), {"noexec"}),
    (["defaults", "async", "loud", "silent", "nomand", "noiversion"], {"rw"}, {"ro"}),
])
def test_options(bundle, source, given, on, off):
    bundle.bind(source, "/data", *given)
    options, _, _ = options_of(bundle, "/data")
    assert on <= options and not off & options, options


@pytest.mark.parametrize("option, below", [("ro", "rw"), ("rro", "ro")])
def test_only_recursive_options_reach_what_is_below(bundle, source, option, below):
    bundle.bind(source, "/data", "rbind", option)
    assert "ro" in options_of(bundle, "/data")[0]
    assert below in options_of(bundle, "/data/below")[0]


@pytest.mark.parametrize("option, kind", [
    ("private", None), ("rprivate", None), ("shared", "shared:"), ("rshared", "shared:"),
    ("unbindable", "unbindable"), ("runbindable", "unbindable"), (None, None)])
def test_propagation(bundle, source, option, kind):
    bundle.bind(source, "/data", "rbind", *([option] if option else []))
    _, tags, _ = options_of(bundle, "/data")
    assert any(tag.startswith(kind) for tag in tags) if kind else not tags, tags


def shared_directory(path):
    """Makes a directory a shared mount of its own."""
    path.mkdir()
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    subprocess.run(["mount", "--make-shared", str(path)], check=True)


@pytest.mark.parametrize("option, seen", [("rslave", True), ("rprivate", False)])
def test_a_slave_gets_the_mounts_of_the_host(bundle, closed, option, seen):
    path = closed / "shared"
    shared_directory(path)
    try:
        (path / "point").mkdir()
        bundle.bind(path, "/data", "rbind", option)
        pid = bundle.start("/bin/sleep", "100")
        subprocess.run(["mount", "-t", "tmpfs", "later", str(path / "point")], check=True)
        with open(f"/proc/{pid}/mounts", encoding="utf-8") as mounts:
            assert ("later /data/point" in mounts.read()) is seen
        subprocess.run(["umount", str(path / "point")], check=True)
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_shared_bind_gives_mounts_to_the_host(bundle, closed):
    path = closed / "shared"
    shared_directory(path)
    try:
        (path / "point").mkdir()
        bundle.bind(path, "/data", "rbind", "rshared")
        bundle.process["capabilities"] = {name: ["CAP_SYS_ADMIN"] for name in (
            "bounding", "permitted", "effective")}
        bundle.start(script="mount -t tmpfs made /data/point && sleep 100")
        for _ in range(100):
            with open("/proc/mounts", encoding="utf-8") as mounts:
                if f"made {path}/point" in mounts.read():
                    break
            subprocess.run(["sleep", "0.05"], check=True)
        else:
            pytest.fail((bundle.directory / "output").read_text())
        subprocess.run(["umount", str(path / "point")], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_ids_are_mapped_by_the_mounts_own_maps(bundle, source):
    os.chown(source / "file", 1000, 2000)
    bundle.mount("/data", type="bind", source=str(source), options=["bind", "idmap"],
                 uidMappings=[{"containerID": 1000, "hostID": 5000, "size": 10}],
                 gidMappings=[{"containerID": 2000, "hostID": 6000, "size": 10}])
    assert bundle.out("stat -c %u:%g /data/file") == "5000:6000"


def test_ids_are_mapped_by_the_containers_maps(bundle, source):
    bundle.with_user_namespace()
    bundle.bind(source, "/data", "idmap")
    assert bundle.out("stat -c %u:%g /data/file; echo x > /data/new; stat -c %u /data/new"
                      ).split() == ["0:0", "0"]
    assert (source / "new").stat().st_uid == 0


@pytest.mark.parametrize("option, below", [("idmap", "65534"), ("ridmap", "0")])
def test_only_ridmap_maps_what_is_below(bundle, source, option, below):
    bundle.with_user_namespace()
    bundle.bind(source, "/data", "rbind", option)
    assert bundle.out("stat -c %u /data/file /data/below/deep").split() == ["0", below]


def test_without_a_map_ids_are_the_hosts(bundle, source):
    bundle.with_user_namespace()
    bundle.bind(source, "/data")
    assert bundle.out("stat -c %u /data/file") == "65534"


def test_idmap_without_any_map_is_refused(bundle, source):
    bundle.bind(source, "/data", "idmap")
    bundle.refused("mounts[5].options: the option idmap needs uidMappings and gidMappings")


# ---- file systems ----

def test_a_tmpfs_has_its_options(bundle):
    bundle.mount("/data", type="tmpfs", source="some-name",
                 options=["nodev", "size=2m", "mode=1700", "uid=5", "nr_inodes=77", "noexec"])
    options, _, file_system = options_of(bundle, "/data")
    assert {"nodev", "noexec"} <= options and "nosuid" not in options
    assert file_system[:2] == ["tmpfs", "some-name"]
    assert {"size=2048k", "nr_inodes=77", "mode=1700", "uid=5"} <= set(file_system[2].split(","))


def test_a_tmpfs_copies_what_it_covers(bundle):
    (bundle.root / "data/deep").mkdir(parents=True)
    (bundle.root / "data/deep/file").write_text("copied\n")
    os.chown(bundle.root / "data/deep/file", 5, 6)
    bundle.mount("/data", type="tmpfs", source="tmpfs", options=["tmpcopyup", "ro", "mode=0711"])
    assert bundle.out("cat /data/deep/file; stat -c %u:%g /data/deep/file; stat -c %a /data; "
                      "touch /data/x 2>/dev/null || echo refused").split("\n")== ["copied", "5:6", "711", "refused"]
    assert "ro" in options_of(bundle, "/data")[0]


def test_super_block_options(bundle):
    bundle.mount("/data", type="tmpfs", source="tmpfs", options=["sync", "dirsync", "lazytime"])
    _, _, file_system = options_of(bundle, "/data")
    assert {"sync", "dirsync", "lazytime"} <= set(file_system[2].split(","))


def test_remount_changes_an_earlier_mount(bundle):
    bundle.mount("/data", type="tmpfs", source="tmpfs", options=["size=1m"])
    bundle.mount("/data", options=["remount", "ro", "noexec", "size=3m"])
    options, _, file_system = options_of(bundle, "/data")
    assert {"ro", "noexec"} <= options
    assert "size=3072k" in file_system[2]


def test_an_unknown_option_is_the_file_systems(bundle):
    bundle.mount("/data", type="tmpfs", source="tmpfs", options=["colour=red"])
    bundle.refused("mounts[5]", "tmpfs", "colour")


def test_an_unknown_file_system(bundle):
    bundle.mount("/data", type="nosuchfs", source="none")
    bundle.refused("mounts[5]", "this kernel has no file system nosuchfs")


def test_mounts_are_in_their_order(bundle):
    bundle.mount("/data", type="tmpfs", source="first")
    bundle.mount("/data/below", type="tmpfs", source="second")
    bundle.mount("/data", type="tmpfs", source="third")
    text = bundle.out("cat /proc/self/mounts; ls /data")
    names = [line.split()[0] for line in text.splitlines() if " /data" in line]
    assert names == ["first", "second", "third"]


def test_cgroup_with_a_namespace_is_the_containers_own(bundle):
    bundle.mount("/sys/fs/cgroup", type="cgroup", source="cgroup", options=["ro", "nosuid"])
    text = bundle.out("cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; "
                      "grep ' /sys/fs/cgroup ' /proc/self/mounts")
    assert "0::/\n1\n" in text
    assert "cgroup2 ro,nosuid" in text


def test_cgroup_without_a_namespace_is_the_containers_own_too(bundle):
    bundle.without("cgroup")
    bundle.mount("/sys/fs/cgroup", type="cgroup", source="cgroup", options=["ro"])
    assert bundle.out("cat /sys/fs/cgroup/cgroup.procs").split()[0] == "1"


def test_mqueue(bundle):
    bundle.mount("/dev/mqueue", type="mqueue", source="mqueue", options=["nosuid"])
    assert options_of(bundle, "/dev/mqueue")[2][0] == "mqueue"


def test_sysfs_of_the_hosts_network_in_a_user_namespace(bundle):
    bundle.with_user_namespace()
    bundle.without("network")
    before = set(socket.if_nameindex())
    seen = set(bundle.out("ls /sys/class/net").split())
    assert {name for _, name in before & set(socket.if_nameindex())} <= seen and len(seen) > 1


def test_procfs_of_the_hosts_pids_in_a_user_namespace(bundle):
    bundle.with_user_namespace()
    bundle.without("pid")
    assert bundle.out("test -d /proc/1 && echo yes") == "yes"


@pytest.mark.parametrize("mapped", [False, True])
def test_the_usual_file_systems_with_and_without_a_user_namespace(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    bundle.mount("/dev/mqueue", type="mqueue", source="mqueue")
    bundle.mount("/sys/fs/cgroup", type="cgroup2", source="cgroup", options=["ro"])
    text = bundle.out("cat /proc/self/mounts")
    for target in ("/proc", "/dev", "/dev/pts", "/dev/shm", "/sys", "/dev/mqueue",
                   "/sys/fs/cgroup"):
        assert f" {target} " in text


# ---- propagation of the root ----

@pytest.mark.parametrize("value, kind", [
    ("shared", "shared:"), ("private", None), ("unbindable", "unbindable"), (None, None)])
def test_propagation_of_the_root(bundle, value, kind):
    if value:
        bundle.linux["rootfsPropagation"] = value
    _, tags, _ = options_of(bundle, "/")
    assert any(tag.startswith(kind) for tag in tags) if kind else not tags, tags


def test_a_slave_root_gets_the_mounts_of_the_host(bundle):
    subprocess.run(["mount", "--bind", str(bundle.root), str(bundle.root)], check=True)
    subprocess.run(["mount", "--make-shared", str(bundle.root)], check=True)
    try:
        bundle.linux["rootfsPropagation"] = "rslave"
        pid = bundle.start("/bin/sleep", "100")
        subprocess.run(["mount", "-t", "tmpfs", "later", str(bundle.root / "tmp")], check=True)
        with open(f"/proc/{pid}/mounts", encoding="utf-8") as mounts:
            assert "later /tmp" in mounts.read()
        subprocess.run(["umount", str(bundle.root / "tmp")], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(bundle.root)], check=True)


@pytest.fixture
def shared_tree(closed):
    """A shared mount of the host, with another one below it."""
    path = closed / "shared"
    shared_directory(path)
    (path / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "below", str(path / "below")], check=True)
    (path / "below/file").write_text("stays\n")
    yield path
    subprocess.run(["umount", "--lazy", str(path / "below")], check=False)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.parametrize("options", [["rbind", "rshared"], ["rbind", "shared"], ["bind", "shared"],
                                     ["bind", "rshared"], ["rbind", "rslave"]])
def test_the_end_leaves_what_is_mounted_below_a_source(bundle, shared_tree, options):
    bundle.bind(shared_tree, "/data", *options)
    bundle.out("ls /data/below")
    assert (shared_tree / "below/file").exists()


@pytest.mark.parametrize("propagation", ["shared", "rshared", "slave", "rslave", "private",
                                         "rprivate", "unbindable", "runbindable"])
@pytest.mark.parametrize("option", ["rshared", "rslave", "rprivate"])
def test_the_root_s_propagation_leaves_what_is_mounted_below_a_source(bundle, shared_tree,
                                                                      propagation, option):
    bundle.linux["rootfsPropagation"] = propagation
    bundle.bind(shared_tree, "/data", "rbind", option)
    bundle.out("ls /data/below")
    assert (shared_tree / "below/file").exists()
