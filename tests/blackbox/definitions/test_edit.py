# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs `cat` and `edit`: definitions as files."""

import os
import stat

import pytest


@pytest.fixture
def editor(cli, workspace):
    """editor(SCRIPT) sets a shell script as the editor, with the file as $1."""

    def choose(script):
        program = workspace / "my editor"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        cli.environment["EDITOR"] = f"'{program}'"
        for name in ("VISUAL", "SYSTEMD_EDITOR"):
            cli.environment.pop(name, None)

    return choose


def copies(cli):
    return [path.name for path in cli.config.iterdir() if path.name.endswith(".edit")]


def test_cat(cli, machine_file):
    (cli.config / "base.inc").write_text('hostname = "base";')
    path = machine_file("web", text='@include "base.inc"\nrootfs = ;\n')
    (cli.config / "web.machine.d").mkdir()
    drop_in = cli.config / "web.machine.d" / "local.machine"
    drop_in.write_text("limits = { tasks = 3; };\n")
    shown = cli("cat", "web").check().stdout
    assert f'# {path}\n@include "base.inc"\nrootfs = ;\n' in shown
    assert f"\n# {drop_in}\nlimits = {{ tasks = 3; }};\n" in shown
    assert cli("cat", "absent").status == 66


def test_a_valid_edit_is_kept(cli, machine_file, editor):
    path = machine_file("web", command=["true"])
    path.chmod(0o640)
    os.chown(path, 12, 34)
    link = cli.config / "other.machine"
    link.symlink_to(path.name)
    editor('echo "description = \\"edited\\";" >>"$1"')
    cli("edit", "web").check()
    assert path.read_text().endswith('description = "edited";\n')
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, 12, 34)
    assert copies(cli) == []
    editor('sed -i s/edited/again/ "$1"')
    cli("edit", link).check()
    assert link.is_symlink() and "again" in path.read_text()


def test_an_invalid_edit_changes_nothing(cli, machine_file, editor):
    path = machine_file("web", command=["true"])
    before = path.read_text()
    editor('echo "memroy = 1;" >>"$1"')
    done = cli("edit", "web")
    assert done.status == 65
    # The error names the file that the user knows.
    assert f"{path}:" in done.stderr and 'unknown key "memroy"' in done.stderr
    assert f"{path} is unchanged" in done.stderr
    assert path.read_text() == before
    assert copies(cli) == [".web.machine.edit"]
    assert "memroy" in (cli.config / ".web.machine.edit").read_text()
    again = cli("edit", "web")
    assert again.status == 1 and "an edit was given up" in again.stderr
    # The copy is not mistaken for a definition.
    cli("check").check()


def test_an_editor_that_fails_or_changes_nothing(cli, machine_file, editor):
    path = machine_file("web", command=["true"])
    before = path.stat()
    editor("exit 3")
    done = cli("edit", "web")
    assert done.status == 1 and "the editor exited with status 3" in done.stderr
    editor("true")
    cli("edit", "web").check()
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert copies(cli) == []


def test_a_definition_with_includes_and_drop_ins_is_checked_as_a_whole(cli, machine_file, editor):
    (cli.config / "base.inc").write_text('hostname = "base";')
    machine_file("web", text='@include "base.inc"\nrootfs = "/srv"; command = [ "true" ];\n')
    (cli.config / "web.machine.d").mkdir()
    (cli.config / "web.machine.d" / "local.machine").write_text('upper = "volatile";\n')
    editor('sed -i "s,rootfs = ./srv.,overlay = [ \\"/srv\\" ]," "$1"')
    cli("edit", "web").check()
    assert "overlay" in cli("config", "show", "web").check().stdout


def test_there_must_be_a_definition(cli, editor):
    editor("true")
    done = cli("edit", "absent")
    assert done.status == 66 and "/etc/machines/absent.machine" in done.stderr
