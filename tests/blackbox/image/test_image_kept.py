# SPDX-License-Identifier: LGPL-2.1-or-later
"""An unchanged image keeps its bytes and its digest when it is pushed or saved, with the image of
every platform if it was pulled so."""

import gzip
import json
import os
import tarfile

import images
import pytest
import registries
from images import Image, layer, member

pytestmark = [pytest.mark.needs("root", "program:docker-registry", "program:skopeo")]

INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def registry():
    """A registry that the test changes as it likes."""
    with images.registry() as server:
        yield server


def make_image(platform=("linux", "amd64"), name="f"):
    """An image whose layers nobody compresses in this way by default."""
    return Image(layer(member(name, os.urandom(100_000) + bytes(100_000))), layer(member("g", b"g")),
                 compress=lambda data: gzip.compress(data, 1, mtime=7), platform=platform)


@pytest.fixture(scope="module")
def target():
    """A registry to push to."""
    with registries.docker_registry() as host:
        yield host


def digest_in(reference):
    """The digest of what a name points to, as skopeo computes it."""
    return images.digest(raw(reference))


def raw(reference, transport="docker://", *options):
    """The document that a name points to."""
    return registries.skopeo("inspect", "--tls-verify=false", "--raw", *options,
                             transport + reference).encode()


def kept(cli):
    """The digests of the kept blobs."""
    return {path.name.replace("-", ":") for path in (cli.state / "images/kept").glob("*")}


def members(path):
    """The content of each blob in an archive."""
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}


def test_kept_blobs_are_pushed_and_saved_as_they_are(cli, registry, target, workspace):
    """With the registry that the image came from gone."""
    image = make_image()
    source = registry.add("team/app", "1", image)
    cli("pull", "--insecure", "--keep-blobs", source).check()
    registry.images.clear()
    registry.blobs.clear()
    pushed = cli("push", "--insecure", source, f"{target}/kept:1").check()
    assert pushed.stdout.split()[1] == image.digest == digest_in(f"{target}/kept:1")
    cli("save", source, workspace / "saved.tar").check()
    saved = members(workspace / "saved.tar")
    assert json.loads(saved["index.json"])["manifests"][0]["digest"] == image.digest
    assert {data for name, data in saved.items() if name.startswith("blobs/")} == \
        set(image.blobs.values())
    registries.skopeo("copy", "-q", f"oci-archive:{workspace}/saved.tar", f"oci:{workspace}/back:1")
    assert images.digest(raw(f"{workspace}/back:1", "oci:")) == image.digest
    assert set(image.layers) <= kept(cli) and not images.leftovers(cli)


def test_layers_that_were_there_are_kept_as_well(cli, registry, target):
    """A pull that unpacks nothing, with another compression of the same layers: what is pushed is
    what was pulled last."""
    image = make_image()
    plain = registry.add("team/app", "1", image)
    cli("pull", "--insecure", plain).check()
    assert not kept(cli)
    again = cli("pull", "--insecure", "--keep-blobs", plain).check()
    assert "already present" in again.stderr and set(image.layers) <= kept(cli)
    registry.blobs.clear()
    cli("push", "--insecure", plain, f"{target}/again:1").check()
    assert digest_in(f"{target}/again:1") == image.digest


def test_without_kept_blobs_they_are_fetched_again(cli, registry, target, workspace):
    """A push copies from the registry that the image came from. If that lacks a layer by now, the
    image is packed again, and the user is told so; `save` never asks a registry."""
    image = make_image()
    source = registry.add("team/app", "1", image)
    cli("pull", "--insecure", source).check()
    settings = workspace / "registries.conf"
    settings.write_text("registries = ( " + ", ".join(
        f'{{ name = "{host}"; insecure = true; }}' for host in (registry.host, target)) + " );",
        encoding="utf-8")
    before = registry.count("/blobs/")
    result = cli("save", source, workspace / "saved.tar").check()
    assert "packed again" in result.stderr and "--keep-blobs" in result.stderr
    assert registry.count("/blobs/") == before
    result = cli("push", f"--registries={settings}", source, f"{target}/copied:1").check()
    assert result.stdout.split()[1] == image.digest == digest_in(f"{target}/copied:1")
    assert "packed again" not in result.stderr and not kept(cli) and not images.leftovers(cli)

    other = make_image(name="other")
    source = registry.add("team/app", "2", other)
    cli("pull", "--insecure", source).check()
    registry.blobs.clear()
    result = cli("push", f"--registries={settings}", source, f"{target}/packed:1").check()
    assert f"cannot fetch a layer again from {registry.host}/team/app" in result.stderr
    assert "the digest changes" in result.stderr
    assert result.stdout.split()[1] == digest_in(f"{target}/packed:1") != other.digest


def test_layers_are_mounted_within_a_registry(cli, target):
    """Nothing is sent between repositories of one registry."""
    image = make_image()
    image_source = f"{target}/first:1"
    place = image.write_layout(cli.state / "layout", "1")
    registries.skopeo("copy", "-q", "--dest-tls-verify=false", f"oci:{place}:1",
                      f"docker://{image_source}")
    cli("pull", "--insecure", image_source).check()
    result = cli("push", "--insecure", image_source, f"{target}/second:1").check()
    assert "sending" not in result.stderr and "fetching" not in result.stderr
    assert digest_in(f"{target}/second:1") == image.digest


def add_index(registry, repository, *parts):
    """An index of images, and an attestation, which is no image."""
    entries = [{"mediaType": images.MANIFEST, "digest": part.digest, "size": len(part.manifest),
                "platform": json.loads(part.config) and
                {key: json.loads(part.config)[key] for key in ("os", "architecture")}}
               for part in parts]
    statement = Image(config={}, platform=("unknown", "unknown"))
    body = json.dumps({"_type": "https://in-toto.io/Statement/v0.1"}).encode()
    document = json.loads(statement.manifest)
    document["layers"] = [{"mediaType": "application/vnd.in-toto+json", "size": len(body),
                           "digest": images.digest(body)}]
    text = json.dumps(document).encode()
    entries.append({"mediaType": images.MANIFEST, "digest": images.digest(text), "size": len(text),
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest"}})
    registry.blobs.update(statement.blobs)
    registry.blobs[images.digest(body)] = body
    registry.images[repository, images.digest(text)] = text
    for part in parts:
        registry.add(repository, part.digest, part)
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    registry.images[repository, "1"] = index
    return f"{registry.host}/{repository}:1", index


def test_an_index_with_all_platforms(cli, registry, target, workspace):
    """Pulled, pushed and saved whole, with its attestation; skopeo copies it with all platforms and
    finds each digest."""
    own, other = make_image(), make_image(("linux", "s390x"))
    source, index = add_index(registry, "team/many", own, other)
    pulled = cli("pull", "--insecure", "--all-platforms", "--platform=linux/amd64", source).check()
    assert pulled.stdout.split()[1] == own.id
    registry.images.clear()
    registry.blobs.clear()
    pushed = cli("push", "--insecure", "--all-platforms", source, f"{target}/many:1").check()
    assert pushed.stdout.split()[1] == images.digest(index)
    assert raw(f"{target}/many:1") == index
    registries.skopeo("copy", "-q", "--all", "--src-tls-verify=false", f"docker://{target}/many:1",
                      f"oci:{workspace}/all:1")
    cli("save", "--all-platforms", source, workspace / "saved.tar").check()
    saved = members(workspace / "saved.tar")
    assert json.loads(saved["index.json"])["manifests"][0] == {
        "mediaType": INDEX, "digest": images.digest(index), "size": len(index),
        "annotations": {"org.opencontainers.image.ref.name": source}}
    for blob in {**own.blobs, **other.blobs}.values():
        assert saved["blobs/sha256/" + images.digest(blob).split(":")[1]] == blob
    # Without the option, only the platform of this host.
    cli("push", "--insecure", source, f"{target}/one:1").check()
    assert digest_in(f"{target}/one:1") == own.digest
    assert len(kept(cli)) == 2 + 2 + 3 + 2 + 1


def test_kept_blobs_go_with_their_image(cli, registry):
    """`image-status` tells their size; `prune` and `remove-image` leave what another image names."""
    own, other = make_image(), make_image(("linux", "s390x"))
    source, _ = add_index(registry, "team/many", own, other)
    cli("pull", "--insecure", "--all-platforms", "--platform=linux/amd64", source).check()
    alone = make_image()
    single = registry.add("team/app", "1", alone)
    cli("pull", "--insecure", "--keep-blobs", single).check()
    size = json.loads(cli("image-status", "--json=short", single).check().stdout)["kept"]
    assert size == sum(len(alone.blobs[name]) for name in [*alone.layers, alone.id])
    assert "Kept:" in cli("image-status", single).check().stdout
    everything = kept(cli)
    (cli.state / "images/kept/tmp-1-2-3").write_bytes(b"left by a crash")
    cli("prune").check()
    assert kept(cli) == everything
    # A pull of the same image for its platform alone forgets nothing.
    cli("pull", "--insecure", "--platform=linux/amd64", source).check()
    cli("prune").check()
    assert kept(cli) == everything
    cli("remove-image", source).check()
    assert kept(cli) == {*alone.layers, alone.id}
    cli("remove-image", single).check()
    assert not kept(cli)


def test_what_cannot_be_kept_or_sent(cli, registry, workspace, target):
    """Each refusal says what to do instead, before anything is fetched or sent."""
    image = make_image()
    single = registry.add("team/app", "1", image)
    error = cli("pull", "--insecure", "--all-platforms", single).check(1).stderr
    assert "no index of platforms" in error and "--keep-blobs" in error
    assert registry.count("/blobs/") == 0
    cli("pull", "--insecure", single).check()
    for verb in (["push", "--insecure", "--all-platforms", single, f"{target}/x:1"],
                 ["save", "--all-platforms", single, workspace / "x.tar"]):
        error = cli(*verb).check(1).stderr
        assert "not pulled with all its platforms" in error and "pull --all-platforms" in error
    error = cli("save", "--all-platforms", "--format=docker", single, workspace / "x").check(1).stderr
    assert "one platform" in error and not (workspace / "x.tar").exists()
    damaged = make_image(name="damaged")
    source = registry.add("team/app", "2", damaged)
    registry.blobs[damaged.layers[0]] = b"x" * len(damaged.blobs[damaged.layers[0]])
    assert "digest" in cli("pull", "--insecure", "--keep-blobs", source).check(1).stderr
    assert damaged.layers[0] not in kept(cli) and not images.leftovers(cli)
