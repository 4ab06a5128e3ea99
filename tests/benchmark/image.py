#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a pull takes, beside skopeo with umoci and beside podman: the same registry, the same
images, one after the other in each round, syncfs included for all; medians, and the peak memory of
the largest process that the contender waits for (of this program: without its unpackers).

    tests/benchmark/image.py [--scale 0.1] [--rounds 3] [--only big,layers,files,zstd,cached]

--scale 1 is one layer of 1 GB, 20 layers of 25 MB, 110,000 files. Needs docker-registry, skopeo,
umoci, podman and zstd; peers that are missing are left out and named.
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MACHINECTL_LITE_BINARY", str(SOURCE / "build/src/cli/machinectl-lite"))
PORT = 5598
REGISTRY = f"127.0.0.1:{PORT}"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def text(seed, size):
    """Bytes that gzip makes about two thirds of."""
    chance = random.Random(seed)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz0123456789_(){};", k=6))
             for _ in range(5000)]
    pieces, length = [], 0
    while length < size:
        piece = b" ".join(chance.choices(words, k=20000)) + chance.randbytes(40000)
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)[:size]


def tar(files):
    """A tar of (name, bytes) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write_layout(path, name, layers, compress, suffix):
    """An OCI layout for skopeo to copy from."""
    blobs = path / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        (blobs / digest(data)[7:]).write_bytes(data)
        return {"digest": digest(data), "size": len(data)}

    described = [{"mediaType": f"application/vnd.oci.image.layer.v1.tar+{suffix}",
                  **put(compress(layer))} for layer in layers]
    config = put(json.dumps({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": [digest(layer) for layer in layers]}}).encode())
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": described}).encode())
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
        "annotations": {"org.opencontainers.image.ref.name": name}}]}), encoding="utf-8")


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c", "-3"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def make_images(scale):
    """(name, layers, compress, suffix) of each."""
    size = int(scale * (1 << 30))
    big = tar((f"f{i}", text(i, size // 16)) for i in range(16))
    yield "big", [big], lambda data: gzip.compress(data, 6), "gzip"
    yield "zstd", [big], zstd, "zstd"
    yield ("layers", [tar([(f"l{i}", text(100 + i, int(scale * 25e6)))]) for i in range(20)],
           lambda data: gzip.compress(data, 6), "gzip")
    count = int(scale * 110_000)
    yield ("files", [tar((f"d{i // 100}/f{i}", b"%d" % i * 50) for i in range(count))],
           lambda data: gzip.compress(data, 6), "gzip")


@contextlib.contextmanager
def registry(directory):
    """docker-registry on loopback."""
    settings = directory / "registry.yml"
    settings.write_text(f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}/registry}}}}
http: {{addr: "{REGISTRY}"}}
""", encoding="utf-8")
    with subprocess.Popen(["docker-registry", "serve", settings],
                          stderr=subprocess.DEVNULL) as process:
        time.sleep(1)
        try:
            yield
        finally:
            process.terminate()


def timed(command, directory):
    """Seconds with the sync, and the peak memory of the largest process in KiB."""
    script = ("import os,resource,subprocess,sys,time\n"
              "start=time.monotonic()\n"
              "code=subprocess.call(['sh','-c',sys.argv[1]],stdout=subprocess.DEVNULL,"
              "stderr=subprocess.DEVNULL)\n"
              "subprocess.call(['sync','-f',sys.argv[2]])\n"
              "u=resource.getrusage(resource.RUSAGE_CHILDREN)\n"
              "print(code,time.monotonic()-start,u.ru_maxrss)")
    code, seconds, peak = subprocess.run(
        [sys.executable, "-c", script, command, str(directory)], check=True, text=True,
        stdout=subprocess.PIPE).stdout.split()
    if code != "0":
        sys.exit(f"failed: {command}")
    return float(seconds), int(peak)


def commands(name, place):
    """What each contender runs; place is empty before."""
    reference = f"{REGISTRY}/bench/{name}:1"
    yield "machinectl-lite", (f"{BINARY} --state-dir {place}/store -q pull --insecure {reference}")
    if shutil.which("skopeo") and shutil.which("umoci"):
        yield "skopeo+umoci", (
            f"skopeo copy -q --src-tls-verify=false docker://{reference} oci:{place}/oci:1 && "
            f"umoci unpack --image {place}/oci:1 {place}/bundle")
    if shutil.which("podman"):
        yield "podman", (f"podman --root {place}/podman --runroot {place}/run "
                         f"--storage-driver overlay pull -q --tls-verify=false {reference}")


def measure(name, directory, rounds, cached):
    """Rounds of all contenders, interleaved."""
    results = {}
    for _ in range(rounds):
        for contender, command in commands(name, directory / "place"):
            place = directory / "place"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            subprocess.run(["sync", "-f", directory], check=True)
            if cached:
                if contender == "skopeo+umoci":
                    continue
                timed(command, directory)
            results.setdefault(contender, []).append(timed(command, directory))
            if contender == "podman":
                subprocess.run(["umount", "-l", place / "podman/overlay"], check=False,
                               stderr=subprocess.DEVNULL)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="big,zstd,layers,files,cached")
    given = parser.parse_args()
    wanted = given.only.split(",")
    directory = Path(tempfile.mkdtemp(prefix="mlite-bench-", dir="/var/tmp"))
    try:
        with registry(directory):
            for name, layers, compress, suffix in make_images(given.scale):
                if name not in wanted and not (name == "big" and "cached" in wanted):
                    continue
                layout = directory / f"layout-{name}"
                write_layout(layout, "1", layers, compress, suffix)
                del layers
                subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false",
                                f"oci:{layout}:1", f"docker://{REGISTRY}/bench/{name}:1"],
                               check=True)
                shutil.rmtree(layout)
                for label, cached in ((name, False), ("cached", True)):
                    if label not in wanted or (cached and name != "big"):
                        continue
                    for who, runs in measure(name, directory, given.rounds, cached).items():
                        print(f"{label:8} {who:16} {statistics.median(r[0] for r in runs):7.2f} s "
                              f"{max(r[1] for r in runs) / 1024:7.1f} MiB", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
