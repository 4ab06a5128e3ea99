# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trusted files: only root may be able to change what root starts."""

import os
import shlex
import shutil
import struct
import subprocess

import pytest

USER = 1003


@pytest.fixture
def place(workspace):
    """A directory of root's with a machine of several files, all of root's."""
    top = workspace / "place"
    for directory in ("root", "web.machine.d", "parts"):
        (top / directory).mkdir(parents=True)
    (top / "web.machine").write_text(
        '@include "base.part"\n@include "parts/*.part"\noverlay = [ "root" ];\n'
        'upper = "volatile";\nnetwork = { mode = "none"; };\nenvironment_files = [ "web.env" ];\n'
        'credentials = ( { name = "key"; path = "web.key"; } );\n'
        'seccomp = { profile = "web.json"; };\n')
    (top / "web.machine.d/10.machine").write_text('hostname = "web";\n')
    (top / "base.part").write_text('command = [ "/bin/true" ];\n')
    (top / "parts/a.part").write_text('description = "a";\n')
    (top / "web.env").write_text("A=B\n")
    (top / "web.key").write_text("secret")
    (top / "web.json").write_text('{ "defaultAction": "SCMP_ACT_ALLOW" }')
    return top


FILES = ["web.machine", "web.machine.d/10.machine", "web.machine.d", "base.part", "parts/a.part",
         "parts", "web.env", "web.key", "web.json", "."]


def dry(cli, path, *options, **keywords):
    """What a start of it would do: it reads all, and does nothing."""
    return cli("run", "--dry-run", *options, path, **keywords)


def hints(text):
    """The commands of the ways out in an output."""
    return [line.split(";")[0].replace("hint:", "").strip(" |^") for line in text.splitlines()
            if "chown -h" in line or "chmod go-w" in line]


@pytest.mark.parametrize("how", ["owner", "group", "others"])
@pytest.mark.parametrize("name", FILES)
def test_what_others_can_change_is_not_followed(cli, place, name, how):
    """Files that another user owns, can write to, or can replace in their directory. The command in
    the message fixes it."""
    path = place / "web.machine"
    dry(cli, path).check()
    target = place / name
    if how == "owner":
        os.chown(target, USER, 0)
    else:
        target.chmod(target.stat().st_mode | (0o020 if how == "group" else 0o002))
    mode = f"{target.stat().st_mode & 0o7777:04o}"
    result = dry(cli, path)
    assert result.status != 0
    assert str(target) in result.stderr and mode in result.stderr, str(result)
    assert f"owner {target.stat().st_uid}:0" in result.stderr, str(result)
    (command,) = set(hints(result.stderr))
    subprocess.run(shlex.split(command), check=True)
    dry(cli, path).check()


@pytest.mark.parametrize("verb", [["run"], ["create"], ["start"], ["supervise"], ["restart"]])
def test_every_verb_that_starts(cli, place, verb):
    os.chown(place / "base.part", USER, 0)
    result = cli(*verb, place / "web.machine")
    assert result.status != 0 and "base.part" in result.stderr, str(result)
    assert not (cli.state / "machines").exists()


def test_found_by_name(cli, place):
    """Directories of the search path in which a file could take the place of the one found, or from
    which one could be taken away."""
    vendor = place / "vendor"
    vendor.mkdir()
    os.rename(place / "web.machine", vendor / "web.machine")
    for name in ("root", "parts", "base.part", "web.env", "web.key", "web.json"):
        os.rename(place / name, vendor / name)
    path = f"{place}:{vendor}:{place}/none"
    cli("run", "--dry-run", "web", env={"MACHINECTL_LITE_CONFIG_PATH": path}).check()
    for target in (place / "web.machine.d", place, vendor):
        target.chmod(0o777)
        result = cli("run", "--dry-run", "web", env={"MACHINECTL_LITE_CONFIG_PATH": path})
        assert result.status != 0 and str(target) in result.stderr, str(result)
        target.chmod(0o755)


def test_links_are_followed_to_their_end(cli, place, workspace):
    elsewhere = workspace / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "real").symlink_to("../place/web.machine")
    (place / "web2.machine").symlink_to(elsewhere / "real")
    dry(cli, place / "web2.machine").check()
    # The link's own directory, which is neither that of its name nor that of the file.
    os.chown(elsewhere, USER, 0)
    result = dry(cli, place / "web2.machine")
    assert result.status != 0 and f'"{elsewhere}"' in result.stderr, str(result)


def test_sticky_directories(cli, place):
    """As in /tmp: files of root are trusted, those of others, including links, are not."""
    place.chmod(0o1777)
    dry(cli, place / "web.machine").check()
    (place / "web2.machine").symlink_to("web.machine")
    dry(cli, place / "web2.machine").check()
    os.chown(place / "web2.machine", USER, USER, follow_symlinks=False)
    result = dry(cli, place / "web2.machine")
    assert result.status != 0 and "web2.machine" in result.stderr, str(result)
    os.chown(place / "web.machine", USER, USER)
    assert dry(cli, place / "web.machine").status != 0


def test_access_control_lists(cli, place):
    """What an ACL grants shows in the group's bits of the mode, whatever the group is."""
    # Version 2; owner, USER, group, mask and others with their rights (linux/posix_acl_xattr.h).
    entries = [(1, 6, -1), (2, 6, USER), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(place / "web.env", "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"no ACL here: {error}")
    result = dry(cli, place / "web.machine")
    assert result.status != 0 and "web.env" in result.stderr, str(result)


def test_ones_own_by_sudo(cli, place):
    """With --trust-owner, files of the user who called sudo are trusted, but of no one else."""
    sudo = {"SUDO_UID": str(USER)}
    for name in FILES:
        os.chown(place / name, USER, USER)
        (place / name).chmod((place / name).stat().st_mode | 0o020)
    path = place / "web.machine"
    result = dry(cli, path, env=sudo)
    assert result.status != 0 and "--trust-owner" in result.stderr, str(result)
    dry(cli, path, "--trust-owner", env=sudo).check()
    assert dry(cli, path, "--trust-owner", env={"SUDO_UID": str(USER + 1)}).status != 0
    result = dry(cli, path, "--trust-owner")
    assert result.status != 0 and "SUDO_UID" in result.stderr, str(result)
    # Another group of his is not his alone.
    os.chown(place / "web.env", USER, USER + 5)
    result = dry(cli, path, "--trust-owner", env=sudo)
    assert result.status != 0 and "web.env" in result.stderr, str(result)


def test_environment_and_credentials_of_ones_own(cli, machine_file, workspace):
    """What a start reads later is judged by the same rule."""
    for name in ("env", "key"):
        (workspace / name).write_text("A=own\n")
        os.chown(workspace / name, USER, USER)
    path = machine_file(command=["sh", "-c", "echo $A; cat $CREDENTIALS_DIRECTORY/key"],
                        environment_files=[str(workspace / "env")],
                        credentials=({"name": "key", "path": str(workspace / "key")},))
    assert cli("run", path).status != 0
    result = cli("run", "--trust-owner", path, env={"SUDO_UID": str(USER)}).check()
    assert result.stdout == "own\nA=own\n"


def test_a_network_of_others(cli, machine_file):
    path = machine_file(command=["true"], network={"name": "lan"})
    network = path.parent / "lan.network"
    network.write_text('subnet = "10.77.0.0/24";\n')
    os.chown(network, USER, 0)
    result = cli("run", path)
    assert result.status != 0 and str(network) in result.stderr, str(result)
    assert "chown -h root:root" in result.stderr
    result = cli("check", network).check()
    assert str(network) in result.stderr


def test_standard_input_is_what_the_caller_gave(cli, place):
    text = (place / "web.machine").read_text().replace('"base.part"', f'"{place}/base.part"')
    cli("run", "--dry-run", "-", input=text, cwd=place).check()
    os.chown(place / "base.part", USER, 0)
    assert cli("run", "--dry-run", "-", input=text, cwd=place).status != 0


def test_check_reports(cli, place):
    """A warning for each, an error with --strict."""
    path = place / "web.machine"
    cli("check", "--strict", path).check()
    for name in ("web.machine.d/10.machine", "base.part", "web.env", "web.key", "web.json"):
        os.chown(place / name, USER, 0)
    result = cli("check", path).check()
    for name in ("web.machine.d/10.machine", "base.part", "web.env", "web.key", "web.json"):
        assert str(place / name) in result.stderr, str(result)
    cli("check", "--strict", path).check(65)


def test_check_of_ones_own_without_privileges(cli, place):
    """A user gets no warning about their own files, but about those of others."""
    binary = shutil.copy(cli.binary, place.parent / "machinectl-lite")

    def check():
        return subprocess.run([binary, "check", "--strict", place / "web.machine"], user=USER,
                              group=USER, extra_groups=[], stderr=subprocess.PIPE, check=False)

    for name in [*FILES, "root"]:
        os.chown(place / name, USER, USER)
    done = check()
    assert done.returncode == 0, done.stderr
    os.chown(place / "base.part", USER + 1, 0)
    done = check()
    assert done.returncode == 65 and b"base.part" in done.stderr
