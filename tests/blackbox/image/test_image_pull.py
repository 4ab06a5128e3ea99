# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pulling from well-behaved and from misbehaving registries."""

import base64
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import images
import pytest
from images import INDEX, MANIFEST, Image, layer, member

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def server():
    """A registry on loopback with plain HTTP."""
    with images.registry() as running:
        yield running


def random_layer(seed, size=300_000):
    """An incompressible layer."""
    return layer(member(f"file-{seed}", random.Random(seed).randbytes(size)))


@pytest.fixture
def image():
    """Three layers."""
    return Image(*(random_layer(seed) for seed in range(3)), config={"Cmd": ["/bin/true"]})


def pull(cli, reference, *options, **more):
    """Pulls with plain HTTP allowed."""
    return cli("pull", "--insecure", *options, reference, **more)


def is_whole(cli, reference):
    """Every file of every layer is as unpacked, and nothing is left over."""
    cli("image-status", "--verify", reference).check()
    assert not images.leftovers(cli)


def test_pull_and_again(cli, server, image):
    """Each blob is fetched once; the second pull only requests the manifest."""
    reference = server.add("team/app", "1", image)
    result = pull(cli, reference).check()
    assert result.stdout == f"{reference} {image.id}\n"
    is_whole(cli, reference)
    assert server.count("/blobs/") == 4
    pull(cli, reference).check()
    assert server.count("/blobs/") == 4
    other = Image(*(random_layer(seed) for seed in (0, 1, 7)))
    pull(cli, server.add("team/app", "2", other)).check()
    assert server.count("/blobs/") == 6


def test_plain_http_only_when_asked_for(cli, server, image):
    """TLS is the default."""
    reference = server.add("a", "1", image)
    cli("pull", reference).check(1)
    assert not server.requests
    settings = cli.state / "registries.conf"
    settings.write_text(f'registries = ( {{ name = "{server.host}"; insecure = true; }} );',
                        encoding="utf-8")
    cli("pull", "--registries", settings, reference).check()


def test_files_of_other_editors(cli, server, image, workspace):
    """A byte order mark and carriage returns in the configuration and credential files."""
    server.basic, server.password = True, "user:secret"
    reference = server.add("private/a", "1", image)
    settings = workspace / "registries.conf"
    settings.write_bytes(b'\xef\xbb\xbfregistries = (\r\n{ name = "' + server.host.encode() +
                         b'"; insecure = true; }\r\n);\r\n')
    login = json.dumps({"auths": {server.host: {"auth": "dXNlcjpzZWNyZXQ="}}}, indent=1)
    (workspace / "auth.json").write_bytes(b"\xef\xbb\xbf" + login.replace("\n", "\r\n").encode())
    cli("pull", "--registries", settings, reference,
        env={"REGISTRY_AUTH_FILE": workspace / "auth.json"}).check()


def test_pinned_by_digest(cli, server, image):
    """The digest wins over the tag."""
    server.add("a", "1", image)
    reference = f"{server.host}/a@{image.digest}"
    pull(cli, reference).check()
    wrong = "sha256:" + "1" * 64
    server.images["a", wrong] = image.manifest
    result = pull(cli, f"{server.host}/a:1@{wrong}").check(1)
    assert wrong in result.stderr and image.digest in result.stderr


@pytest.mark.parametrize("login", ["none", "auth", "identity", "helper", "basic"])
def test_authorization(cli, server, image, workspace, login):
    """Token server with and without a password, identity token, credential helper, basic
    authentication."""
    reference = server.add("private/app", "1", image)
    entry = {"auth": base64.b64encode(b"user:secret").decode()}
    if login == "basic":
        server.basic, server.password = True, "user:secret"
    else:
        server.token = "T" * 3000
        server.password = "user:secret" if login in ("auth", "helper") else None
    if login == "identity":
        entry = {"identitytoken": "identity"}
    config = {"auths": {} if login in ("none", "helper") else
              {"127.0.0.1": {"auth": "d3Jvbmc6d3Jvbmc="}, f"{server.host}/private": entry}}
    if login == "helper":
        helper = workspace / "docker-credential-test"
        helper.write_text('#!/bin/sh\nread x\n[ "$1" = get ] && '
                          'echo \'{"Username":"user","Secret":"secret"}\'\n', encoding="utf-8")
        helper.chmod(0o755)
        config["credHelpers"] = {server.host: "test"}
    (workspace / "auth.json").write_text(json.dumps(config), encoding="utf-8")
    environment = {"REGISTRY_AUTH_FILE": workspace / "auth.json",
                   "PATH": f"{workspace}:{cli.environment['PATH']}"}
    pull(cli, reference, env=environment).check()
    is_whole(cli, reference)
    if login != "basic":
        assert any("scope=repository" in str(request) for request in server.requests)


@pytest.mark.parametrize("generous", [True, False])
def test_a_token_that_does_not_reach(cli, server, image, generous):
    """If a registry requires another scope for blobs, another token is requested; if that is
    refused as well, the pull fails."""
    reference = server.add("a", "1", image)

    def guard(handler):
        given = handler.headers.get("Authorization", "")
        blobs = "/blobs/" in handler.path
        if given == "Bearer wide" or (given == "Bearer narrow" and not blobs):
            return False
        error = ',error="insufficient_scope"' if given else ""
        handler.answer(401, WWW_Authenticate=f'Bearer realm="http://{server.host}/token",'
                       f'scope="repository:{"base" if blobs else "a"}:pull"{error}')
        return True

    def token(handler):
        wide = generous and "repository%3Abase%3Apull" in handler.path
        handler.answer(200, json.dumps({"token": "wide" if wide else "narrow"}).encode())
        return True

    server.faults.update({"/v2/": guard, "/token": token})
    result = pull(cli, reference).check(0 if generous else 1)
    assert server.count("/token") == (2 if generous else 3)
    assert generous or "login" in result.stderr
    assert not images.leftovers(cli)


@pytest.mark.parametrize("path,status,size", [
    ("/manifests/", 200, 4 << 20), ("/token", 200, 1 << 20), ("/manifests/", 404, 1 << 20)])
def test_answers_without_end(cli, server, image, path, status, size):
    """The size of manifests, tokens and error documents is limited."""
    reference = server.add("a", "1", image)
    server.token = "T"
    server.faults[path] = images.times(20, status, b" " * (size + 1), Content_Type=MANIFEST)
    if path != "/token":
        server.token = None
    pull(cli, reference, timeout=20).check(1)
    assert server.count(path) == 1
    assert not images.leftovers(cli)


def test_wrong_password(cli, server, image, workspace):
    """One attempt, then the error with its reason and a hint."""
    reference = server.add("a", "1", image)
    server.basic, server.password = True, "user:right"
    (workspace / "auth.json").write_text(json.dumps({"auths": {server.host: {
        "auth": base64.b64encode(b"user:wrong").decode()}}}), encoding="utf-8")
    result = pull(cli, reference, env={"REGISTRY_AUTH_FILE": workspace / "auth.json"}).check(1)
    assert "401" in result.stderr and "login" in result.stderr
    assert len(server.requests) < 5


def test_redirection_to_another_host(cli, server, image):
    """Followed without the Authorization header of the first host (CVE-2020-15157)."""
    reference = server.add("a", "1", image)
    server.token = "secret-token"
    with images.registry() as other:
        other.blobs.update(image.blobs)

        def away(handler):
            if handler.refused():
                return True
            handler.answer(307, Location=f"http://localhost:{other.server_address[1]}"
                           f"{handler.path}")
            return True

        server.faults["/blobs/"] = away
        pull(cli, reference).check()
        assert other.requests
        assert not any("Authorization" in headers for _, _, headers in other.requests)
    is_whole(cli, reference)


@pytest.mark.parametrize("kind", ["docker", "oci", "usual"])
def test_layers_that_registries_may_not_hand_out(cli, server, image, kind):
    """They are fetched from the manifest's URLs, without the registry's credentials, and verified
    by their digest; other layers are not fetched from elsewhere."""
    types = {"docker": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
             "oci": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
             "usual": images.LAYER + "+gzip"}
    with images.registry() as other:
        document = json.loads(image.manifest)
        document["layers"][1].update(mediaType=types[kind], urls=[
            "ftp://x/", f"http://{other.host}/gone", f"http://{other.host}/v2/x/blobs/found"])
        moved = Image(manifest=document)
        moved.blobs.update(image.blobs)
        other.blobs["found"] = moved.blobs.pop(image.layers[1])
        server.token = "T"
        reference = server.add("a", "1", moved)
        if kind == "usual":
            assert "404" in pull(cli, reference).check(66).stderr
            assert not other.requests
            return
        good, other.blobs["found"] = other.blobs["found"], b"x" * len(other.blobs["found"])
        assert "digest" in pull(cli, reference).check(1).stderr
        other.blobs["found"] = good
        pull(cli, reference).check()
        assert other.count("/gone") == 2 and other.count("/found") == 2
        assert not any("Authorization" in headers for _, _, headers in other.requests)
    is_whole(cli, reference)


def test_redirection_in_a_circle(cli, server, image):
    """The pull fails."""
    reference = server.add("a", "1", image)
    server.faults["/manifests/"] = lambda handler: handler.answer(
        302, Location=handler.path) or True
    assert "circle" in pull(cli, reference).check(1).stderr


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(cli, server, image, status):
    """The server determines the delay."""
    reference = server.add("a", "1", image)
    server.faults["/blobs/"] = images.times(2, status, Retry_After="1")
    result = pull(cli, reference).check()
    assert result.seconds >= 1
    is_whole(cli, reference)


def test_resume_after_a_cut(cli, server, image):
    """Only the rest is requested."""
    reference = server.add("a", "1", image)
    server.faults[image.layers[1]] = images.cut(100_000)
    pull(cli, reference).check()
    ranges = [headers.get("Range") for _, path, headers in server.requests
              if image.layers[1] in path]
    assert len(ranges) == 2 and ranges[1] and ranges[1] != "bytes=0-"
    is_whole(cli, reference)


def wrong_range(handler):
    """206 with another range than requested."""
    if "Range" not in handler.headers:
        return False
    data = handler.server.blobs[handler.path.split("/")[-1]]
    handler.answer(206, data[5:], Content_Range=f"bytes 5-{len(data) - 1}/{len(data)}")
    return True


def no_range(handler):
    """200 with the whole content."""
    if "Range" not in handler.headers:
        return False
    handler.answer(200, handler.server.blobs[handler.path.split("/")[-1]])
    return True


@pytest.mark.parametrize("behaviour", [wrong_range, no_range])
def test_ranges_that_are_not_what_was_asked_for(cli, server, image, behaviour):
    """The blob is fetched from the start."""
    reference = server.add("a", "1", image)
    cut = images.cut(100_000)
    server.faults[image.layers[0]] = lambda handler: cut(handler) or behaviour(handler)
    pull(cli, reference).check()
    is_whole(cli, reference)


@pytest.mark.parametrize("kind", ["manifest", "config", "layer", "longer", "shorter"])
def test_wrong_content(cli, server, image, kind):
    """The content is removed, the error shows both digests, nothing is published; correct layers
    are kept for the next attempt."""
    reference = server.add("a", "1", image)
    if kind == "manifest":
        server.faults["/manifests/"] = lambda handler: handler.answer(
            200, image.manifest + b" ", Docker_Content_Digest=image.digest,
            Content_Type=MANIFEST) or True
    elif kind == "config":
        server.blobs[image.id] = image.config.replace(b"/bin/true", b"/bin/evil")
    else:
        data = image.blobs[image.layers[2]]
        server.blobs[image.layers[2]] = {"layer": data[:-9] + b"x" + data[-8:],
                                         "longer": data + b"x", "shorter": data[:-9]}[kind]
    result = pull(cli, reference).check(1)
    if kind in ("manifest", "config", "layer"):
        assert "expected sha256:" in result.stderr and "found sha256:" in result.stderr, result
    assert cli("list-images", "--json=short").check().stdout == "[]\n"
    name = image.layers[2].replace(":", "-")
    assert not Path(cli.state, "images/blobs", name).exists()
    assert not list(Path(cli.state, "layers").glob("tmp-*"))
    server.faults.clear()
    server.blobs.update(image.blobs)
    pull(cli, reference).check()
    is_whole(cli, reference)


def test_mirror_first_and_the_registry_when_it_fails(cli, server, image, workspace):
    """Layers are fetched from the mirror, which does not get the registry's credentials; if the
    mirror is down or broken, from the registry."""
    with images.registry() as mirror:
        mirror.add("a", "1", image)
        settings = workspace / "registries.conf"
        settings.write_text(
            f'registries = ( {{ name = "{server.host}"; insecure = true; '
            f'mirrors = [ "http://127.0.0.1:1", "http://{mirror.host}" ]; }} );', encoding="utf-8")
        (workspace / "auth.json").write_text(json.dumps({"auths": {server.host: {
            "auth": base64.b64encode(b"user:secret").decode()}}}), encoding="utf-8")
        environment = {"REGISTRY_AUTH_FILE": workspace / "auth.json"}
        reference = server.add("a", "1", image)
        cli("pull", "--registries", settings, reference, env=environment).check()
        assert not server.requests
        assert not any("Authorization" in headers for _, _, headers in mirror.requests)
        mirror.images.clear()
        other = Image(random_layer(9))
        cli("pull", "--registries", settings, server.add("a", "2", other), env=environment).check()
        assert server.count("/blobs/") == 2


def index(*entries):
    """An index document."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}).encode()


def entry(image, architecture, variant=None, system="linux"):
    """An entry of an index."""
    return {"mediaType": MANIFEST, "digest": image.digest, "size": len(image.manifest),
            "platform": {"os": system, "architecture": architecture,
                         **({"variant": variant} if variant else {})}}


def test_platforms(cli, server):
    """By the host's platform or --platform; if none matches, the error lists the platforms of the
    index."""
    parts = {name: Image(random_layer(number, 1000), platform=("linux", name.split("/")[0]))
             for number, name in enumerate(["amd64", "arm64", "arm/v5", "arm/v7"])}
    for part in parts.values():
        server.add("multi", "part", part)
    document = index(entry(parts["amd64"], "unknown", system="unknown"),
                     *(entry(parts[name], *name.split("/")) for name in parts))
    server.images["multi", "1"] = document
    reference = f"{server.host}/multi:1"
    for wanted, name in (("linux/amd64", "amd64"), ("arm64", "arm64"), ("linux/arm/v6", "arm/v5"),
                         ("linux/arm/v7", "arm/v7"), ("linux/arm/v8", "arm/v7")):
        result = pull(cli, reference, "--platform", wanted).check()
        assert result.stdout.split()[1] == parts[name].id, wanted
    result = pull(cli, reference, "--platform", "linux/s390x").check(1)
    assert "linux/arm64" in result.stderr and "unknown" not in result.stderr


@pytest.mark.parametrize("document,message", [
    (b'{"schemaVersion":2,"mediaType":"%s","manifests":[]}' % INDEX.encode(), "sent it as"),
    (b'{"schemaVersion":1,"fsLayers":[]}', "schema 1"),
    (b'{"schemaVersion":2,"layers":[],"manifests":[]}', "ambiguous"),
    (b'{"a":1,"a":2}', "duplicate"), (b"\x1b[2J", "JSON"), (b" " * (5 << 20), "longer than"),
])
def test_hostile_manifests(cli, server, image, document, message):
    """The error gives the specific reason, and no control character reaches the terminal."""
    reference = server.add("a", "1", image)
    server.faults["/manifests/"] = lambda handler: handler.answer(
        200, document, Content_Type=MANIFEST) or True
    result = pull(cli, reference).check(1)
    assert message in result.stderr, result
    assert "\x1b" not in result.stderr


def test_not_there(cli, server):
    """The registry's message is shown."""
    result = pull(cli, f"{server.host}/none:1").check(66)
    assert "not here" in result.stderr


def test_two_at_once_fetch_each_blob_once(cli, server, image):
    """The second pull waits for the layers of the first."""
    reference = server.add("a", "1", image)
    server.faults["/blobs/"] = images.slow(0.3)
    running = [cli.start("pull", "--insecure", reference) for _ in range(3)]
    for process in running:
        process.wait(60).check()
    for name in image.layers:
        assert server.count(name) == 1
    is_whole(cli, reference)


@pytest.mark.parametrize("times", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_any_moment(cli, server, times):
    """A pull after a killed one resumes and leaves nothing behind; completed blobs are not fetched
    again."""
    chance = random.Random(times)
    image = Image(*(random_layer(seed, 400_000) for seed in range(6)))
    reference = server.add("a", "1", image)
    server.faults["/blobs/"] = images.slow(0.01)
    for _ in range(times):
        running = cli.start("pull", "--insecure", reference)
        time.sleep(chance.uniform(0, 0.35))
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        for path in Path(cli.state, "layers").glob("sha256-*"):
            assert (path / "layer.json").exists() and (path / "tree").is_dir()
        if chance.random() < 0.2:
            cli("remove-image", reference)
    pull(cli, reference).check()
    is_whole(cli, reference)


def test_a_killed_pull_is_resumed(cli, server):
    """The partial blob of a killed process is hashed and reused."""
    image = Image(random_layer(1, 3_000_000))
    reference = server.add("a", "1", image)
    data = image.blobs[image.layers[0]]
    release = threading.Event()

    def half(handler):
        if "Range" in handler.headers or release.is_set():
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:2_000_000])
        handler.wfile.flush()
        release.wait(30)
        handler.close_connection = True
        return True

    server.faults[image.layers[0]] = half
    running = cli.start("pull", "--insecure", reference)
    partial = Path(cli.state, "images/blobs", image.layers[0].replace(":", "-"))
    import harness
    harness.wait_for(lambda: partial.exists() and partial.stat().st_size >= 2_000_000,
                     what="the first half")
    running.process.kill()
    running.process.wait()
    release.set()
    pull(cli, reference).check()
    assert any(headers.get("Range") == "bytes=2000000-" for _, path, headers in server.requests
               if image.layers[0] in path)
    is_whole(cli, reference)


def test_a_damaged_partial_blob(cli, server, image):
    """If the part from an earlier process is wrong, everything is fetched again, once."""
    reference = server.add("a", "1", image)
    place = Path(cli.state, "images/blobs")
    place.mkdir(parents=True)
    (place / image.layers[0].replace(":", "-")).write_bytes(os.urandom(50_000))
    pull(cli, reference).check()
    is_whole(cli, reference)


@pytest.mark.parametrize("options,content", [
    ("size=4M", 6_000_000), ("size=9M", 6_000_000), ("size=64M,nr_inodes=60", 0),
], ids=["blob", "layer", "inodes"])
def test_disk_full(cli, server, options, content):
    """The error has a hint; nothing is left, and the next pull succeeds once there is space."""
    many = [member(f"f{i}", b"") for i in range(200)]
    image = Image(layer(member("f", random.Random(1).randbytes(content)), *many))
    reference = server.add("a", "1", image)
    script = (f'mount -t tmpfs -o {options} tmpfs "$STATE" || exit 99; "$@" && exit 99; '
              'find "$STATE" -path "*/blobs/*" -o -path "*/layers/*" -o -name "tmp-*" -o '
              '-name "sha256-*" | sed s/^/left:/; '
              'mount -o remount,size=1G,nr_inodes=1M "$STATE" && "$@"')
    result = cli("pull", "--insecure", reference, env={"STATE": cli.state},
                 wrapper=["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                          "sh"]).check()
    assert "No space left" in result.stderr and "prune" in result.stderr
    assert "left:" not in result.stdout and image.id in result.stdout


def test_json_events(cli, server, image):
    """One object per line."""
    reference = server.add("a", "1", image)
    events = [json.loads(line)
              for line in pull(cli, reference, "--json=short").check().stdout.splitlines()]
    assert events[-1] == {"event": "image", "id": image.id, "references": [reference]}
    for name in image.layers:
        states = [event["state"] for event in events if event.get("digest") == name and
                  event["event"] == "layer"]
        assert states[0] == "fetching" and states[-1] == "done"


def test_bars_on_a_terminal(cli, server, image):
    """Bytes, rate and a bar; the result goes to standard output."""
    reference = server.add("a", "1", image)
    server.faults["/blobs/"] = images.slow(0.2)
    terminal = cli.terminal("pull", "--insecure", reference)
    assert terminal.wait(30) == 0
    shown = terminal.text
    assert "[####" in shown and "done" in shown and "\033[3A" in shown


def test_remove_and_prune(cli, server, image):
    """Shared layers are kept, a moved tag leaves an image to prune, which prints how much it
    freed."""
    first = server.add("a", "1", image)
    second = server.add("a", "2", Image(random_layer(0), random_layer(8)))
    pull(cli, first).check()
    pull(cli, second).check()
    assert len(list(Path(cli.state, "layers").glob("sha256-*"))) == 4
    cli("remove-image", first).check()
    assert len(list(Path(cli.state, "layers").glob("sha256-*"))) == 2
    is_whole(cli, second)
    server.add("a", "2", image)
    pull(cli, second).check()
    result = json.loads(cli("prune", "--json=short").check().stdout)
    assert result["images"] == 1 and result["layers"] == 1 and result["bytes"] > 300_000
    is_whole(cli, second)
    pinned = cli.state / "machines/web"
    pinned.mkdir(parents=True)
    (pinned / "image.json").write_text(json.dumps(
        {"version": 1, "image": image.id, "reference": second}), encoding="utf-8")
    assert "in use by web" in cli("remove-image", second).check(1).stderr
    cli("prune", "--all").check()
    is_whole(cli, second)
    cli("remove-image", "--force", second).check()
    assert not list(Path(cli.state, "layers").glob("*"))


@pytest.mark.parametrize("damage", ["content", "mode", "missing", "more", "owner", "attribute"])
def test_decay_is_found(cli, server, damage):
    """image-status --verify names the file and the difference."""
    image = Image(layer(member("d/file", b"content" * 100), member("d/other", b"")))
    reference = server.add("a", "1", image)
    pull(cli, reference).check()
    tree = images.tree_of(cli, image.id)
    times = (tree / "d/file").stat().st_mtime_ns, (tree / "d").stat().st_mtime_ns
    {"content": lambda: (tree / "d/file").write_bytes(b"contenT" * 100),
     "mode": lambda: (tree / "d/file").chmod(0o600),
     "missing": lambda: (tree / "d/file").unlink(),
     "more": lambda: (tree / "d/more").write_bytes(b""),
     "owner": lambda: os.chown(tree / "d/file", 1, 1),
     "attribute": lambda: os.setxattr(tree / "d/file", "user.x", b"y")}[damage]()
    if damage != "missing":
        os.utime(tree / "d/file", ns=(times[0], times[0]))
    os.utime(tree / "d", ns=(times[1], times[1]))
    result = cli("image-status", "--verify", reference).check(1)
    word = {"content": "different content", "mode": "different mode", "missing": "missing",
            "more": "were not in the layer", "owner": "different owner",
            "attribute": "extended attributes"}[damage]
    assert word in result.stdout, result
