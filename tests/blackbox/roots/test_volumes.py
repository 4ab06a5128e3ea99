# SPDX-License-Identifier: LGPL-2.1-or-later
"""Volumes: mounts of the type "volume", .volume files, and the verb `volume`."""

import gzip
import io
import json
import os
import secrets
import subprocess
import tarfile
import time

import pytest


RUN = secrets.token_hex(3)


def named(name):
    """The name of a machine, which no other test run has: its control group has it, too."""
    return f"{name}-{RUN}"


def volume(name="data", target="/data", **keys):
    """The key `mounts` with one volume."""
    return ({"type": "volume", "source": name, "target": target, **keys},)


@pytest.fixture
def root(own_root):
    """A root with content at the place of the volume."""
    data = own_root / "data"
    (data / "below").mkdir(parents=True)
    (data / "file").write_text("of the root\n")
    (data / "below/program").write_text("#!/bin/sh\n")
    os.chown(data / "below/program", 7, 8)
    os.chmod(data / "below/program", 0o4750)
    os.setxattr(data / "file", "user.note", b"kept")
    os.chown(data, 999, 998)
    os.chmod(data, 0o750)
    return own_root


@pytest.fixture
def define(machine_file, root):
    """Writes a definition whose payload is a shell script; the root is never written to."""
    def write(name, script, mounts=volume(), **keys):
        return machine_file(named(name), rootfs=str(root), upper="volatile",
                            command=["/bin/sh", "-c", script], mounts=mounts, **keys)
    return write


@pytest.fixture
def content(cli):
    """The directory with the content of a volume."""
    return lambda name="data": cli.paths["MACHINECTL_LITE_STATE_DIR"] / "volumes" / name / "data"


def listed(cli):
    """The volumes as JSON, by name."""
    return {each["name"]: each
            for each in json.loads(cli("volume", "list", "--json=short").check().stdout)}


def archive(path, *members):
    """Writes a tar of (name, content, "") and (name, type, link)."""
    with tarfile.open(path, "w") as out:
        for name, what, link in members:
            info = tarfile.TarInfo(name)
            data = what.encode() if isinstance(what, str) else b""
            info.size = len(data)
            info.type = tarfile.REGTYPE if isinstance(what, str) else what
            info.linkname = link
            out.addfile(info, io.BytesIO(data))
    return path


def test_it_begins_with_the_content_of_the_root(cli, define, content, root):
    path = define("first", "stat -c '%u:%g %a' /data /data/below/program; cat /data/file; "
                           "echo new >/data/file; touch /data/mine")
    result = cli("run", path).check()
    assert result.stdout == "999:998 750\n7:8 4750\nof the root\n"
    assert (content() / "file").read_text() == "new\n"
    assert os.getxattr(content() / "file", "user.note") == b"kept"
    assert (content() / "mine").stat().st_uid == 0
    assert (root / "data/file").read_text() == "of the root\n"
    again = define("second", "cat /data/file; grep ' /data ' /proc/self/mountinfo")
    result = cli("run", again).check()
    assert result.stdout.startswith("new\n") and "nosuid,nodev" in result.stdout


def test_a_place_that_the_root_lacks(cli, define, content):
    path = define("empty", "ls -A /srv/deep; stat -c %u:%g:%a /srv/deep",
                  volume(target="/srv/deep"))
    assert cli("run", path).check().stdout == "0:0:755\n"
    assert list(content().iterdir()) == []


def test_other_ids_see_the_same_owners(cli, define):
    for index, base in enumerate((1000000, 2000000)):
        path = define(f"ids-{index}", "stat -c %u /data; touch /data/mine; stat -c %u /data/mine",
                      user_namespace=f"{base}:65536")
        assert cli("run", path).check().stdout == "999\n0\n"


def test_one_writer(cli, define):
    running = cli.start("run", define("writer", "echo ready; sleep 60"))
    running.read_until("ready")
    for keys in ({}, {"read_only": True}):
        other = define("other", "true", volume(**keys))
        result = cli("run", other).check(125)
        assert f'volume "data" is in use by machine "{named("writer")}"' in result.stderr
    for command in (("export", "data", "/dev/null"), ("remove", "data"),
                    ("import", "--force", "data", "/dev/null")):
        assert "in use" in cli("volume", *command).check(1).stderr, command
    assert listed(cli)["data"]["machines"] == [named("other"), named("writer")]
    cli("stop", named("writer")).check()
    running.wait()
    cli("run", other).check()


def test_several_readers(cli, define):
    """The first one gives the volume its content, and then is a reader like the others."""
    define("reader", "touch /data/x 2>/dev/null && exit 1; sleep 60", volume(read_only=True))
    cli("start", named("reader")).check()
    other = define("other", "cat /data/file", volume(read_only=True))
    assert cli("run", other).check().stdout == "of the root\n"
    writer = define("writer", "true")
    assert f'in use by machine "{named("reader")}"' in cli("run", writer).check(125).stderr
    cli("volume", "export", "data", "/dev/stdout").check(1)
    cli("volume", "export", "data").check()
    cli("stop", named("reader")).check()
    cli("run", writer).check()


def test_read_only_cannot_be_undone(cli, define):
    from inside import MIGHTY
    for _ in range(2):
        path = define("mighty", "mount -o remount,bind,rw /data 2>/dev/null; "
                                "touch /data/x 2>/dev/null && exit 1; exit 0",
                      volume(read_only=True), **MIGHTY)
        cli("run", path).check()


def test_two_machines_make_it_at_once(cli, define, content, root):
    """One gets it; the volume is whole."""
    for index in range(300):
        (root / f"data/{index}").write_text(str(index))
    paths = [define(f"at-once-{index}", "ls /data | wc -l; sleep 1") for index in range(4)]
    running = [cli.start("run", path) for path in paths]
    results = [each.wait() for each in running]
    assert sorted(each.status for each in results) == [0, 125, 125, 125], results
    assert [each.stdout for each in results if each.status == 0] == ["302\n"]
    assert len(list(content().iterdir())) == 302


def test_killed_while_its_content_is_copied(cli, define, content, root):
    """There is no half volume, and the next start copies again."""
    for index in range(3000):
        (root / f"data/{index}").write_text(str(index))
    path = define("killed", "ls /data | wc -l")
    interrupted = 0
    for attempt in range(12):
        running = cli.start("run", path)
        until = time.monotonic() + 20
        new = content().parent / "new"
        while not new.exists() and not content().exists() and time.monotonic() < until:
            pass
        time.sleep(0.002 * attempt)
        running.kill()
        running.wait()
        if not content().exists():
            interrupted += 1
            result = cli("volume", "export", "data", "-")
            assert result.status in (1, 66) and result.stdout == "", result
        else:
            assert len(list(content().iterdir())) == 3002
            cli("volume", "remove", "data").check()
    assert interrupted > 0
    assert cli("run", path).check().stdout == "3002\n"
    assert not new.exists()


def test_a_start_that_fails_leaves_no_volume(cli, define):
    path = define("fails", "true", hostname="fails", sysctl=["kernel.hostname=x"])
    assert cli("run", path).status == 125
    assert listed(cli) == {}


def test_rehearsals_make_nothing(cli, define):
    path = define("rehearsed", "true")
    cli("run", "--dry-run", path).check()
    cli("create", path).check()
    assert listed(cli) == {}
    cli("delete", path).check()


def test_copies_to_a_stopped_machine(cli, define, workspace, content):
    path = define("stopped", "cat /data/copied")
    (workspace / "copied").write_text("copied\n")
    cli("create", path).check()
    cli("copy-from", path, "/data/file", workspace / "from").check()
    assert (workspace / "from").read_text() == "of the root\n"
    assert (content() / "file").exists()


@pytest.mark.parametrize("name", ["../up", "/srv", "", ".hidden", "a/b", "a.volume", "x" * 65])
def test_names(cli, define, name):
    path = define("names", "true", volume(name))
    assert "volume name" in cli("check", path).check(65).stderr
    for command in (("status", name), ("export", name), ("remove", name), ("import", name, "-")):
        assert cli("volume", *command).status == 64, command


def test_keys_that_do_not_fit(cli, define):
    for keys, text in (({"map": "host"}, "has a map"), ({"size": "1M"}, "has a size"),
                       ({"options": ["idmap"]}, "no effect")):
        path = define("keys", "true", volume(**keys))
        result = cli("check", path)
        assert text in result.stderr, result


def test_the_file_of_a_volume(cli, define, content, workspace):
    path = define("labelled", "stat -c %u:%g /data")
    file = path.parent / "data.volume"
    file.write_text('owner = "5:6"; labels = [ "team=db" ];')
    cli("check", path.parent).check()
    assert cli("run", path).check().stdout == "5:6\n"
    assert listed(cli)["data"]["labels"] == ["team=db"]
    file.write_text('owner = "postgres";')
    assert "data.volume:1" in cli("check", path.parent).check(65).stderr
    result = cli("run", path).check(125)
    assert 'volume "data" is invalid' in result.stderr and "data.volume:1" in result.stderr


def test_check_knows_the_rule_of_one_writer(cli, define):
    one, reader = define("one", "true"), define("reader", "true", volume(read_only=True))
    other = define("other", "true", volume("another"))
    cli("check", one, other).check()
    result = cli("check", one, reader).check(65)
    assert f'a volume for writes that is also used by machine "{named("one")}"' in result.stderr
    define("one", "true", volume(options=["ro"]))
    cli("check", one, reader).check()


def test_a_size_without_quotas_is_refused(cli, define):
    path = define("sized", "true")
    (path.parent / "data.volume").write_text('size = "10M";')
    result = cli("run", path)
    if result.status == 0:
        pytest.skip("the file system of the tests has project quotas")
    assert "project quotas" in result.stderr or "only root" in result.stderr
    assert listed(cli) == {}


@pytest.fixture
def quotas(cli, workspace):
    """The state directory on a file system with project quotas."""
    image, place = workspace / "disk", cli.paths["MACHINECTL_LITE_STATE_DIR"]
    subprocess.run(["truncate", "--size=64M", image], check=True)
    made = subprocess.run(["mkfs.ext4", "-q", "-O", "quota,project", image], check=False)
    place.mkdir(exist_ok=True)
    mounted = made.returncode == 0 and subprocess.run(
        ["mount", "-o", "loop,prjquota", image, place], capture_output=True, check=False)
    if not mounted or mounted.returncode != 0:
        pytest.skip("needs ext4 with project quotas on a loop device")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.needs("program:mkfs.ext4")
def test_a_size(cli, define, quotas, workspace):
    path = define("sized", "dd if=/dev/zero of=/data/big bs=1M count=20 2>&1; du -m /data/big")
    file = path.parent / "data.volume"
    file.write_text('size = "8M";')
    result = cli("run", path)
    assert "No space left" in result.stdout or "Disk quota exceeded" in result.stdout, result
    assert listed(cli)["data"]["size"] == 8 << 20
    file.write_text('size = "30M";')
    assert cli("run", path).check().stdout.endswith("20\t/data/big\n")
    file.unlink()
    cli("run", path).check()
    assert listed(cli)["data"]["size"] is None
    big = workspace / "big.tar"
    archive(big, ("big", "x" * (12 << 20), ""))
    (path.parent / "small.volume").write_text('size = "8M";')
    result = cli("volume", "import", "small", big).check(1)
    assert "No space left" in result.stderr or "quota exceeded" in result.stderr, result
    assert "small" not in listed(cli)


def test_export_and_import(cli, define, content, workspace):
    cli("run", define("made", "ln -s /etc /data/link; ln /data/file /data/hard; "
                              "mkfifo /data/fifo; touch /data/.wh.file")).check()
    cli("volume", "export", "data", workspace / "data.tar").check()
    (workspace / "named.gz").write_bytes(b"")
    with gzip.GzipFile(workspace / "named.gz", "wb") as out:
        out.write((workspace / "data.tar").read_bytes())
    cli("volume", "import", "copy", workspace / "data.tar").check()
    cli("volume", "import", "zipped", workspace / "named.gz").check()
    cli("volume", "import", "piped", "-", input=(workspace / "named.gz").read_bytes()).check()
    for name in ("copy", "zipped", "piped"):
        diff = subprocess.run(["diff", "-r", "--no-dereference", content(), content(name)],
                              capture_output=True, text=True, check=False)
        assert all("is a fifo" in line for line in diff.stdout.splitlines()), diff.stdout
        status = content(name).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (999, 998, 0o750)
        assert (content(name) / "hard").stat().st_ino == (content(name) / "file").stat().st_ino
        assert os.getxattr(content(name) / "file", "user.note") == b"kept"
        assert (content(name) / "below/program").stat().st_mode & 0o7777 == 0o4750


def test_import_replaces_all_or_nothing(cli, content, workspace):
    first = archive(workspace / "first.tar", ("old", "old", ""))
    second = archive(workspace / "second.tar", ("new", "new" * 500, ""))
    (workspace / "broken.tar").write_bytes(second.read_bytes()[:1000])
    cli("volume", "import", "data", first).check()
    assert "exists" in cli("volume", "import", "data", second).check(1).stderr
    cli("volume", "import", "--force", "data", workspace / "broken.tar").check(1)
    assert [each.name for each in content().iterdir()] == ["old"]
    cli("volume", "import", "--force", "data", second).check()
    assert [each.name for each in content().iterdir()] == ["new"]
    assert sorted(os.listdir(content().parent)) == ["data", "volume.json"]
    cli("volume", "import", "none", workspace / "broken.tar").check(1)
    assert list(listed(cli)) == ["data"]


def test_hostile_archives(cli, content, workspace):
    """Nothing outside of the volume is written."""
    cli("volume", "import", "links", archive(
        workspace / "links.tar", ("up", tarfile.SYMTYPE, "../../.."), ("up/escaped", "x", ""),
        ("../../above", "x", ""), ("/absolute", "x", ""))).check()
    inside = {str(path.relative_to(content("links"))) for path in content("links").rglob("*")}
    assert {"above", "absolute"} <= inside and any("escaped" in each for each in inside)
    outside = cli.paths["MACHINECTL_LITE_STATE_DIR"]
    assert not [path for path in outside.rglob("escaped") if content("links") not in path.parents]
    result = cli("volume", "import", "hard", archive(
        workspace / "hard.tar", ("hard", tarfile.LNKTYPE, "../volume.json"))).check(1)
    assert "hard link" in result.stderr and "hard" not in listed(cli)


def test_delete_and_prune_keep_volumes(cli, define):
    used = define("used", "sleep 60", volume() + volume("own", "/own"))
    other, name = define("other", "true"), named("used")
    cli("start", name).check()
    cli("delete", "--force", name).check()
    cli("prune").check()
    assert set(listed(cli)) == {"data", "own"}
    cli("start", name).check()
    result = cli("delete", "--force", "--volumes", name).check()
    assert 'keeping volume "data"' in result.stderr and set(listed(cli)) == {"data"}
    cli("prune", "--volumes").check()
    assert set(listed(cli)) == {"data"}
    broken = used.parent / "broken.machine"
    broken.write_text("nonsense")
    used.unlink()
    other.unlink()
    assert "broken" in cli("prune", "--volumes").check(1).stderr
    broken.unlink()
    cli("prune", "--volumes").check()
    assert listed(cli) == {}


def test_status_and_list(cli, define, content):
    cli("run", define("shown", "true")).check()
    text = cli("volume", "list").check().stdout
    assert text.splitlines()[0].split() == ["NAME", "SIZE", "MACHINES", "LABELS", "CREATED"]
    assert text.splitlines()[1].startswith("data ")
    status = json.loads(cli("volume", "status", "data", "--json=short").check().stdout)
    assert status["path"] == str(content()) and status["owner"] == "999:998"
    assert status["used"] > 0 and status["made_by"] == named("shown") and status["complete"]
    assert f"made by: {named('shown')}" in cli("volume", "status", "data").check().stdout
    assert "no such volume" in cli("volume", "status", "none").check(66).stderr


@pytest.mark.needs("user-namespace")
def test_the_volumes_of_a_user(user, busybox_root, workspace):
    root = user.copy_root(busybox_root)
    (root / "data").mkdir()
    (root / "data/file").write_text("of the root\n")
    user.own(root)
    name = named("mine")
    user.define(name, rootfs=str(root), upper="volatile", mounts=volume(),
                command=["/bin/sh", "-c", "cat /data/file; touch /data/x; chown 33 /data/x"])
    assert user("run", name).check().stdout == "of the root\n"
    assert list(listed(user)) == ["data"]
    place = user.paths["MACHINECTL_LITE_STATE_DIR"] / "volumes/data/data"
    assert (place / "x").stat().st_uid == user.subordinate()[0] + 32
    data = user("volume", "export", "data", user.home / "data.tar").check()
    assert data.stdout == ""
    user("volume", "import", "copy", user.home / "data.tar").check()
    assert (place.parent.parent / "copy/data/x").stat().st_uid == user.subordinate()[0] + 32
    user("volume", "remove", "data", "copy").check()
    assert listed(user) == {}
    (user.config / "data.volume").write_text('size = "10M";')
    result = user("run", name).check(125)
    assert "only root can" in result.stderr or "no project quotas" in result.stderr
