# SPDX-License-Identifier: LGPL-2.1-or-later
"""Credentials whose files are encrypted, with systemd-creds and age."""

import json
import shlex
import subprocess

import images
import pytest
import registries

pytestmark = pytest.mark.needs("root")
SECRET = "swordfish-42"


def define(cli, root, name="web", **credential):
    """A machine that prints its credential."""
    images.define(cli, name, overlay=[root], upper="volatile",
                  credentials=[{"name": "password", **credential}],
                  command=["/bin/sh", "-c", "cat $CREDENTIALS_DIRECTORY/password"])


@pytest.fixture
def age(workspace):
    """An identity in /etc, and age() that encrypts for it."""
    identity = workspace / "etc/machinectl-lite/age.key"
    identity.parent.mkdir(parents=True)
    made = subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True,
                          text=True).stderr
    recipient = made.split("Public key: ")[1].strip()

    def encrypt(text, to=recipient):
        path = workspace / "password.age"
        path.write_bytes(subprocess.run(["age", "-r", to], input=text.encode(), check=True,
                                        capture_output=True).stdout)
        return path

    encrypt.identity = identity
    encrypt.wrapper = registries.with_etc(workspace / "etc")
    return encrypt


@pytest.mark.needs("program:age", "program:age-keygen")
def test_age(cli, age, busybox_root):
    """The machine reads the plain text, which is nowhere else."""
    define(cli, busybox_root, path=age(SECRET), decrypt="age")
    assert cli("run", "web", wrapper=age.wrapper).check().stdout == SECRET
    for verb in (("config", "show", "web"), ("show", "web"), ("check", cli.config)):
        said = cli(*verb, wrapper=age.wrapper)
        assert SECRET not in said.stdout + said.stderr
    found = subprocess.run(["grep", "-rl", SECRET, cli.directory, "--exclude-dir=rootfs"],
                           capture_output=True, text=True, check=False).stdout
    assert found == ""


@pytest.mark.needs("program:age", "program:age-keygen")
def test_age_failures(cli, age, workspace, busybox_root):
    """Another recipient, an identity that others can read, none at all, and a file in plain text."""
    path = age(SECRET)
    define(cli, busybox_root, path=path, decrypt="age")
    said = cli("run", "web").check(125).stderr
    assert 'the credential "password"' in said and "age-keygen" in said
    age.identity.chmod(0o644)
    assert "others can read the identity" in cli("run", "web", wrapper=age.wrapper).check(
        125).stderr
    age.identity.chmod(0o600)
    path.write_text(SECRET, encoding="utf-8")
    said = cli("run", "web", wrapper=age.wrapper).check(125).stderr
    assert "age failed with status 1" in said and SECRET not in said
    other = subprocess.run(["age-keygen", "-o", workspace / "other.key"], check=True,
                           capture_output=True, text=True).stderr.split(": ")[1].strip()
    age(SECRET, to=other)
    said = cli("run", "web", wrapper=age.wrapper).check(125).stderr
    assert "no identity matched" in said and SECRET not in said


@pytest.mark.needs("program:systemd-creds")
def test_systemd(cli, workspace, busybox_root):
    """With the key of the host, and bound to the name of the credential."""
    path = workspace / "password.cred"
    define(cli, busybox_root, path=path, decrypt="systemd")
    define(cli, busybox_root, name="other", path=path, decrypt="systemd")
    other = cli.config / "other.machine"
    other.write_text(other.read_text().replace('"password"', '"another"'))
    machine = shlex.join(cli.command("run", "web"))
    script = (f"mount -t tmpfs tmpfs /var/lib/systemd && "
              f"printf %s {SECRET} | systemd-creds encrypt --with-key=host --name=password - "
              f"{path} && {machine} && exec {shlex.join(cli.command('run', 'other'))}")
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                          env=cli.environment, capture_output=True, text=True, check=False,
                          timeout=60)
    if "machine ID" in done.stderr or "Failed to determine local credential" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == SECRET, done
    assert done.returncode == 125 and 'the credential "another"' in done.stderr
    assert SECRET not in done.stderr


def test_only_files_are_decrypted(cli, busybox_root):
    """A value in the definition would be no secret."""
    images.define(cli, "web", overlay=[busybox_root], command=["/bin/true"],
                  credentials=[{"name": "x", "value": "y", "decrypt": "age"}])
    assert "only a file can be decrypted" in cli("check", cli.config / "web.machine").check(
        65).stderr


def test_a_missing_program_is_named(cli, workspace, busybox_root):
    """systemd-creds is not installed."""
    path = workspace / "secret"
    path.write_text("x", encoding="utf-8")
    define(cli, busybox_root, path=path, decrypt="systemd")
    empty = workspace / "empty"
    empty.mkdir()
    said = cli("run", "web", env={"PATH": str(empty)}).check(125).stderr
    assert "systemd-creds cannot be run" in said


def test_the_definition_shows_how(cli, busybox_root, workspace):
    """config show keeps the path and the way, and the schema knows both."""
    define(cli, busybox_root, path=workspace / "secret", decrypt="age")
    shown = cli("config", "show", "web").check().stdout
    assert 'decrypt = "age"' in shown
    schema = json.loads(cli("schema").check().stdout)
    assert "decrypt" in json.dumps(schema)
