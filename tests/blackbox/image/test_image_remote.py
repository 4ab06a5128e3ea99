# SPDX-License-Identifier: LGPL-2.1-or-later
"""Verbs that ask a registry without fetching: inspect, list-tags; names of images: tag; and the
configuration of a committed image."""

import json
import subprocess
from pathlib import Path

import images
import pytest
from images import Image, base_members, layer, member

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def registry():
    """A registry on loopback."""
    with images.registry() as server:
        yield server


def add_index(registry, repository, tag, *made):
    """Adds images for several platforms under one tag; returns the index."""
    index = json.dumps({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": [
        {"mediaType": images.MANIFEST, "digest": image.digest, "size": len(image.manifest),
         "platform": {"os": "linux", "architecture": architecture}}
        for architecture, image in made]}).encode()
    for _, image in made:
        registry.add(repository, "x", image)
    registry.images[repository, tag] = index
    registry.images[repository, images.digest(index)] = index
    return index


def test_inspect_fetches_no_layer(cli, registry):
    """Digest, id and labels, as skopeo prints them; nothing is stored."""
    image = Image(layer(member("f", b"f")), config={"Labels": {"a": "b"}, "Env": ["X=1"]})
    other = Image(layer(member("f", b"g")), platform=("linux", "arm64"))
    index = add_index(registry, "some/app", "1", ("amd64", image), ("arm64", other))
    name = f"docker://{registry.host}/some/app:1"
    shown = json.loads(cli("inspect", "--insecure", name).check().stdout)
    assert shown["Digest"] == images.digest(index)
    assert (shown["Manifest"], shown["Id"]) == (image.digest, image.id)
    assert (shown["Labels"], shown["Env"], shown["Layers"]) == ({"a": "b"}, ["X=1"], image.layers)
    foreign = json.loads(cli("inspect", "--insecure", "--platform=linux/arm64", "--json=short",
                             name).check().stdout)
    assert foreign["Id"] == other.id
    assert cli("inspect", "--insecure", "--raw", name).check().stdout == index.decode()
    assert json.loads(cli("inspect", "--insecure", "--config", name).check().stdout) == \
        json.loads(image.config)
    assert not registry.count(image.layers[0])
    assert not Path(cli.state, "images").exists()
    theirs = json.loads(subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--no-tags",
                                        name], check=True, capture_output=True).stdout)
    for key in ("Name", "Digest", "Created", "Labels", "Architecture", "Os", "Layers", "Env"):
        assert shown[key] == theirs[key] or key == "Created", key


def test_inspect_of_what_is_missing(cli, registry):
    """The error names the image; machines are shown as before."""
    said = cli("inspect", "--insecure", f"docker://{registry.host}/none:1").check(66).stderr
    assert f"cannot inspect docker://{registry.host}/none:1" in said
    assert cli("inspect", "nosuchmachine").check(66).stderr
    assert cli("inspect", "docker://UPPER").check(64).stderr


def test_list_tags_over_pages(cli, registry):
    """All pages, which the server links; tags are printed without control characters."""
    def page(handler):
        last = "last=b" in handler.path
        body = json.dumps({"name": "app", "tags": ["c", "evil\033[2J"] if last else ["a", "b"]})
        link = {} if last else {"Link": '</v2/app/tags/list?last=b>; rel="next"'}
        handler.answer(200, body.encode(), **link)
        return True

    registry.faults["tags/list"] = page
    name = f"{registry.host}/app"
    listed = cli("list-tags", "--insecure", name).check().stdout
    assert listed.splitlines() == ["a", "b", "c", r"evil\x1b[2J"]
    shown = json.loads(cli("list-tags", "--insecure", "--json=short",
                           f"docker://{name}").check().stdout)
    assert (shown["Repository"], shown["Tags"][:3]) == (name, ["a", "b", "c"])
    registry.faults["tags/list"] = lambda handler: handler.answer(
        200, b'{"tags": []}', Link='</v2/app/tags/list?last=b>; rel="next"') or True
    assert "does not end" in cli("list-tags", "--insecure", name).check(1).stderr


def test_tag_and_remove(cli):
    """A name more for the same image; digests are no names."""
    image = Image(layer(member("f", b"f")))
    name = images.load(cli, image)
    cli("tag", name, "other/name:2", "third").check()
    listed = json.loads(cli("list-images", "--json=short").check().stdout)
    assert [entry["id"] for entry in listed] == [image.id]
    assert set(listed[0]["references"]) == {f"docker.io/{name}", "docker.io/other/name:2",
                                            "docker.io/library/third:latest"}
    assert "is named by a tag" in cli("tag", name, f"x@{image.digest}").check(64).stderr
    assert cli("tag", "nothing", "other").status != 0
    assert cli("tag", name).check(64).stderr


def committed(cli, *changes):
    """The config of the image that a machine is committed as."""
    options = [f"--change={change}" for change in changes]
    cli("commit", *options, "web", "test/new:1").check()
    made = json.loads(cli("image-status", "--json=short", "test/new:1").check().stdout)["id"]
    text = Path(cli.state, "images", made.replace(":", "-"), "config.json").read_text()
    return json.loads(text)["config"]


@pytest.fixture
def web(cli):
    """A stopped machine with a writable layer over an image."""
    images.load(cli, Image(layer(*base_members()), config={
        "Cmd": ["sh"], "Env": ["PATH=/bin", "A=1"], "WorkingDir": "/work"}))
    images.define(cli, "web", image="test/app:1", command=["/bin/touch", "/made"])
    cli("run", "web").check()
    return cli


def test_commit_with_changes(web):
    """Each instruction that has a meaning for a config."""
    config = committed(web, 'CMD ["/bin/echo", "a b"]', "ENV A=2 B='two words'", "ENV C three words",
                       "EXPOSE 80 53/udp", 'LABEL team=web note="x y"', "USER 5:6",
                       "WORKDIR below", 'VOLUME ["/data", "/more data"]', "stopsignal SIGINT")
    assert config["Cmd"] == ["/bin/echo", "a b"]
    assert config["Env"] == ["PATH=/bin", "A=2", "B=two words", "C=three words"]
    assert config["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert config["Labels"] == {"team": "web", "note": "x y"}
    assert (config["User"], config["WorkingDir"]) == ("5:6", "/work/below")
    assert config["Volumes"] == {"/data": {}, "/more data": {}}
    assert config["StopSignal"] == "SIGINT"
    assert committed(web)["Cmd"] == ["sh"]
    # As with Docker: ENTRYPOINT drops the command of the base, CMD sets it, and a text is for sh.
    config = committed(web, "ENTRYPOINT exec echo $HOME")
    assert config["Entrypoint"] == ["/bin/sh", "-c", "exec echo $HOME"] and "Cmd" not in config
    config = committed(web, "CMD echo", 'ENTRYPOINT ["/bin/sh"]')
    assert config["Cmd"] == ["/bin/sh", "-c", "echo"]
    assert web("run", "--image=test/new:1", "--name=new", "--set=network.mode=none", "--",
               "/bin/ls", "/made").check().stdout == "/made\n"


@pytest.mark.parametrize("change, reason", [
    ("ONBUILD RUN x", "expected CMD, ENTRYPOINT"), ("FROM x", "expected CMD"), ("CMD", "value"),
    ("ENV x", "KEY=VALUE"), ("ENV ='x'", "KEY=VALUE"), ("LABEL a='b", "quote"),
    ("EXPOSE 0", "PORT"), ("EXPOSE 80/icmp", "PORT"), ("VOLUME data", "absolute"),
    ("STOPSIGNAL SIGNOTHING", "signal")])
def test_wrong_changes(web, change, reason):
    """Nothing is written; the error names the change."""
    said = web("commit", f"--change={change}", "web", "test/new:1").check(64).stderr
    assert f'--change "{change}"' in said and reason in said
    assert "test/new" not in web("list-images").check().stdout
