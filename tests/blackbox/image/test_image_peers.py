# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registries, token servers, mirrors and images as found in practice, where they deviate from the
specification."""

import gzip
import hashlib
import http.server
import json
import os
import urllib.parse
from pathlib import Path

import images
import pytest
from harness import serving
from images import CONFIG, INDEX, MANIFEST, Image, directory, layer, member

pytestmark = pytest.mark.needs("root")

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


class Store(http.server.ThreadingHTTPServer):
    """A registry that accepts pushes. `patch`: blobs are uploaded in steps; `oci`: whether it
    accepts OCI's media types; `placeholder`: the scope of its challenge; `asked`: the scopes of the
    requested tokens."""

    daemon_threads = True

    def __init__(self, patch=False, oci=True, placeholder=None):
        super().__init__(("127.0.0.1", 0), StoreHandler)
        self.patch, self.oci, self.placeholder = patch, oci, placeholder
        self.uploads, self.blobs, self.manifests, self.asked, self.lines = {}, {}, {}, [], []
        self.host = f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Aborted connections are part of some tests."""


class StoreHandler(images.Handler):
    """Handles one request."""

    def body(self):
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def dispatch(self):
        """Dispatches by path."""
        server, url = self.server, urllib.parse.urlparse(self.path)
        data = self.body()
        server.lines.append((self.command, url.path))
        if url.path == "/token":
            return self.give_token(url)
        if server.placeholder and "pull,push" not in self.headers.get("Authorization", ""):
            return self.answer(401, WWW_Authenticate=f'Bearer realm="http://{server.host}/token",'
                               f'service="s",scope="{server.placeholder}"')
        if self.command == "HEAD":
            return self.answer(200 if url.path.split("/")[-1] in server.blobs else 404)
        if self.command == "POST":
            server.uploads[str(len(server.uploads))] = None
            return self.answer(202, Location=f"/upload/{len(server.uploads) - 1}?state=a")
        if "/manifests/" in url.path:
            return self.take_manifest(data)
        return self.take_blob(url, data)

    def give_token(self, url):
        """A token whose text is the scopes. Placeholders are refused."""
        scopes = urllib.parse.parse_qs(url.query).get("scope", [])
        self.server.asked.append(scopes)
        if any("user/image" in scope for scope in scopes):
            return self.answer(400)
        return self.answer(200, json.dumps({"token": " ".join(scopes)}).encode())

    def take_blob(self, url, data):
        """PATCH, then an empty PUT; or only PUT."""
        number, server = url.path.split("/")[-1], self.server
        if self.command == "PATCH" and server.patch:
            server.uploads[number] = data
            return self.answer(202, Location=f"/upload/{number}?state=b")
        if self.command == "PUT" and server.patch and (data or "state=b" not in url.query):
            return self.answer(400, b'{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}')
        wanted = urllib.parse.parse_qs(url.query)["digest"][0]
        content = server.uploads[number] if server.patch else data
        assert images.digest(content) == wanted
        server.blobs[wanted] = content
        return self.answer(201)

    def take_manifest(self, data):
        """Accepts or refuses by media type."""
        media = self.headers["Content-Type"]
        if media == MANIFEST and not self.server.oci:
            return self.answer(400, b'{"errors":[{"code":"MANIFEST_INVALID"}]}')
        assert json.loads(data)["mediaType"] == media
        self.server.manifests[self.path.split("/")[-1]] = data
        return self.answer(201)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = dispatch


@pytest.fixture
def image():
    """Two layers of moderate size."""
    return Image(layer(directory("./"), member("a", os.urandom(300_000))),
                 layer(member("b", os.urandom(200_000))))


@pytest.fixture
def server():
    """A registry."""
    with images.registry() as running:
        yield running


@pytest.mark.parametrize("patch", [False, True])
@pytest.mark.parametrize("oci", [True, False])
def test_push_to_registries_of_all_kinds(cli, image, patch, oci):
    """Blobs in one request or in steps, OCI's or Docker's media types."""
    images.load(cli, image)
    with serving(Store(patch=patch, oci=oci)) as store:
        cli("push", "--insecure", "test/app:1", f"{store.host}/a/b:1").check()
    manifest = json.loads(store.manifests["1"])
    assert manifest["mediaType"] == (MANIFEST if oci else DOCKER)
    assert {entry["digest"] for entry in [manifest["config"], *manifest["layers"]]} == set(
        store.blobs)
    assert {entry["mediaType"] for entry in manifest["layers"]} == {
        images.LAYER + "+gzip" if oci else "application/vnd.docker.image.rootfs.diff.tar.gzip"}
    # The client remembers what a registry does not support.
    refused = [line for line in store.lines if line[0] == "PUT" and "/upload/" in line[1]]
    assert len(refused) == len(store.blobs) + patch


@pytest.mark.parametrize("placeholder", ["repository:a/b:pull", "repository:user/image:pull",
                                         "repository:a/b:pull,push", "registry:catalog:*"])
def test_the_scope_of_a_push(cli, image, placeholder):
    """The first request asks for pull,push of the repository, whatever the challenge contains; if
    the token server refuses the rest, only that is requested."""
    images.load(cli, image)
    with serving(Store(placeholder=placeholder)) as store:
        cli("push", "--insecure", "test/app:1", f"{store.host}/a/b:1").check()
    assert all(scopes[0] == "repository:a/b:pull,push" for scopes in store.asked)
    assert len(store.asked) == (2 if "user/image" in placeholder else 1)
    assert (placeholder in store.asked[0]) == ("repository:a/b" not in placeholder or
                                               "push" in placeholder)


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("other", [False, True], ids=["same", "other-server"])
@pytest.mark.parametrize("login", ["basic", "identity"])
def test_a_token_server_that_redirects(cli, server, image, workspace, status, other, login):
    """It is followed, but without the password if the server differs; an identity token is never
    sent elsewhere."""
    reference = server.add("a/b", "1", image)
    server.token, server.password = "secret", None
    entry = ({"auth": "dXNlcjpwYXNz"} if login == "basic" else {"identitytoken": "identity"})
    (workspace / "auth.json").write_text(json.dumps({"auths": {server.host: entry}}),
                                         encoding="utf-8")
    with images.registry() as second:
        second.token = "secret"
        seen = []
        target = second if other else server

        def moved(handler):
            handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            if handler.path.startswith("/token2"):
                seen.append(handler.headers.get("Authorization"))
                handler.answer(200, b'{"token": "secret"}')
                return True
            if handler.path.startswith("/token"):
                handler.answer(status, Location=f"http://{target.host}/token2")
                return True
            return False

        server.faults["/token"] = second.faults["/token"] = moved
        images.Handler.do_POST, kept = images.Handler.do_GET, images.Handler.do_POST
        try:
            cli.environment["REGISTRY_AUTH_FILE"] = str(workspace / "auth.json")
            result = cli("pull", "--insecure", reference)
        finally:
            images.Handler.do_POST = kept
    if login == "identity" and other:
        result.check(1)
        assert "identity token" in result.stderr and not seen
        return
    result.check()
    assert seen == [None if other or login == "identity" else "Basic dXNlcjpwYXNz"]


def test_an_address_that_expires_in_mid_blob(cli, server, image):
    """The storage refuses the rest of a blob: the client asks the registry for a new address."""
    reference = server.add("a/b", "1", image)
    blob = image.layers[0]
    signatures = []
    with images.registry() as storage:
        storage.blobs = server.blobs
        cut = images.cut(100_000)

        def lead(handler):
            signatures.append(str(len(signatures)))
            handler.answer(307, Location=f"http://{storage.host}/v2/x/blobs/{blob}?sig="
                           f"{signatures[-1]}")
            return True

        def expire(handler):
            if "?" not in handler.path:
                return False
            handler.path, _, signature = handler.path.partition("?sig=")
            if signature == "0":
                # Valid for one piece.
                if not cut(handler):
                    handler.answer(403)
                return True
            if signature == "1":
                handler.answer(403)
                return True
            return False

        server.faults[blob] = lead
        storage.faults[blob] = expire
        cli("pull", "--insecure", reference, timeout=60).check()
    assert len(signatures) == 3


@pytest.mark.parametrize("path,asked", [
    ("", "/v2/a/b/"), ("/", "/v2/a/b/"), ("/proxy", "/proxy/v2/a/b/"),
    ("/deep/proxy/", "/deep/proxy/v2/a/b/"), ("/proxy/v2", "/proxy/v2/a/b/"),
    ("/v2/project", "/v2/project/a/b/")])
def test_mirrors_with_a_path(cli, server, image, workspace, path, asked):
    """It precedes /v2, as in Docker and containerd, or follows the mirror's own /v2."""
    (workspace / "registries").write_text(
        'registries = ({ name = "registry.invalid"; mirrors = [ "http://%s%s" ]; });'
        % (server.host, path), encoding="utf-8")
    server.add("a/b", "1", image)

    def strip(handler):
        handler.path = handler.path.replace(asked, "/v2/a/b/")
        return False

    server.faults["/"] = strip
    cli("pull", "--registries", workspace / "registries", "registry.invalid/a/b:1").check()
    assert all(line[1].startswith(asked) for line in server.requests)


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_credential_helper_that_is_not_installed(cli, server, image, workspace, key):
    """A warning is printed, and the pull continues without a login."""
    reference = server.add("a/b", "1", image)
    server.token = "secret"
    value = "nowhere" if key == "credsStore" else {server.host: "nowhere"}
    (workspace / "auth.json").write_text(json.dumps({key: value}), encoding="utf-8")
    cli.environment["REGISTRY_AUTH_FILE"] = str(workspace / "auth.json")
    result = cli("pull", "--insecure", reference).check()
    assert "docker-credential-nowhere is not installed" in result.stderr


@pytest.mark.parametrize("what", ["manifests", "blobs"])
@pytest.mark.parametrize("label", [False, True], ids=["encoded", "only-labelled"])
def test_an_unrequested_encoding(cli, server, what, label):
    """Encoded content is decoded; a wrong header on other content does no harm."""
    image = Image(layer(member("a", b"x" * 300_000)), compress=None if not label else gzip.compress)
    reference = server.add("a/b", "1", image)

    def encode(handler):
        assert handler.headers.get("Accept-Encoding", "identity") == "identity"
        name = handler.path.split("/")[-1]
        data = handler.server.blobs[name] if what == "blobs" else image.manifest
        handler.answer(200, data if label else gzip.compress(data), Content_Encoding="gzip",
                       Content_Type=MANIFEST)
        return True

    server.faults[f"/{what}/"] = encode
    cli("pull", "--insecure", reference).check()
    cli("image-status", "--verify", reference).check()


SBOM = {"mediaType": MANIFEST, "digest": "sha256:" + "1" * 64, "size": 10}


@pytest.mark.parametrize("before", [
    SBOM, {**SBOM, "artifactType": "application/spdx+json"},
    {**SBOM, "platform": {"os": "unknown", "architecture": "unknown"}}, {**SBOM, "platform": {}},
    {**SBOM, "platform": {"os": "linux", "architecture": "unknown"}},
    {**SBOM, "platform": {"os": "linux", "architecture": "amd64"},
     "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    {**SBOM, "platform": {"os": "linux", "architecture": "arm64"}}])
@pytest.mark.parametrize("wanted", ["linux/amd64", "linux/amd64/v3"])
def test_what_an_index_begins_with(cli, server, image, before, wanted):
    """The first entry is not chosen if it has no platform or another one and a later entry
    matches."""
    entry = {"mediaType": MANIFEST, "digest": image.digest, "size": len(image.manifest),
             "platform": {"os": "linux", "architecture": "amd64"}}
    for entries in ([before, entry], [entry, before]):
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        server.add("a/b", "1", image)
        server.images["a/b", "1"] = index
        cli("pull", "--insecure", f"--platform={wanted}", f"{server.host}/a/b:1").check()
        cli("remove-image", f"{server.host}/a/b:1").check()


def test_an_index_of_artifacts_alone(cli, server, image):
    """Such entries are not images; an entry without a platform is used if there is no other."""
    server.add("a/b", "1", image)
    for extra, status in (({"artifactType": "application/spdx+json"}, 1), ({}, 0),
                          ({"artifactType": CONFIG}, 0)):
        server.images["a/b", "1"] = json.dumps({
            "schemaVersion": 2, "mediaType": INDEX,
            "manifests": [{"mediaType": MANIFEST, "digest": image.digest,
                           "size": len(image.manifest), **extra}]}).encode()
        cli("pull", "--insecure", f"{server.host}/a/b:1").check(status)


def set_config(image, text):
    """Replaces the image's config, byte for byte."""
    manifest = json.loads(image.manifest)
    manifest["config"] = {"mediaType": CONFIG, "digest": images.digest(text), "size": len(text)}
    image.manifest = json.dumps(manifest).encode()
    image.config, image.id, image.digest = text, images.digest(text), images.digest(image.manifest)
    image.blobs.update({image.id: text, image.digest: image.manifest})
    return image


def with_config(image, **changes):
    """Changes keys of the image's config; None removes a key."""
    config = {**json.loads(image.config), **changes}
    return set_config(image, json.dumps({key: value for key, value in config.items()
                                         if value is not None}).encode())


@pytest.mark.parametrize("changes", [{"os": None}, {"architecture": ""},
                                     {"os": "", "architecture": None}])
def test_an_image_that_names_no_platform(cli, image, changes):
    """A warning is printed, and the requested platform is assumed."""
    with_config(image, **changes).write_layout(cli.state / "source")
    for options, wanted in ((["--platform=linux/arm64"], "arm64"), ([], None)):
        if wanted and "architecture" not in changes:
            continue
        result = cli("load", *options, cli.state / "source").check()
        assert "does not name its" in result.stderr
        if wanted:
            assert wanted in cli("image-status", "test/image:1").check().stdout
        cli("remove-image", "test/image:1").check()


@pytest.mark.parametrize("missing", [[], None])
def test_an_image_without_layers(cli, server, missing):
    """It is pulled, loaded and saved; running it fails because the program is missing."""
    image = Image(config={"Cmd": ["/bin/true"]}, manifest={"layers": missing})
    with_config(image, rootfs={"type": "layers", "diff_ids": missing})
    reference = server.add("a/b", "1", image)
    cli("pull", "--insecure", reference).check()
    images.load(cli, image)
    cli("image-status", "--verify", "test/app:1").check()
    cli("save", "--format=docker", "test/app:1", cli.state / "saved.tar").check()
    cli("load", "--name", "again:1", cli.state / "saved.tar").check()
    images.define(cli, "app", image="test/app:1")
    result = cli("run", "app", cgroup2=True)
    assert result.status == 127 and "/bin/true" in result.stderr, result


@pytest.mark.parametrize("text", [r'"a\u0000b"', r'"\ud800"', r'"x\udc00\ud83d\ude00"',
                                  r'{"\u0000\ud800": "\\u0000"}', '"\udcff\udcfe"'])
def test_text_that_go_writes_into_configs(cli, image, text):
    """In a label or a history; the image's id is the digest of the original text."""
    with_config(image, history="RAW")
    set_config(image, image.config.replace(b'"RAW"', text.encode("utf-8", "surrogateescape")))
    image.write_layout(cli.state / "source")
    assert image.id in cli("load", cli.state / "source").check().stdout


def test_a_working_directory_and_a_user_of_the_image(cli):
    """WORKDIR is created if no layer has it; USER may end with a colon. The definition's own values
    are checked as usual."""
    image = Image(layer(*images.base_members(), member("etc/group", b"bob:x:7:\n"),
                        member("etc/passwd", b"root:x:0:0::/:/bin/sh\nbob:x:7:7::/:/bin/sh\n")),
                  config={"WorkingDir": "/srv/app/data", "User": "bob:",
                          "Cmd": ["/bin/sh", "-c", "pwd; id -u; id -g; stat -c %u:%a ."]})
    images.define(cli, "app", image=images.load(cli, image))
    result = cli("run", "app", cgroup2=True).check()
    assert result.stdout.split() == ["/srv/app/data", "7", "7", "0:755"]
    images.define(cli, "wrong", image="test/app:1", working_directory="/nowhere")
    assert "/nowhere" in cli("run", "wrong", cgroup2=True).stderr
    images.define(cli, "other", image="test/app:1", user="bob:")
    assert cli("run", "other", cgroup2=True).status != 0


@pytest.mark.parametrize("place,name", [("App-Layout", "app-layout"), ("app.oci", "app")])
def test_a_layout_with_a_bare_tag(cli, workspace, image, place, name):
    """It is named after its directory or file."""
    image.write_layout(workspace / place, "1.0")
    result = cli("load", workspace / place).check()
    assert result.stdout.split()[0] == f"docker.io/library/{name}:1.0"
    (workspace / "in").mkdir()
    cli("save", result.stdout.split()[0], workspace / "in" / "x.tar").check()


def test_capabilities_of_version_3(cli):
    """They belong to a namespace that does not exist: they are stored as version 2 and verified."""
    three = bytes.fromhex("0100000300200000000000000000000000000000")
    for root in (0, 100000):
        value = three + root.to_bytes(4, "little")
        image = Image(layer(member("ping", b"x", mode=0o755, pax_headers={
            "SCHILY.xattr.security.capability": value.decode("utf-8", "surrogateescape")})))
        images.load(cli, image)
        assert os.getxattr(images.tree_of(cli, image.id) / "ping", "security.capability") == (
            bytes.fromhex("0100000200200000000000000000000000000000"))
        cli("image-status", "--verify", "test/app:1").check()


def test_an_attribute_that_is_too_big(cli):
    """The error names the file, the attribute and a solution, and differs from that for a full
    disk."""
    value = "x" * 60_000
    image = Image(layer(member("dir/file", b"x", pax_headers={"SCHILY.xattr.user.big": value})))
    image.write_layout(cli.state / "source")
    result = cli("load", cli.state / "source")
    if result.status == 0:
        pytest.skip("this file system takes it")
    assert "user.big of /dir/file" in result.stderr and "too big" in result.stderr, result
    assert not images.leftovers(cli) and not list(Path(cli.state, "layers").glob("sha256-*"))


def test_digests_of_sha512(cli, server):
    """In manifest, config, layers and diff ids, in a registry and in a layout; mismatches are
    detected."""
    def sha512(data):
        return "sha512:" + hashlib.sha512(data).hexdigest()

    data = layer(member("a", os.urandom(100_000)))
    packed = gzip.compress(data)
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [sha512(data)]}}).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": sha512(config), "size": len(config)},
        "layers": [{"mediaType": images.LAYER + "+gzip", "digest": sha512(packed),
                    "size": len(packed)}]}).encode()
    server.images.update({("a/b", "1"): manifest, ("a/b", sha512(manifest)): manifest})
    server.blobs.update({sha512(config): config, sha512(packed): packed})
    for reference in ("a/b:1", "a/b@" + sha512(manifest)):
        cli("pull", "--insecure", f"{server.host}/{reference}").check()
        cli("image-status", "--verify", f"{server.host}/{reference}").check()
    blobs = cli.state / "source/blobs/sha512"
    blobs.mkdir(parents=True)
    for blob in (config, packed, manifest):
        (blobs / sha512(blob).split(":")[1]).write_bytes(blob)
    (cli.state / "source/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (cli.state / "source/index.json").write_text(json.dumps({
        "schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": sha512(manifest),
                                           "size": len(manifest)}]}))
    cli("load", "--name", "x:1", cli.state / "source").check()
    for name in ("x:1", f"{server.host}/a/b:1", f"{server.host}/a/b@{sha512(manifest)}"):
        cli("remove-image", name).check()
    cli("prune").check()
    assert not list(Path(cli.state, "layers").glob("sha*"))
    (blobs / sha512(packed).split(":")[1]).write_bytes(packed[:-1] + b"?")
    result = cli("load", "--name", "x:1", cli.state / "source").check(1)
    assert "expected sha512:" in result.stderr or "damaged" in result.stderr, result
