# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hand-made images, which can be wrong in any way, and a registry that can misbehave."""

import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import harness
import pytest

OCI = "application/vnd.oci.image."
MANIFEST = OCI + "manifest.v1+json"
INDEX = OCI + "index.v1+json"
CONFIG = OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"


def digest(data):
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def member(name, data=None, kind=tarfile.REGTYPE, **fields):
    """One member of a tar: (header, content)."""
    info = tarfile.TarInfo(name)
    info.type = kind if data is None or kind != tarfile.REGTYPE else tarfile.REGTYPE
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.mtime = 1_600_000_000
    for key, value in fields.items():
        setattr(info, key, value)
    content = b"" if data is None else data
    info.size = len(content) if info.type == tarfile.REGTYPE else 0
    return info, content


def directory(name, **fields):
    """A directory."""
    return member(name, kind=tarfile.DIRTYPE, **fields)


def link(name, target, **fields):
    """A symbolic link."""
    return member(name, kind=tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name, target):
    """A hard link."""
    return member(name, kind=tarfile.LNKTYPE, linkname=target)


def layer(*members):
    """A plain tar of members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Image:
    """An image: its blobs by digest, and the digest of its manifest."""

    def __init__(self, *layers, config=None, compress=gzip.compress, platform=("linux", "amd64"),
                 diff_ids=None, manifest=None):
        self.blobs = {}
        descriptors = []
        for data in layers:
            packed = compress(data) if compress else data
            self.blobs[digest(packed)] = packed
            descriptors.append({"mediaType": LAYER + ("+gzip" if compress else ""),
                                "digest": digest(packed), "size": len(packed)})
        self.config = json.dumps({
            "os": platform[0], "architecture": platform[1], "config": config or {},
            "rootfs": {"type": "layers",
                       "diff_ids": diff_ids or [digest(data) for data in layers]},
        }).encode()
        self.id = digest(self.config)
        self.blobs[self.id] = self.config
        self.layers = [entry["digest"] for entry in descriptors]
        document = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": {"mediaType": CONFIG, "digest": self.id, "size": len(self.config)},
                    "layers": descriptors}
        document.update(manifest or {})
        self.manifest = json.dumps(document).encode()
        self.digest = digest(self.manifest)
        self.blobs[self.digest] = self.manifest

    def write_layout(self, path, name="test/image:1"):
        """An OCI layout directory."""
        blobs = Path(path, "blobs", "sha256")
        blobs.mkdir(parents=True, exist_ok=True)
        for key, data in self.blobs.items():
            (blobs / key.split(":")[1]).write_bytes(data)
        Path(path, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
        Path(path, "index.json").write_text(json.dumps({
            "schemaVersion": 2, "manifests": [{
                "mediaType": MANIFEST, "digest": self.digest, "size": len(self.manifest),
                "annotations": {"org.opencontainers.image.ref.name": name}}]}), encoding="utf-8")
        return path


def docker_archive(image, name):
    """An image as an archive of docker save."""
    members = {"config.json": image.config}
    for number, key in enumerate(image.layers):
        members[f"{number}/layer.tar"] = image.blobs[key]
    members["manifest.json"] = json.dumps([{
        "Config": "config.json", "RepoTags": [name],
        "Layers": [path for path in members if path.endswith("layer.tar")]}]).encode()
    return layer(*(member(path, data) for path, data in members.items()))


def base_members():
    """A system of a static busybox, as members of a layer: every applet a link in /bin."""
    path = shutil.which("busybox") or pytest.skip("needs busybox-static")
    applets = subprocess.run([path, "--list"], check=True, capture_output=True, text=True).stdout
    return [directory("./"), directory("bin"),
            member("bin/busybox", Path(path).read_bytes(), mode=0o755),
            *(link(f"bin/{name}", "busybox") for name in applets.split() if name != "busybox"),
            directory("etc"), member("etc/passwd", b"root:x:0:0::/:/bin/sh\n"), directory("work"),
            directory("proc"), directory("dev"), directory("sys"), directory("tmp", mode=0o1777)]


def define(cli, name, **keys):
    """Writes a definition to the search path, without a network unless the keys configure one."""
    keys = {"network": {"mode": "none"}, **keys}
    (cli.config / f"{name}.machine").write_text(harness.definition(**keys), encoding="utf-8")


def load(cli, image, name="test/app:1"):
    """Adds an image to the store and returns its name."""
    image.write_layout(cli.state / "source", name)
    cli("load", cli.state / "source").check()
    return name


def tree_of(cli, image_id, number=-1):
    """The directory of an unpacked layer of an image; the topmost by default."""
    record = json.loads(Path(cli.state, "images", image_id.replace(":", "-"),
                             "image.json").read_text(encoding="utf-8"))
    name = record["layers"][number]["diff_id"].replace(":", "-")
    return Path(cli.state, "layers", name, "tree")


def leftovers(cli):
    """Unfinished directories and partial blobs in the store."""
    found = [path for folder in ("images", "layers")
             for path in Path(cli.state, folder).glob("tmp-*")]
    return found + list(Path(cli.state, "images", "blobs").glob("*"))


class Registry(http.server.ThreadingHTTPServer):
    """A registry on loopback. `faults` maps the end of a path to a function(handler) that answers
    instead and returns True, or returns False for the usual answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.images = {}
        self.blobs = {}
        self.faults = {}
        self.requests = []
        self.password = None
        self.token = None
        self.basic = False
        self.host = f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Aborted connections are part of many tests."""

    def add(self, repository, tag, image):
        """Adds an image."""
        self.images[repository, tag] = image.manifest
        self.images[repository, image.digest] = image.manifest
        self.blobs.update(image.blobs)
        return f"{self.host}/{repository}:{tag}"

    def count(self, text):
        """The number of requests with the text in their path."""
        return sum(text in path for _, path, _ in self.requests)


class Handler(http.server.BaseHTTPRequestHandler):
    """Handles one request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format, *arguments):
        """Keeps the test output quiet."""

    def answer(self, status, body=b"", **headers):
        """Sends an answer; header names use "_" for "-"."""
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def refused(self):
        """Whether a required token or password is missing."""
        given = self.headers.get("Authorization", "")
        if self.server.token:
            if given == f"Bearer {self.server.token}":
                return False
            self.answer(401, WWW_Authenticate=f'Bearer realm="http://{self.server.host}/token",'
                        f'service="a, b",scope="repository:x:pull,push"')
            return True
        if self.server.basic and given != self.expected_basic():
            self.answer(401, WWW_Authenticate='Basic realm="r"')
            return True
        return False

    def expected_basic(self):
        """The header with the right password."""
        return "Basic " + base64.b64encode(self.server.password.encode()).decode()

    def do_POST(self):
        """Exchanges an identity token for an access token."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append(("POST", self.path, body))
        if "refresh_token=identity" in body:
            self.answer(200, json.dumps({"access_token": self.server.token}).encode())
        else:
            self.answer(401)

    def do_GET(self):
        """Dispatches to token, manifest or blob."""
        self.server.requests.append(("GET", self.path, dict(self.headers)))
        for end, fault in list(self.server.faults.items()):
            if end in self.path and fault(self):
                return
        if self.path.startswith("/token"):
            if self.server.password and self.headers.get("Authorization") != self.expected_basic():
                self.answer(401)
                return
            self.answer(200, json.dumps({"token": self.server.token}).encode())
            return
        if self.refused():
            return
        if self.path == "/v2/":
            self.answer(200, b"{}")
            return
        parts = self.path.split("/")
        repository, kind, name = "/".join(parts[2:-2]), parts[-2], parts[-1]
        data = (self.server.blobs.get(name) if kind == "blobs"
                else self.server.images.get((repository, name)))
        if data is None:
            code = "BLOB_UNKNOWN" if kind == "blobs" else "MANIFEST_UNKNOWN"
            self.answer(404, json.dumps(
                {"errors": [{"code": code, "message": "not here"}]}).encode())
        elif kind == "manifests":
            media = json.loads(data).get("mediaType", MANIFEST)
            self.answer(200, data, Content_Type=media + "; charset=utf-8")
        else:
            self.send_blob(data)

    def send_blob(self, data):
        """Sends a blob from the requested offset."""
        wanted = self.headers.get("Range")
        if wanted:
            start = int(wanted.split("=")[1].rstrip("-"))
            self.answer(206, data[start:],
                        Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.answer(200, data)


@contextlib.contextmanager
def registry():
    """Runs a registry during the block."""
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def cut(after):
    """A one-time fault: the connection ends after this many bytes of a blob."""
    state = {"done": False}

    def fault(handler):
        if state["done"]:
            return False
        state["done"] = True
        data = handler.server.blobs[handler.path.split("/")[-1]]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:after])
        handler.wfile.flush()
        handler.close_connection = True
        return True

    return fault


def times(count, status, body=b"", **headers):
    """A fault: the first `count` requests get this answer."""
    left = [count]

    def fault(handler):
        if left[0] == 0:
            return False
        left[0] -= 1
        handler.answer(status, body, **headers)
        return True

    return fault


def slow(seconds):
    """A fault: every answer is delayed by this time."""
    def fault(_):
        time.sleep(seconds)
        return False

    return fault


def umoci_available():
    """Whether umoci, the reference for trees, is installed."""
    return any(os.access(os.path.join(place, "umoci"), os.X_OK)
               for place in os.environ.get("PATH", "").split(":"))
