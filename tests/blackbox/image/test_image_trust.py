# SPDX-License-Identifier: LGPL-2.1-or-later
"""The signature policy of the host: each verdict is compared with that of skopeo, which reads the
same files and the same registry."""

import base64
import http.server
import json
import os
import shutil
import subprocess
from pathlib import Path

import fleets
import harness
import images
import pytest
import registries
from images import Image, layer, member

pytestmark = [pytest.mark.needs("root", "program:openssl", "program:skopeo", "program:gpg",
                                "program:gpgv")]

ANYTHING = {"type": "insecureAcceptAnything"}
REJECT = {"type": "reject"}


def run(*command, **options):
    """Runs a program and returns its output."""
    return subprocess.run(list(map(str, command)), check=True, capture_output=True,
                          **options).stdout


class Signer:
    """A registry with one image under several names; keys; and their signatures."""

    def __init__(self, place, registry):
        self.place, self.registry, self.host = place, registry, registry.host
        self.gnupg = place / "gnupg"
        self.gnupg.mkdir(mode=0o700)
        self.store = place / "store"
        for name in ("alice", "mallory", "late"):
            self.gpg("--quick-gen-key", f"{name}@example.org", "ed25519", "sign", "never")
            self.export(name, f"{name}.gpg")
            self.export(name, f"{name}.asc", "--armor")
        for name in ("cosign", "other"):
            run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                place / f"{name}.key")
            run("openssl", "ec", "-in", place / f"{name}.key", "-pubout", "-out",
                place / f"{name}.pub")
        self.image = Image(layer(member("hello", b"hello\n")))
        self.image.write_layout(place / "layout")
        (place / "manifest").write_bytes(self.image.manifest)

    def configure(self, home):
        """registries.d of a home directory."""
        (home / ".config/containers/registries.d").mkdir(parents=True, exist_ok=True)
        (home / ".config/containers/registries.d/test.yaml").write_text(
            f"docker:\n  {self.host}:\n    lookaside: file://{self.store}\n"
            "    use-sigstore-attachments: true\n", encoding="utf-8")

    def gpg(self, *arguments):
        """gpg(1) with the keys of the test."""
        return run("gpg", "--homedir", self.gnupg, "--batch", "--pinentry-mode", "loopback",
                   "--passphrase", "", *arguments)

    def fingerprint(self, name):
        """The fingerprint of a key."""
        return self.gpg("--list-keys", "--with-colons",
                        f"{name}@example.org").decode().split("fpr:::::::::")[1].split(":")[0]

    def export(self, name, file, *options):
        """Writes a public key to a file."""
        (self.place / file).write_bytes(self.gpg(*options, "--export", f"{name}@example.org"))

    def add(self, name):
        """Adds the image under a name that nobody else has; returns it in full."""
        repository, _, tag = name.partition(":")
        return self.registry.add(repository, tag, self.image)

    def sign(self, name, key, identity=None):
        """Adds the image, and signs it with OpenPGP."""
        reference = self.add(name)
        place = self.store / self.lookaside(name.partition(":")[0])
        place.mkdir(parents=True, exist_ok=True)
        run("skopeo", "standalone-sign", self.place / "manifest", identity or reference,
            self.fingerprint(key), "--output",
            place / f"signature-{len(list(place.iterdir())) + 1}",
            env={**os.environ, "GNUPGHOME": str(self.gnupg)})

    def lookaside(self, repository):
        """The directory of signatures in the store."""
        return f"{repository}@{self.image.digest.replace(':', '=')}"

    def attach(self, name, key="cosign", identity=None, digest=None, **critical):
        """Adds the image, and signs it with sigstore's format."""
        reference = self.add(name)
        payload = json.dumps({"critical": {
            "type": "cosign container image signature",
            "image": {"docker-manifest-digest": digest or self.image.digest},
            "identity": {"docker-reference": identity or reference}, **critical},
            "optional": None}).encode()
        signature = run("openssl", "dgst", "-sha256", "-sign", self.place / f"{key}.key",
                        input=payload)
        signed = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                  "digest": images.digest(payload), "size": len(payload),
                  "annotations": {"dev.cosignproject.cosign/signature":
                                  base64.b64encode(signature).decode()}}
        attached = Image(manifest={"layers": [signed]})
        attached.blobs[signed["digest"]] = payload
        self.registry.add(name.partition(":")[0],
                          self.image.digest.replace(":", "-") + ".sig", attached)


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """Signed and unsigned images of one registry."""
    place = tmp_path_factory.mktemp("signer")
    with images.registry() as registry:
        made = Signer(place, registry)
        made.add("plain:1")
        made.sign("simple:1", "alice")
        made.sign("foreign:1", "mallory")
        made.sign("named:1", "alice", f"{registry.host}/elsewhere/simple:1")
        made.sign("late:1", "late")
        made.gpg("--quick-set-expire", made.fingerprint("late"), "seconds=1")
        made.export("late", "expired.gpg")
        made.attach("cosign:1")
        made.attach("cosign-other:1", key="other")
        made.attach("repo:1", identity=f"{registry.host}/repo")
        made.attach("wrong:1", digest=images.digest(b"other"))
        made.attach("type:1", type="atomic container signature")
        made.attach("more:1", unknown=1)
        yield made
        run("gpgconf", "--homedir", made.gnupg, "--kill", "all")


@pytest.fixture
def home(cli, workspace, signer):
    """A home directory with the configuration of Podman."""
    place = workspace / "home"
    place.mkdir()
    signer.configure(place)
    cli.environment["HOME"] = str(place)
    return place


def write_policy(home, policy):
    """policy.json; a list is the policy for all images."""
    (home / ".config/containers").mkdir(parents=True, exist_ok=True)
    whole = {"default": policy} if isinstance(policy, list) else policy
    text = whole if isinstance(whole, str) else json.dumps(whole)
    (home / ".config/containers/policy.json").write_text(text, encoding="utf-8")


def skopeo_accepts(home, source, workspace):
    """skopeo's verdict, or None if Debian has built it without sigstore."""
    target = workspace / "copy"
    done = subprocess.run(["skopeo", "copy", "--src-tls-verify=false", source, f"dir:{target}"],
                          env={**os.environ, "HOME": str(home)}, capture_output=True, text=True,
                          check=False, timeout=60)
    shutil.rmtree(target, ignore_errors=True)
    return None if "sigstore disabled" in done.stderr else done.returncode == 0


def verdict(cli, home, workspace, reference):
    """Pulls an image: None if it was accepted, else the error. skopeo agrees."""
    pulled = cli("pull", "--insecure", reference)
    accepted = pulled.status == 0
    judged = skopeo_accepts(home, f"docker://{reference}", workspace)
    assert judged in (accepted, None), pulled
    if not accepted:
        assert not list(Path(cli.state, "layers").glob("sha256*"))
    return None if accepted else pulled.stderr


def signed_by(signer, key="alice.gpg", **keys):
    """The requirement of an OpenPGP signature."""
    return {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(signer.place / key), **keys}


def sigstore(signer, key="cosign.pub", **keys):
    """The requirement of a signature of sigstore."""
    return {"type": "sigstoreSigned", "keyPath": str(signer.place / key), **keys}


def test_accept_and_reject(cli, home, workspace, signer):
    """The most specific scope decides alone."""
    image = f"{signer.host}/plain:1"
    policies = [
        ([ANYTHING], True),
        ([REJECT], False),
        ([ANYTHING, REJECT], False),
        ({"default": [REJECT], "transports": {"docker": {"": [ANYTHING]}}}, True),
        ({"default": [REJECT], "transports": {"docker": {signer.host: [ANYTHING]}}}, True),
        ({"default": [REJECT], "transports": {"docker": {image: [ANYTHING]}}}, True),
        ({"default": [ANYTHING], "transports": {"docker": {
            signer.host: [ANYTHING], f"{signer.host}/plain": [REJECT]}}}, False),
        ({"default": [ANYTHING], "transports": {"docker": {"*.0.0.1": [REJECT]}}}, False),
        ({"default": [ANYTHING], "transports": {"docker": {"*.1": [REJECT]}}}, False),
        ({"default": [ANYTHING], "transports": {"docker": {f"{signer.host}/pla": [REJECT]}}}, True),
        ({"default": [ANYTHING], "transports": {"oci": {"": [REJECT]}}}, True),
    ]
    for policy, accepted in policies:
        write_policy(home, policy)
        said = verdict(cli, home, workspace, image)
        assert (said is None) == accepted, (policy, said)
        if accepted:
            cli("remove-image", image).check()
        else:
            assert "the signature policy does not accept the image" in said
            assert str(home / ".config/containers/policy.json") in said


@pytest.mark.parametrize("policy", [
    "", "[]", "{}", '{"default": []}', '{"default": [{}]}', '{"default": [{"type": "unknown"}]}',
    '{"default": [{"type": "reject", "more": 1}]}',
    '{"default": [{"type": "insecureAcceptAnything"}], "other": 1}',
    '{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "reject"}]}',
    '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"atomic": {"": []}}}',
    '{"default": [{"type": "signedBy", "keyType": "GPGKeys"}]}',
    '{"default": [{"type": "signedBy", "keyType": "other", "keyPath": "/k"}]}',
    '{"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k", "keyData": "eA=="}]}',
    '{"default": [{"type": "sigstoreSigned", "keyPath": "/k",'
    ' "signedIdentity": {"type": "matchAll"}}]}',
    '{"default": [{"type": "sigstoreSigned", "keyPath": "/k",'
    ' "signedIdentity": {"type": "exactReference", "dockerReference": "busybox"}}]}',
])
def test_a_wrong_policy_is_an_error(cli, home, workspace, signer, policy):
    """Wherever in the file the error is."""
    write_policy(home, policy)
    said = verdict(cli, home, workspace, f"{signer.host}/plain:1")
    assert "policy.json" in said
    layout = f"oci:{signer.place}/layout"
    assert not skopeo_accepts(home, layout, workspace)
    assert "policy.json" in cli("load", "--name=x", signer.place / "layout").check(1).stderr


def test_simple_signing(cli, home, workspace, signer):
    """Signatures of the lookaside store, by the right key and for the right name."""
    data = base64.b64encode((signer.place / "alice.gpg").read_bytes()).decode()
    cases = [
        ("simple:1", signed_by(signer), True),
        ("simple:1", signed_by(signer, "alice.asc"), True),
        ("simple:1", signed_by(signer, "mallory.gpg"), False),
        ("foreign:1", signed_by(signer), False),
        ("plain:1", signed_by(signer), False),
        ("simple:1", {"type": "signedBy", "keyType": "GPGKeys", "keyData": data}, True),
        ("named:1", signed_by(signer), False),
        ("named:1", signed_by(signer, signedIdentity={
            "type": "exactReference",
            "dockerReference": f"{signer.host}/elsewhere/simple:1"}), True),
        ("named:1", signed_by(signer, signedIdentity={
            "type": "exactRepository", "dockerRepository": f"{signer.host}/elsewhere/simple"}),
         True),
        ("named:1", signed_by(signer, signedIdentity={
            "type": "remapIdentity", "prefix": f"{signer.host}/named",
            "signedPrefix": f"{signer.host}/elsewhere/simple"}), True),
        ("named:1", signed_by(signer, signedIdentity={
            "type": "remapIdentity", "prefix": f"{signer.host}/nam",
            "signedPrefix": f"{signer.host}/elsewhere/simple"}), False),
        ("named:1", signed_by(signer, signedIdentity={"type": "matchRepository"}), False),
        ("simple:1", signed_by(signer, signedIdentity={"type": "matchExact"}), True),
        ("late:1", signed_by(signer, "late.gpg"), True),
        ("late:1", signed_by(signer, "expired.gpg"), False),
    ]
    for name, requirement, expected in cases:
        write_policy(home, {"default": [REJECT],
                            "transports": {"docker": {signer.host: [requirement]}}})
        said = verdict(cli, home, workspace, f"{signer.host}/{name}")
        assert (said is None) == expected, (name, requirement, said)
        if expected:
            cli("remove-image", f"{signer.host}/{name}").check()


def test_several_keys_and_requirements(cli, home, workspace, signer):
    """keyPaths accepts any of its keys; of several requirements, each must hold. skopeo of Debian
    12 does not know keyPaths, so only ours is asked."""
    both = {"type": "signedBy", "keyType": "GPGKeys",
            "keyPaths": [str(signer.place / "mallory.asc"), str(signer.place / "alice.gpg")]}
    image = f"{signer.host}/simple:1"
    write_policy(home, [both])
    cli("pull", "--insecure", image).check()
    write_policy(home, [both, sigstore(signer)])
    assert "there is none" in cli("pull", "--insecure", image).check(1).stderr


def test_by_digest(cli, home, workspace, signer):
    """A signature for a tag holds for the digest, unless exactly that name must be signed."""
    image = f"{signer.host}/simple@{signer.image.digest}"
    write_policy(home, [signed_by(signer)])
    assert verdict(cli, home, workspace, image) is None
    cli("remove-image", image).check()
    write_policy(home, [signed_by(signer, signedIdentity={"type": "matchExact"})])
    assert verdict(cli, home, workspace, image)


@pytest.mark.parametrize("damage", ["cut", "bytes", "text", "armor", "sigstore", "empty"])
def test_damaged_signatures(cli, home, workspace, signer, damage):
    """None of them is accepted. The intact one behind a damaged one is, but not behind
    something else."""
    place = signer.store / signer.lookaside("simple")
    kept = (place / "signature-1").read_bytes()
    broken = {"cut": kept[:len(kept) // 2], "bytes": kept[:60] + b"\0\0\0\0" + kept[64:],
              "text": b"not a signature\n", "armor": base64.b64encode(kept),
              "sigstore": b"\0sigstore-json\n{}", "empty": b""}[damage]
    image = f"{signer.host}/simple:1"
    write_policy(home, [signed_by(signer)])
    try:
        (place / "signature-1").write_bytes(broken)
        assert verdict(cli, home, workspace, image)
        (place / "signature-2").write_bytes(kept)
        accepted = verdict(cli, home, workspace, image) is None
        assert accepted == (damage in ("cut", "bytes", "sigstore"))
    finally:
        (place / "signature-1").write_bytes(kept)
        (place / "signature-2").unlink(missing_ok=True)


def test_sigstore(cli, home, workspace, signer):
    """Attachments in the registry, by the right key, for the right name and digest."""
    same = {"type": "matchRepository"}
    cases = [
        ("cosign:1", sigstore(signer), True),
        ("cosign:1", sigstore(signer, "other.pub"), False),
        ("cosign-other:1", sigstore(signer), False),
        ("plain:1", sigstore(signer), False),
        ("repo:1", sigstore(signer), False),
        ("repo:1", sigstore(signer, signedIdentity=same), True),
        ("wrong:1", sigstore(signer), False),
        ("type:1", sigstore(signer), False),
        ("more:1", sigstore(signer), False),
        ("simple:1", sigstore(signer), False),
        ("cosign:1", signed_by(signer), False),
        ("cosign:1", sigstore(signer, "alice.asc"), False),
        ("cosign:1", sigstore(signer, "missing.pub"), False),
    ]
    for name, requirement, expected in cases:
        write_policy(home, [requirement])
        said = verdict(cli, home, workspace, f"{signer.host}/{name}")
        assert (said is None) == expected, (name, requirement, said)
        if expected:
            cli("remove-image", f"{signer.host}/{name}").check()
    (home / ".config/containers/registries.d/test.yaml").unlink()
    write_policy(home, [sigstore(signer)])
    assert verdict(cli, home, workspace, f"{signer.host}/cosign:1")


@pytest.mark.parametrize("requirement", [
    {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchRepository"}},
    {"type": "signedBy", "keyType": "X509Certificates", "keyPath": "/dev/null"},
    {"type": "sigstoreSigned", "keyPath": "cosign.pub", "rekorPublicKeyPath": "/dev/null"},
    {"type": "sigstoreSigned", "fulcio": {"caPath": "/x"}, "rekorPublicKeyPath": "/dev/null"},
    {"type": "sigstoreSigned", "pki": {"caRootsPath": "/x"}},
])
def test_what_is_not_supported_is_an_error(cli, home, signer, requirement):
    """It is named; elsewhere in the policy it does no harm."""
    image = f"{signer.host}/cosign:1"
    write_policy(home, [requirement])
    assert "which is not supported" in cli("pull", "--insecure", image).check(1).stderr
    write_policy(home, {"default": [requirement],
                        "transports": {"docker": {signer.host: [ANYTHING]}}})
    cli("pull", "--insecure", image).check()


def test_archives(cli, home, workspace, signer):
    """load obeys the policy of the archive's format and place."""
    layout = signer.place / "layout"
    for policy, accepted in [
            ([REJECT], False),
            ([signed_by(signer)], False),
            ({"default": [REJECT], "transports": {"oci": {"": [ANYTHING]}}}, True),
            ({"default": [REJECT], "transports": {"oci": {str(signer.place): [ANYTHING]}}}, True),
            ({"default": [ANYTHING], "transports": {"oci": {str(layout): [REJECT]}}}, False),
            ({"default": [REJECT], "transports": {"docker": {"": [ANYTHING]}}}, False)]:
        write_policy(home, policy)
        loaded = cli("load", "--name=x", layout)
        assert skopeo_accepts(home, f"oci:{layout}", workspace) == accepted
        assert (loaded.status == 0) == accepted, loaded
    archive = workspace / "root.tar"
    archive.write_bytes(layer(member("f", b"f")))
    write_policy(home, {"default": [REJECT], "transports": {"tarball": {"": [ANYTHING]}}})
    cli("load", "--name=x", archive).check()


def test_lookaside_over_http(cli, home, workspace, signer):
    """A store of signatures on a web server; one that does not answer is an error."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        """Serves the store."""

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(signer.store))

        def log_message(self, format, *arguments):
            """Keeps the test output quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    configuration = home / ".config/containers/registries.d/test.yaml"
    configuration.write_text(f"default-docker: {{sigstore: '{address}'}}\n", encoding="utf-8")
    write_policy(home, [signed_by(signer)])
    with harness.serving(server):
        assert verdict(cli, home, workspace, f"{signer.host}/simple:1") is None
        assert verdict(cli, home, workspace, f"{signer.host}/simple:1") is None
        cli("remove-image", f"{signer.host}/simple:1").check()
        assert "there is none" in verdict(cli, home, workspace, f"{signer.host}/plain:1")
    assert "cannot fetch a signature" in verdict(cli, home, workspace, f"{signer.host}/simple:1")


@pytest.mark.parametrize("text", [
    "docker: [1]", "docker: {x: {lookaside: [1]}}", "docker: {x: {use-sigstore-attachments: 7}}",
    "default-docker: {}\ndefault-docker: {}", "\tno yaml: {",
])
def test_a_wrong_configuration_of_signatures(cli, home, signer, text):
    """registries.d that is not valid is an error when signatures are needed."""
    (home / ".config/containers/registries.d/wrong.yaml").write_text(text, encoding="utf-8")
    write_policy(home, [signed_by(signer)])
    said = cli("pull", "--insecure", f"{signer.host}/simple:1").check(1).stderr
    assert "wrong.yaml" in said


def test_a_policy_that_others_can_change(cli, home, signer):
    """Root does not obey it, nor a key that others can replace."""
    write_policy(home, [ANYTHING])
    policy = home / ".config/containers/policy.json"
    policy.chmod(0o666)
    said = cli("pull", "--insecure", f"{signer.host}/plain:1").check(1).stderr
    assert str(policy) in said
    policy.chmod(0o644)
    key = home / "key.gpg"
    shutil.copy(signer.place / "alice.gpg", key)
    os.chown(key, 1234, 1234)
    write_policy(home, [{**signed_by(signer), "keyPath": str(key)}])
    assert str(key) in cli("pull", "--insecure", f"{signer.host}/simple:1").check(1).stderr


def test_the_policy_of_the_host(cli, workspace, signer):
    """/etc/containers/policy.json, which start obeys as well."""
    place = workspace / "etc/containers"
    place.mkdir(parents=True)
    (place / "policy.json").write_text(json.dumps({"default": [REJECT]}), encoding="utf-8")
    cli.environment["HOME"] = str(workspace)
    wrapper = registries.with_etc(workspace / "etc")
    refused = cli("pull", "--insecure", f"{signer.host}/plain:1", wrapper=wrapper).check(1)
    assert "it rejects all images from here" in refused.stderr
    assert "/etc/containers/policy.json" in refused.stderr


def test_apply_touches_nothing_if_an_image_is_not_signed(cli, home, workspace, signer,
                                                         busybox_root):
    """The machine without an image is not started either."""
    write_policy(home, [signed_by(signer)])
    wrapper = registries.with_insecure(workspace, signer)
    fleet = fleets.Fleet(cli, workspace, busybox_root)
    try:
        fleet.define("web")
        fleet.define("db", image=f"{signer.host}/foreign:1")
        refused = fleet.apply(wrapper=wrapper).check(65)
        assert "the signature policy does not accept the image" in refused.stderr
        assert fleet.state("web") is None
        write_policy(home, [ANYTHING])
        assert "the signature policy" not in fleet.apply(wrapper=wrapper).stderr
    finally:
        fleet.finish()
