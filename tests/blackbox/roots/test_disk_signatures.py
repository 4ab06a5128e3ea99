# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signatures of the root hashes of disk images, blocks that were changed, and what the kernel is to
do about them."""

import base64
import contextlib
import json
import os
import shutil
from pathlib import Path

import disks
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "loop", "program:veritysetup", "program:openssl")

mapper = pytest.mark.needs("device-mapper")
DIRECTORY = Path("/etc/verity.d")


@pytest.fixture
def maker(closed, busybox_root):
    """Makes images in a directory that only root may enter."""
    return disks.Maker(closed, busybox_root)


@pytest.fixture
def certificates():
    """The host's directory of certificates, empty."""
    kept = DIRECTORY.with_name("verity.d.kept")
    if DIRECTORY.exists():
        DIRECTORY.rename(kept)
    DIRECTORY.mkdir(mode=0o755)
    yield DIRECTORY
    shutil.rmtree(DIRECTORY)
    if kept.exists():
        kept.rename(DIRECTORY)


class Signer:
    """A key with a certificate."""

    def __init__(self, directory, name):
        self.key, self.certificate = directory / f"{name}.key", directory / f"{name}.crt"
        disks.call("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout",
                   self.key, "-out", self.certificate)

    def sign(self, text, path):
        """Writes the signature of a text: PKCS#7, detached."""
        disks.call("openssl", "smime", "-sign", "-binary", "-noattr", "-nocerts", "-signer",
                   self.certificate, "-inkey", self.key, "-outform", "DER", "-out", path,
                   input=text.encode())
        return path


@pytest.fixture
def signer(closed):
    """Somebody who signs."""
    return Signer(closed, "signer")


def run(cli, machine_file, image, **keys):
    """Runs a command in a machine from an image."""
    return cli("run", machine_file(rootfs=image, command=["cat", "/etc/made-by"], **keys))


@contextlib.contextmanager
def started(cli, image, **keys):
    """A machine in the background; its name."""
    name = f"disk-signed-{os.getpid()}"
    (cli.config / f"{name}.machine").write_text(harness.definition(
        rootfs=image, network={"mode": "none"}, **{"command": ["sleep", "1000"], **keys}),
        encoding="utf-8")
    cli("start", name).check()
    try:
        yield name
    finally:
        cli("stop", "--now", name)


@mapper
def test_signature(cli, machine_file, maker, signer, certificates, closed, host_state):
    """A signature is compared with the certificates; `status` says who has checked it."""
    image = maker.file_system("erofs")
    _, right = maker.verity(image)
    path = signer.sign(right, closed / "web.p7s")
    keys = {"verity": {"root_hash": right, "signature": str(path)}}
    shutil.copy(Signer(closed, "another").certificate, certificates / "a.crt")
    (certificates / "b.crt").write_text("no certificate\n", encoding="ascii")
    shutil.copy(signer.certificate, certificates / "c.crt")
    with host_state.unchanged(ignore=("files",)):
        run(cli, machine_file, image, **keys).check()
        with started(cli, image, **keys) as name:
            text = cli("status", name).check().stdout
            assert (f"{image}: root hash {right}, signature checked by certificate "
                    f"{certificates}/c.crt") in text, text
            record = json.loads(cli("show", name).check().stdout)
            assert "c.crt" in record["verified"][0]
    (certificates / "c.crt").unlink()
    error = run(cli, machine_file, image, **keys).check(125).stderr
    for part in (right, str(image), str(path), "none of the 2 certificates in /etc/verity.d",
                 "the kernel does not accept it", "hint:", ".crt"):
        assert part in error, error


@mapper
def test_no_certificates(cli, machine_file, maker, signer, certificates, closed):
    """A signature that the definition names has to be checked; one that comes with the image only
    where somebody is trusted, or verity.required is set."""
    image = maker.file_system("erofs")
    _, right = maker.verity(image)
    path = signer.sign(right, closed / "web.p7s")
    error = run(cli, machine_file, image, verity={"signature": str(path)}).check(125).stderr
    assert "there is no certificate in /etc/verity.d" in error, error
    shutil.copy(path, f"{image}.roothash.p7s")
    run(cli, machine_file, image).check()
    with started(cli, image) as name:
        assert "signature not checked" in cli("status", name).check().stdout
    assert "is not trusted" in run(cli, machine_file, image,
                                   verity={"required": True}).check(125).stderr
    shutil.copy(Signer(closed, "another").certificate, certificates / "a.crt")
    assert "is not trusted" in run(cli, machine_file, image).check(125).stderr
    shutil.copy(signer.certificate, certificates / "signer.crt")
    run(cli, machine_file, image, verity={"required": True}).check()


@mapper
@pytest.mark.parametrize("what", ["another hash", "bytes", "flipped"])
def test_wrong_signature(cli, machine_file, maker, signer, certificates, closed, what):
    """It is of another hash, no signature at all, or changed."""
    image = maker.file_system("erofs")
    _, right = maker.verity(image)
    shutil.copy(signer.certificate, certificates / "signer.crt")
    path = signer.sign("ab" * 32 if what == "another hash" else right, closed / "web.p7s")
    if what == "bytes":
        path.write_bytes(b"no signature")
    elif what == "flipped":
        text = bytearray(path.read_bytes())
        text[-5] ^= 0xFF
        path.write_bytes(text)
    error = run(cli, machine_file, image, verity={"signature": str(path)}).check(125).stderr
    assert "none of the 1 certificate in /etc/verity.d is the signer's" in error, error


@mapper
def test_signature_partition(cli, machine_file, maker, signer, certificates, closed):
    """The hash and its signature are in a partition; the trust is the signer's, so that a file system
    of anybody's is mounted."""
    content = maker.file_system("ext4")
    tree, right = maker.verity(content, write_hash=False)
    signature = signer.sign(right, closed / "web.p7s").read_bytes()
    text = json.dumps({"rootHash": right, "certificateFingerprint": "00" * 32,
                       "signature": base64.b64encode(signature).decode()})
    image = maker.table("signed.raw", [
        ("root", content, {"uuid": disks.uuid(right[:32])}),
        ("root-verity", tree, {"uuid": disks.uuid(right[32:])}),
        ("root-verity-sig", maker.bytes("json", text.encode())),
    ])
    image.chmod(0o666)
    assert "others than root" in run(cli, machine_file, image).check(125).stderr
    shutil.copy(signer.certificate, certificates / "signer.crt")
    run(cli, machine_file, image).check()
    with started(cli, image) as name:
        assert f"checked by certificate {certificates}/signer.crt" in cli(
            "status", name).check().stdout


DAMAGED = {
    "empty": "",
    "no JSON": "{",
    "no hash": json.dumps({"signature": "AAAA"}),
    "short hash": json.dumps({"rootHash": "ab"}),
    "no base64": json.dumps({"rootHash": "ab" * 32, "signature": "A*AA"}),
    "a number": json.dumps({"rootHash": "ab" * 32, "signature": 5}),
    "large": json.dumps({"rootHash": "ab" * 32, "signature": "A" * 80000}),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_partition(cli, machine_file, maker, what):
    """A signature partition that says nothing: `check` and the start name it."""
    image = maker.table("signed.raw", [
        ("root", maker.file_system("erofs")),
        ("root-verity-sig", maker.bytes("json", DAMAGED[what].encode() + b"\0" * 4096)),
    ])
    path = machine_file(rootfs=image, command=["true"])
    for result in (cli("run", path).check(125), cli("check", path).check(65)):
        assert (f'partition 2 (root-verity-sig) of the image "{image}" is damaged'
                in result.stderr + result.stdout), result


def test_missing_signature(cli, machine_file, maker, closed, busybox_root):
    """A file that is not there, a signature without a hash, a directory."""
    image = maker.file_system("erofs")
    absent = str(closed / "absent.p7s")
    path = machine_file(rootfs=image, command=["true"],
                        verity={"root_hash": "ab" * 32, "signature": absent})
    for result in (cli("run", path).check(125), cli("check", path).check(65)):
        assert f'cannot read the signature of the root hash, "{absent}"' in result.stderr, result
    path = machine_file(rootfs=image, command=["true"], verity={"signature": absent})
    for result in (cli("run", path).check(125), cli("check", path).check(65)):
        assert "has no root hash" in result.stderr and "verity.signature" in result.stderr, result
    path = machine_file(rootfs=busybox_root, command=["true"], verity={"signature": absent})
    assert "is a directory" in cli("run", path).check(125).stderr


# ---- Blocks that were changed ----


def damage(image, word):
    """Changes the block of an image that contains a word; its number."""
    offset = image.read_bytes().index(word)
    with open(image, "r+b") as file:
        file.seek(offset)
        file.write(b"X")
    return offset // 4096


def log_of(cli, name):
    """The log of a machine."""
    return cli("logs", name).stdout


@mapper
@pytest.mark.parametrize("checked", [False, True])
def test_changed_block(cli, maker, checked):
    """The read fails; log, status and health name the image, the block and the machine. A machine of
    the same image that starts later is told as well."""
    image = maker.file_system("erofs", {"large": "q" * 200000 + "MARK" + "q" * 200000})
    maker.verity(image)
    block = damage(image, b"MARK")
    keys = {"health": {"command": ["true"], "interval": "1s"}} if checked else {}
    with started(cli, image, **keys) as name:
        assert cli("status", name).status == 0
        error = cli("exec", name, "cat", "/large")
        assert error.status != 0 and "Input/output error" in error.stderr, error
        text = f'data block {block} of the image "{image}" of machine "{name}" was changed'
        harness.wait_for(lambda: text in log_of(cli, name), 20, "the line in the log")
        status = cli("status", name)
        assert status.status == 5 and text in status.stdout, status
        assert log_of(cli, name).count(text) == 1
        if checked:
            cli("exec", name, "sleep", "3")
            assert cli("status", name).status == 5
        other = f"{name}-other"
        (cli.config / f"{other}.machine").write_text(harness.definition(
            rootfs=image, network={"mode": "none"}, command=["sleep", "1000"]), encoding="utf-8")
        try:
            cli("start", other).check()
            text = text.replace(name, other)
            harness.wait_for(lambda: text in cli("status", other).stdout, 20, "the other's status")
        finally:
            cli("stop", "--now", other)
    assert "Health" not in cli("status", name).stdout


@mapper
@pytest.mark.parametrize("mode", ["restart", "panic"])
def test_modes(cli, maker, mode):
    """What would end the whole host is refused, unless it is asked for; the device gets it."""
    image = maker.file_system("erofs")
    maker.verity(image)
    name = f"disk-mode-{os.getpid()}"
    (cli.config / f"{name}.machine").write_text(harness.definition(
        rootfs=image, network={"mode": "none"}, command=["sleep", "1000"],
        verity={"on_corruption": mode}), encoding="utf-8")
    for verb in (["start"], ["run"]):
        error = cli(*verb, name).check(125 if verb == ["run"] else 1).stderr
        assert f'machine "{name}" is not started' in error and "--force" in error, error
    assert not disks.mapped()
    cli("start", "--force", name).check()
    try:
        assert disks.mapped()[0].endswith(f"-{mode}")
        assert f"{mode}_on_corruption" in disks.call("dmsetup", "table", disks.mapped()[0])
    finally:
        cli("stop", "--now", name)


def test_mode_words(cli, machine_file, maker):
    """Another word is an error of the definition."""
    path = machine_file(rootfs=maker.file_system("erofs"), command=["true"],
                        verity={"on_corruption": "ignore"})
    assert "io-error" in cli("check", path).check(65).stderr
