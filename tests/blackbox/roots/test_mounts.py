# SPDX-License-Identifier: LGPL-2.1-or-later
"""`mounts` of a definition."""

import shutil

import pytest
from inside import MIGHTY, mount_table, picture, refused, shell


@pytest.fixture
def data(closed):
    """A directory of the host's to be mounted, which has the host's ids in the machine."""
    path = closed / "data"
    path.mkdir()
    (path / "file").write_text("of the host\n")
    return path


def bind(source, target="/data", **keys):
    """The key `mounts` with one bind."""
    return ({"source": str(source), "target": target, **keys},)


def test_bind_has_the_hosts_owners(cli, machine_file, data):
    script = """
    test "$(stat -c %u:%g /data/file)" = 0:0 || exit 1
    touch /data/mine && chown 33:33 /data/mine || exit 2
    grep ' /data ' /proc/self/mountinfo"""
    result = shell(cli, machine_file, script, mounts=bind(data))
    assert (data / "mine").stat().st_uid == 33
    options = mount_table(result.stdout)["/data"][0]
    assert {"nosuid", "nodev"} <= options and "ro" not in options


def test_bind_without_mapped_ids(cli, machine_file, data):
    script = "test $(stat -c %u /data/file) = 65534 && ! touch /data/mine 2>/dev/null"
    shell(cli, machine_file, script, mounts=bind(data, options=["noidmap"]))


def test_bind_of_a_file_makes_its_target(cli, machine_file, data):
    result = shell(cli, machine_file, "cat /srv/deep/in/it",
                   mounts=bind(data / "file", "/srv/deep/in/it"))
    assert result.stdout == "of the host\n"


def test_read_only_cannot_be_undone(cli, machine_file, data):
    """Not even by a machine with all capabilities of its user namespace and no filter."""
    before = picture(data)
    script = """
    touch /data/new && exit 1
    mount -o remount,bind,rw /data && exit 2
    mount -o remount,bind,rw,nosuid,nodev /data && exit 3
    mkdir /elsewhere; mount --bind /data /elsewhere
    mount -o remount,bind,rw,nosuid,nodev /elsewhere && exit 4
    touch /elsewhere/new && exit 5
    exit 0"""
    shell(cli, machine_file, script, mounts=bind(data, read_only=True), **MIGHTY)
    assert picture(data) == before


# tmpfs can be mapped since then.
@pytest.mark.needs("kernel:6.3")
def test_read_only_for_what_is_mounted_below(cli, machine_file, data):
    (data / "below").mkdir()
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               f'mount -t tmpfs below {data}/below && exec "$@"', "sh"]
    script = """
    touch /data/below/new && exit 1
    umount /data/below && exit 2
    mount -o remount,bind,rw,nosuid,nodev /data/below && exit 3
    exit 0"""
    path = machine_file(command=["/bin/sh", "-c", script], mounts=bind(data, read_only=True),
                        **MIGHTY)
    cli("run", path, wrapper=wrapper).check()
    alone = machine_file(command=["/bin/sh", "-c", "grep -c ' /data' /proc/self/mountinfo"],
                         mounts=bind(data, options=["bind"]))
    assert cli("run", alone, wrapper=wrapper).check().stdout == "1\n"


def test_tmpfs(cli, machine_file):
    mount = {"type": "tmpfs", "target": "/cache", "size": "1M", "mode": "0711",
             "options": ["noexec"]}
    script = """
    test $(stat -c %a /cache) = 711 || exit 1
    dd if=/dev/zero of=/cache/full bs=1M count=2 2>/dev/null && exit 2
    cp /bin/busybox /cache/true 2>/dev/null; grep ' /cache ' /proc/self/mountinfo"""
    result = shell(cli, machine_file, script, mounts=(mount,))
    assert {"nosuid", "nodev", "noexec"} <= mount_table(result.stdout)["/cache"][0]


def test_overlay(cli, machine_file, workspace):
    for name in ("top", "bottom"):
        (workspace / name).mkdir()
        (workspace / name / name).write_text(name)
        (workspace / name / "whose").write_text(name)
    before = picture(workspace / "top"), picture(workspace / "bottom")
    mount = {"type": "overlay", "source": f"{workspace}/top:{workspace}/bottom",
             "target": "/merged"}
    script = """
    cat /merged/top /merged/bottom /merged/whose
    echo x >> /merged/top && rm /merged/bottom"""
    result = shell(cli, machine_file, script, mounts=(mount,))
    assert result.stdout == "topbottomtop"
    shell(cli, machine_file, "! touch /merged/new", mounts=({**mount, "read_only": True},))
    assert (picture(workspace / "top"), picture(workspace / "bottom")) == before


def test_mqueue(cli, machine_file):
    result = shell(cli, machine_file, "grep ' /queues ' /proc/self/mountinfo",
                   mounts=({"type": "mqueue", "target": "/queues"},))
    assert mount_table(result.stdout)["/queues"][1] == "mqueue"


def test_order(cli, machine_file, data):
    """A later mount may lie in an earlier one."""
    mounts = ({"type": "tmpfs", "target": "/outer"},
              {"source": str(data), "target": "/outer/inner"})
    result = shell(cli, machine_file, "cat /outer/inner/file", mounts=mounts)
    assert result.stdout == "of the host\n"


@pytest.mark.parametrize("keys", [{}, {"read_only": True}], ids=["writable", "read-only"])
def test_run_of_ones_own_hides_nothing(cli, machine_file, own_root, keys):
    """/run/host exists whatever is mounted on /run."""
    shutil.rmtree(own_root / "run")
    (own_root / "run").mkdir()
    script = "cat $CREDENTIALS_DIRECTORY/word /run/host/container-manager && touch /run/new"
    result = shell(cli, machine_file, script, rootfs=str(own_root),
                   mounts=({"type": "tmpfs", "target": "/run"},),
                   credentials=({"name": "word", "value": "secret "},), **keys)
    assert result.stdout == "secret machinectl-lite"


def test_every_option(cli, machine_file, data):
    """What `check` accepts as an option is one."""
    options = ["ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "nosymfollow",
               "symfollow", "nodiratime", "diratime", "noatime", "relatime", "strictatime",
               "private", "rprivate", "slave", "rslave", "bind", "rbind", "idmap", "noidmap"]
    mounts = [{"source": str(data), "target": f"/data/{option}", "options": [option]}
              for option in options]
    mounts += [{"type": "tmpfs", "target": f"/tmp/{number}", "options": [option]}
               for number, option in enumerate(["size=1m", "size=1%", "mode=0700",
                                                "nr_inodes=10k"])]
    shell(cli, machine_file, "true", mounts=tuple(mounts))


def test_links_of_the_root_stay_inside(cli, machine_file, own_root, data):
    (own_root / "up").symlink_to("../../../../../../../../srv")
    (own_root / "absolute").symlink_to("/srv")
    keys = {"overlay": [str(own_root)], "upper": "volatile"}
    mounts = ({"source": str(data), "target": "/up/one"},
              {"source": str(data), "target": "/absolute/two"})
    refused(cli, machine_file, "/up/one", "link", mounts=mounts, **keys)
    (own_root / "srv").mkdir()
    shell(cli, machine_file, "cat /srv/one/file /srv/two/file", mounts=mounts, **keys)


def test_errors(cli, machine_file, data):
    result = cli("run", machine_file(command=["/bin/true"], mounts=bind(data / "nowhere")))
    assert result.status != 0 and f"{data}/nowhere" in result.stderr, str(result)
    refused(cli, machine_file, "/new", "does not exist", mounts=bind(data, "/new", create=False))
    refused(cli, machine_file, "/etc/passwd", "not a directory", mounts=bind(data, "/etc/passwd"))
    refused(cli, machine_file, "/etc", mounts=bind(data / "file", "/etc"))
    refused(cli, machine_file, "mystery", mounts=bind(data, options=["mystery"]))


def test_mount_point_missing_in_a_read_only_root(cli, machine_file, own_root, data):
    (own_root / "run/host").mkdir(exist_ok=True)
    result = refused(cli, machine_file, "/data", "read-only", rootfs=str(own_root),
                     read_only=True, mounts=bind(data))
    assert "upper" in result.stderr
    # If writes go elsewhere, the mount point is created there, and the root is still read-only.
    shell(cli, machine_file, "cat /data/file && ! touch /new", rootfs=str(own_root),
          upper="none", mounts=bind(data))
    assert not (own_root / "data").exists()


def test_host_mounts_arrive_where_asked(cli, machine_file, data):
    """A bind is private unless an option makes it follow the host."""
    (data / "below").mkdir()
    host = f"""
    mount --bind {data} {data} && mount --make-shared {data} || exit 99
    "$@" & started=$!
    while test ! -e {data}/runs; do sleep 0.05; done
    mount -t tmpfs -o mode=0755 late {data}/below && touch {data}/below/arrived
    wait $started"""
    script = """
    touch /slave/runs
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        test -e /slave/below/arrived && break
        sleep 0.2
    done
    test -e /slave/below/arrived && test ! -e /private/below/arrived"""
    path = machine_file(command=["/bin/sh", "-c", script],
                        mounts=({"source": str(data), "target": "/private"},
                                {"source": str(data), "target": "/slave", "options": ["rslave"]}))
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", host, "sh"]
    cli("run", path, wrapper=wrapper).check()
