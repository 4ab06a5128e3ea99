# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs `export` and `import`: whole machines as archives, which may come from anybody."""

import io
import json
import os
import shutil
import stat
import subprocess
import tarfile

import pytest

import harness

STAY = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def web(cli, machine_file, busybox_root):
    """A stopped machine with a writable layer and a volume."""
    machine_file("web", overlay=[busybox_root], command=STAY, mounts=(
        {"type": "volume", "source": "data", "target": "/data"},))
    cli("start", "web").check()
    cli("exec", "web", "sh", "-c", "echo first >/kept; chown 12:13 /kept; chmod 4750 /kept; "
                                   "rm /etc/passwd; mkdir -p /new; ln -s /kept /new/link; "
                                   "ln /kept /hard; echo inside >/data/file; "
                                   "chown 14 /data/file").check()
    cli("stop", "--now", "web").check()


def hidden(cli):
    """What a command may leave only while it runs."""
    return [path.name for path in [*(cli.state / "machines").iterdir(), *cli.config.iterdir()]
            if path.name.startswith(".")]


def archive(path, **members):
    """Writes a tar; a member is text, bytes, or a TarInfo."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            name = name.replace("__", "/").replace("_json", ".json").replace("_tar", ".tar")
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def record(busybox_root, **changes):
    """A valid machine.json, with changes."""
    return json.dumps({
        "version": 1, "name": "web", "image": None, "layer": False, "volumes": [],
        "definition": {"overlay": [str(busybox_root)], "command": ["true"],
                       "network": {"mode": "none"}}, **changes})


def check_copy(cli, name):
    cli("start", name).check()
    told = cli("exec", name, "sh", "-c", "stat -c %u:%g:%a:%h /kept; cat /new/link /data/file; "
                                         "stat -c %u /data/file; ls /etc/passwd 2>&1").stdout
    assert told.startswith("12:13:4750:2\nfirst\ninside\n14\n") and "No such file" in told
    cli("stop", "--now", name).check()


def test_move(cli, web, workspace):
    told = cli("export", "web", "--to", workspace / "web.tar").check()
    assert "not in the archive: the directory" in told.stderr and told.stdout == ""
    with tarfile.open(workspace / "web.tar") as tar:
        assert {"machine.json", "layer.tar", "volumes/data.tar"} <= {
            name.removeprefix("./") for name in tar.getnames()}
    # To another host, that is, with other directories.
    other = harness.Cli(workspace / "other")
    other("import", workspace / "web.tar").check()
    check_copy(other, "web")
    other("delete", "web").check()
    other("volume", "remove", "data").check()
    (other.config / "web.machine").unlink()
    # Beside the first one, from a pipe, compressed.
    packed = subprocess.run(["gzip", "-c", workspace / "web.tar"], stdout=subprocess.PIPE,
                            check=True).stdout
    assert other("import", "-", input=packed).check().stdout == ""
    check_copy(other, "web")
    assert hidden(other) == hidden(cli) == []
    other.finish()


def test_a_pipe(cli, web, workspace):
    with open(workspace / "piped.tar", "wb") as piped:
        cli.start("export", "web", stdout=piped).wait()
    cli("export", "web", "--to", workspace / "named.tar").check()
    assert (workspace / "piped.tar").read_bytes() == (workspace / "named.tar").read_bytes()
    terminal = cli.terminal("export", "web")
    assert terminal.wait() == 1 and "refusing to write an archive to a terminal" in terminal.text


def test_names_and_volumes_that_exist(cli, web, workspace):
    path = workspace / "web.tar"
    cli("export", "web", "--to", path).check()
    assert 'there is a machine "web" already' in cli("import", path).check(1).stderr
    taken = cli("import", "--name", "two", path).check(1)
    assert 'volume "data" of the machine exists here' in taken.stderr
    assert "--keep-volumes" in taken.stderr and not (cli.config / "two.machine").exists()
    for wrong in "a b", "../x", "":
        assert cli("import", "--name", wrong, path).status in (1, 64)
    assert hidden(cli) == []
    cli("import", "--name", "two", "--keep-volumes", path).check()
    check_copy(cli, "two")


def test_a_running_machine(cli, machine_file, busybox_root, workspace):
    machine_file("web", overlay=[busybox_root], command=["sh", "-c", (
        "echo up; i=0; while :; do i=$((i+1)); echo $i >/count; echo $i >/data/count; done")],
        mounts=({"type": "volume", "source": "data", "target": "/data"},))
    cli("start", "web").check()
    for count in cli.state / "machines/web/upper/count", cli.state / "volumes/data/data/count":
        harness.wait_for(count.exists, 10, "both counts")
    refused = cli("export", "web", "--to", workspace / "web.tar").check(1)
    assert 'machine "web" is running' in refused.stderr and "--pause" in refused.stderr
    assert not (workspace / "web.tar").exists()
    cli("export", "web", "--pause", "--to", workspace / "web.tar").check()
    assert "running" in cli("status", "-n", "0", "web").check().stdout
    failed = cli("export", "web", "--pause", "--to", workspace / "no" / "web.tar")
    assert failed.status == 1
    assert "running" in cli("status", "-n", "0", "web").check().stdout
    other = harness.Cli(workspace / "other")
    other("import", workspace / "web.tar").check()
    assert (other.state / "machines/web/upper/count").exists()
    assert (other.state / "volumes/data/data/count").exists()
    cli("stop", "--now", "web").check()
    assert hidden(cli) == []


def test_a_machine_of_an_image(cli, machine_file, busybox_root, workspace):
    root = workspace / "root.tar"
    subprocess.run(["tar", "-C", busybox_root, "-cf", root, "."], check=True)
    cli("load", "--name", "box:1", root).check()
    machine_file("web", image="box:1", command=STAY)
    cli("start", "web").check()
    cli("exec", "web", "sh", "-c", "echo first >/kept").check()
    cli("stop", "--now", "web").check()
    cli("export", "web", "--to", workspace / "web.tar").check()
    other = harness.Cli(workspace / "other")
    missing = other("import", workspace / "web.tar").check(66)
    assert "is not in the store" in missing.stderr and "sha256:" in missing.stderr
    assert "--image" in missing.stderr and hidden(other) == []
    cli("save", "box:1", workspace / "box.tar").check()
    other("load", workspace / "box.tar").check()
    other("import", "--image", "box:1", workspace / "web.tar").check()
    # On the same host the layer stays on its image, whatever the name means now.
    cli("import", "--name", "two", workspace / "web.tar").check()
    pinned = [json.loads((cli.state / f"machines/{name}/image.json").read_text())
              for name in ("web", "two")]
    assert pinned[0] == pinned[1]
    other("start", "web").check()
    assert other("exec", "web", "cat", "/kept").check().stdout == "first\n"
    other("stop", "--now", "web").check()


def test_machines_without_a_layer(cli, machine_file, own_root, workspace):
    machine_file("fresh", command=["true"])
    cli("export", "fresh", "--to", workspace / "fresh.tar").check()
    cli("import", "--name", "two", workspace / "fresh.tar").check()
    cli("run", "two").check()
    machine_file("place", rootfs=own_root, command=["true"])
    refused = cli("export", "place", "--to", workspace / "place.tar").check(1)
    assert f'writes to its "rootfs" itself: {own_root}' in refused.stderr
    assert cli("export", "absent", "--to", workspace / "x").status == 66
    assert "expected one machine" in cli("export").check(64).stderr
    assert cli("import", workspace / "absent.tar").status == 1
    assert hidden(cli) == []


@pytest.mark.parametrize("members, advice", [
    ({"usr/bin/true": "x"}, "load --name"), ({"oci-layout": "{}"}, "load "),
    ({"manifest.json": "[]"}, "load "), ({"other": "x"}, "export makes one"),
])
def test_other_archives(cli, workspace, members, advice):
    refused = cli("import", archive(workspace / "x.tar", **members)).check(1)
    assert "is not an archive of a machine" in refused.stderr and advice in refused.stderr
    assert hidden(cli) == [] and list(cli.config.iterdir()) == []


def member(kind, target=""):
    """A special member of an archive."""
    made = tarfile.TarInfo()
    made.type, made.linkname = kind, target
    return made


def test_hostile_archives(cli, workspace, busybox_root):
    secret = workspace / "secret"
    secret.write_text("secret")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        top = member(tarfile.DIRTYPE)
        top.name, top.mode = ".", 0o755
        tar.addfile(top)
        for name in "../../out", "/abs", "etc":
            tar.addfile(tarfile.TarInfo(name))
    linked = io.BytesIO()
    with tarfile.open(fileobj=linked, mode="w") as tar:
        link = member(tarfile.LNKTYPE, str(secret))
        link.name = "hard"
        tar.addfile(link)
    good = record(busybox_root)
    cases = {
        "not a tar": None,
        "a link as record": {"machine_json": member(tarfile.SYMTYPE, str(secret))},
        "a device as record": {"machine_json": member(tarfile.FIFOTYPE)},
        "not JSON": {"machine_json": "{"},
        "another version": {"machine_json": record(busybox_root, version=2)},
        "no version": {"machine_json": record(busybox_root, version="1")},
        "a path as name": {"machine_json": record(busybox_root, name="../x")},
        "a name that is none": {"machine_json": record(busybox_root, name="a b")},
        "a path as volume": {"machine_json": record(busybox_root, volumes=["../../x"])},
        "a link as volume": {"machine_json": record(busybox_root, volumes=["data"]),
                             "volumes__data_tar": member(tarfile.SYMTYPE, str(secret))},
        "a link as layer": {"machine_json": record(busybox_root, layer=True),
                            "layer_tar": member(tarfile.SYMTYPE, str(secret))},
        "no layer": {"machine_json": record(busybox_root, layer=True)},
        "a damaged layer": {"machine_json": record(busybox_root, layer=True),
                            "layer_tar": b"x" * 2048},
        "a layer with links to others": {"machine_json": record(busybox_root, layer=True),
                                         "layer_tar": linked.getvalue()},
        "a key that is text": {"machine_json": record(busybox_root, definition={
            "a = 1;\n@include \"/etc/shadow\"\nb": 1})},
        "a nested key that is text": {"machine_json": record(busybox_root, definition={
            "limits": {"a = 1; }; x-y = { b": 1}})},
        "an unknown key": {"machine_json": record(busybox_root, definition={"memroy": "1"})},
        "a name as image": {"machine_json": record(busybox_root, image={"id": "box:1"})},
        "nested too deeply": {"machine_json": "[" * 100_000},
    }
    for what, members in cases.items():
        path = workspace / "hostile.tar"
        if members is None:
            path.write_bytes(b"no tar" * 1000)
        else:
            archive(path, **members)
        done = cli("import", path)
        assert done.status in (1, 64, 65, 66) and "error:" in done.stderr, (what, done)
        assert "secret" not in done.stderr.replace(str(secret), ""), what
        assert hidden(cli) == [] and list(cli.config.iterdir()) == [], what
        assert [path.name for path in (cli.state / "machines").iterdir()] == [], what
    # What would leave the layer stays in it.
    archive(workspace / "out.tar", machine_json=record(busybox_root, layer=True),
            layer_tar=layer.getvalue())
    cli("import", workspace / "out.tar").check()
    assert (cli.state / "machines/web/upper/out").exists()
    assert (cli.state / "machines/web/upper/abs").exists()
    assert good and not (cli.state / "out").exists()


@pytest.mark.needs("program:strace")
def test_a_kill_leaves_all_or_nothing(cli, web, workspace):
    cli("export", "web", "--to", workspace / "web.tar").check()
    number = 0
    while True:
        number += 1
        other = harness.Cli(workspace / f"other{number}")
        done = other("import", workspace / "web.tar", wrapper=[
            "strace", "-o", "/dev/null", "-e", "inject=rename,renameat,renameat2,unlinkat,mkdir,"
            f"mkdirat:signal=SIGKILL:when={number}"])
        other("list")
        made = [(other.config / "web.machine").exists(),
                (other.state / "machines/web/upper/kept").exists(),
                (other.state / "volumes/data/data/file").exists()]
        assert all(made) or not any(made), (number, made)
        assert not (other.state / "moves.json").exists()
        if not any(made):
            # Nothing is in the way of the next one, which removes the rest.
            other("import", workspace / "web.tar").check()
        assert hidden(other) == [] or done.status != 0
        shutil.rmtree(workspace / f"other{number}")
        if done.status == 0:
            break
        assert number < 100
    assert number > 6


def test_a_user(user, busybox_root):
    user.define("web", overlay=[user.copy_root(busybox_root)], command=STAY)
    user("start", "web").check()
    user("exec", "web", "sh", "-c", "echo first >/kept; chown 12:13 /kept").check()
    user("stop", "--now", "web").check()
    user("export", "web", "--to", user.home / "web.tar").check()
    assert stat.S_ISREG((user.home / "web.tar").stat().st_mode)
    assert (user.home / "web.tar").stat().st_uid == user.uid
    user("import", "--name", "two", user.home / "web.tar").check()
    user("start", "two").check()
    assert user("exec", "two", "stat", "-c", "%u:%g", "/kept").check().stdout == "12:13\n"
    user("stop", "--now", "two").check()
    assert os.stat(user.config / "two.machine").st_uid == user.uid
