# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real registry: Debian's docker-registry, with TLS and a token server."""

import base64
import json
import os
import ssl
import subprocess
from pathlib import Path

import images
import pytest
import registries
from images import Image, directory, layer, link, member

pytestmark = [pytest.mark.needs("root", "program:docker-registry", "program:openssl")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An unknown authority and a server certificate signed by it."""
    place = tmp_path_factory.mktemp("certificates")
    registries.make_certificates(place)
    return place


@pytest.fixture(scope="module")
def secure(certificates):
    """A registry with TLS."""
    with registries.docker_registry(tls=certificates) as host:
        yield host


@pytest.fixture(scope="module")
def plain():
    """A registry without TLS."""
    with registries.docker_registry() as host:
        yield host


@pytest.fixture
def image():
    """Two layers with various kinds of files."""
    return Image(layer(directory("./"), directory("d", mode=0o2750, uid=3),
                       member("d/f", os.urandom(200_000), mode=0o4711), link("l", "d/f")),
                 layer(member("d/.wh.f", b""), member("d/g", b"g")),
                 config={"Cmd": ["/bin/true"], "ExposedPorts": {"80/tcp": {}}})


def trusting(workspace, host, certificates, service="containers"):
    """/etc with the authority in the directory of a host."""
    place = workspace / "etc" / service / "certs.d" / host
    place.mkdir(parents=True)
    (place / "ca.crt").write_bytes((certificates / "ca.crt").read_bytes())
    return registries.with_etc(workspace / "etc")


@pytest.mark.parametrize("service", ["containers", "docker"])
def test_an_authority_of_ones_own(cli, secure, certificates, image, workspace, service):
    """Refused if the authority is unknown; trusted if it is in the host's directory, and only for
    that host."""
    reference = f"{secure}/with/tls:1"
    name = images.load(cli, image)
    refused = cli("push", name, reference).check(1)
    assert "certificate" in refused.stderr
    elsewhere = trusting(workspace, "localhost:1", certificates, service)
    assert "certificate" in cli("push", name, reference, wrapper=elsewhere).check(1).stderr
    wrapper = trusting(workspace, secure, certificates, service)
    cli("push", name, reference, wrapper=wrapper).check()
    cli("remove-image", name).check()
    assert not list(Path(cli.state, "layers").glob("*"))
    assert "certificate" in cli("pull", reference).check(1).stderr
    cli("pull", reference, wrapper=wrapper).check()
    cli("image-status", "--verify", reference).check()


def test_no_plain_http_from_a_secure_registry(cli, secure, image):
    """--insecure means plain HTTP, not fewer checks: a registry with TLS does not answer it."""
    assert cli("pull", "--insecure", f"{secure}/with/tls:1").status == 1


@pytest.mark.parametrize("verb", ["pull", "push"])
def test_encryption_does_not_end_on_the_way(cli, certificates, image, workspace, verb):
    """Redirections and upload addresses that lead from TLS to plain HTTP are not followed."""
    class Leading(images.Handler):
        """A registry without blobs that redirects uploads."""

        def do_HEAD(self):
            self.answer(404)

        def do_POST(self):
            self.answer(202, Location=f"http://{other.host}/upload")

    def lead(handler):
        handler.answer(307, Location=f"http://{other.host}{handler.path}")
        return True

    with images.registry() as server, images.registry() as other:
        server.RequestHandlerClass = Leading
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        reference = server.add("a", "1", image)
        known = other.add("a", "1", image)
        if verb == "push":
            cli("pull", "--insecure", known).check()
            other.requests.clear()
        else:
            server.faults["/blobs/"] = lead
        result = cli(verb, *([known] if verb == "push" else []), reference,
                     wrapper=trusting(workspace, server.host, certificates)).check(1)
        assert "unencrypted" in result.stderr
        assert not other.requests and not images.leftovers(cli)


def test_token_server(cli, certificates, image, workspace):
    """A token for pulling and pushing is requested with the password of auth.json and the right
    scope; without a password the registry refuses, and the error has a hint."""
    with registries.token_server(certificates, "user:secret") as tokens, \
            registries.docker_registry(certificates, tokens) as host:
        reference = f"{host}/private/app:1"
        wrapper = trusting(workspace, host, certificates)
        (workspace / "auth.json").write_text(json.dumps({"auths": {f"{host}/private": {
            "auth": base64.b64encode(b"user:secret").decode()}}}), encoding="utf-8")
        login = {"REGISTRY_AUTH_FILE": workspace / "auth.json"}
        anyone = {"REGISTRY_AUTH_FILE": "/nonexistent", "HOME": "/nonexistent"}
        name = images.load(cli, image)
        refused = cli("push", name, reference, wrapper=wrapper, env=anyone).check(1)
        assert "login" in refused.stderr
        cli("push", name, reference, wrapper=wrapper, env=login).check()
        assert any("repository:private/app:pull,push" in scopes or
                   "repository:private/app:push,pull" in scopes for scopes in tokens.asked)
        cli("remove-image", name).check()
        assert "login" in cli("pull", reference, wrapper=wrapper, env=anyone).check(1).stderr
        tokens.asked.clear()
        cli("pull", reference, wrapper=wrapper, env=login).check()
        assert tokens.asked and {scope for scopes in tokens.asked for scope in scopes} == {
            "repository:private/app:pull"}
        cli("image-status", "--verify", reference).check()


def without_digests(config):
    """A config without the parts that depend on the tars of its layers."""
    return {**config, "rootfs": None}


@pytest.mark.needs("program:skopeo")
def test_push_is_read_by_skopeo(cli, plain, image, workspace):
    """skopeo fetches what was pushed and verifies each digest; the image that it returns is saved
    with the same id."""
    name = images.load(cli, image)
    reference = f"{plain}/team/app:1"
    cli("push", "--insecure", name, reference).check()
    shown = registries.skopeo("inspect", "--tls-verify=false", "--config", "--raw",
                              f"docker://{reference}")
    assert without_digests(json.loads(shown)) == without_digests(json.loads(image.config))
    registries.skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{reference}",
                      f"oci:{workspace}/back:1")
    back = cli("load", "--name", "back:1", workspace / "back").check().stdout.split()[1]
    assert back == images.digest(shown.encode())
    cli("save", "back:1", workspace / "saved.tar").check()
    again = cli("load", "--name", "again:1", workspace / "saved.tar").check()
    assert again.stdout.split()[1] == back


@pytest.mark.needs("program:skopeo")
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_skopeo_pushed(cli, plain, image, workspace, compression):
    """Layers compressed by skopeo; both kinds are the same layer in the store."""
    image.write_layout(workspace / "layout", "1")
    reference = f"{plain}/of/skopeo:{compression}"
    registries.skopeo("copy", "-q", "--dest-tls-verify=false", "--dest-compress-format",
                      compression, f"oci:{workspace}/layout:1", f"docker://{reference}")
    cli("pull", "--insecure", reference).check()
    cli("image-status", "--verify", reference).check()
    images.load(cli, image)
    assert len(list(Path(cli.state, "layers").glob("sha256-*"))) == 2


@pytest.mark.needs("program:podman", "program:skopeo", "program:umoci")
@pytest.mark.parametrize("form", ["oci", "docker", "oci-directory"])
def test_others_read_what_is_saved(cli, image, workspace, form):
    """podman, skopeo and umoci accept it and find the same image id or tree."""
    name = images.load(cli, image)
    place = workspace / "saved"
    cli("save", f"--format={form}", name, place).check()
    source = {"oci": f"oci-archive:{place}", "docker": f"docker-archive:{place}",
              "oci-directory": f"oci:{place}"}[form]
    registries.skopeo("copy", "-q", source, f"oci:{workspace}/copied:1")
    subprocess.run(["umoci", "unpack", "--image", f"{workspace}/copied:1", workspace / "bundle"],
                   check=True, capture_output=True)
    rootfs = workspace / "bundle/rootfs"
    assert (rootfs / "d/g").read_bytes() == b"g" and not (rootfs / "d/f").exists()
    assert (rootfs / "d").stat().st_uid == 3 and os.readlink(rootfs / "l") == "d/f"
    podman = ["podman", "--root", workspace / "podman", "--runroot", workspace / "run",
              "--storage-driver", "vfs"]
    pulled = subprocess.run([*podman, "pull", "-q", source], check=True, capture_output=True,
                            text=True).stdout.split()[-1]
    shown = subprocess.run([*podman, "image", "inspect", pulled], check=True, capture_output=True)
    assert json.loads(shown.stdout)[0]["Config"]["Cmd"] == ["/bin/true"]
