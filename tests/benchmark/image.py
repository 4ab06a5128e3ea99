#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the cost of a pull, compared with skopeo with umoci and with podman: the same registry and
the same images, each contestant in turn in every round, until its files are on disk (syncfs). Also
measures the peak memory of each with all of its processes, and for the big layer two floors: only
decompressing and hashing, on which the aim is based, and the same while the layer is fetched and
discarded, which shows the registry's part of the difference, on the same processors.

usage: tests/benchmark/image.py [--scale 1] [--rounds 3] [--only big,layers,files,zstd,cached]
                                [--no-peers] [--no-build] [--check]

--scale 1 is one layer of 1 GB, 20 layers of 50 MB, 110,000 small files, the big layer with zstd, and
the big layer pulled again. Contestants that are not installed are skipped (Debian: docker-registry
curl skopeo umoci podman zstd). --check fails if an aim is missed.
"""

import argparse
import collections
import contextlib
import ctypes
import functools
import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "blackbox" / "support"))
import hoststate  # noqa: E402
import registries  # noqa: E402

BUILD = TOP / "build-benchmark"
OURS = "machinectl-lite"
FLOOR = "floor"
SERVED = "floor, served"
REPULLS = 10
CASES = ("big", "layers", "files", "zstd", "cached")
PACKERS = {"gzip": ["gzip", "-4", "-c"], "zstd": ["zstd", "-q", "-3", "-c"]}
AIM_BESIDE_PEERS = 0.5
AIM_BESIDE_FLOOR = 1 / 0.9
AIM_MEMORY = 64 << 20
MEDIA = "application/vnd.oci.image"


def build():
    """An optimized build, and the floor."""
    quiet = {"stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), str(TOP), "-Dbuildtype=release"],
                       check=True, **quiet)
    subprocess.run(["ninja", "-C", str(BUILD)], check=True, **quiet)
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", str(BUILD / "image_floor"),
                    str(TOP / "tests/benchmark/image_floor.c"), "-lisal", "-lcrypto", "-lpthread"],
                   check=True, **quiet)


# ---- Images

@functools.cache
def pieces():
    """Pieces that gzip compresses to about half, like files of a distribution; together they exceed
    the window of compressors."""
    chance = random.Random(0)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz0123456789_(){};", k=6))
             for _ in range(5000)]
    return [b" ".join(chance.choices(words, k=8000)) + chance.randbytes(16000)
            for _ in range(300)]


def text(seed, size):
    """The pieces in random order."""
    chance = random.Random(seed)
    return b"".join(chance.choices(pieces(), k=size // len(pieces()[0]) + 1))[:size]


def make_tar(files):
    """A tar of (name, bytes) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def layers_of(case, scale):
    """The layers of a case, one by one."""
    if case in ("big", "zstd"):
        size = int(scale * (1 << 30)) // 16
        yield make_tar((f"f{i}", text(i, size)) for i in range(16))
    elif case == "layers":
        for i in range(20):
            yield make_tar([(f"l{i}", text(100 + i, int(scale * 50e6)))])
    else:
        yield make_tar((f"d{i // 100}/f{i}", b"%d" % i * 50) for i in range(int(scale * 110_000)))


def write_layout(path, case, scale):
    """An OCI layout for skopeo to copy from; the path of its first layer."""
    compression = "zstd" if case == "zstd" else "gzip"
    blobs = path / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    described, diff_ids = [], []
    for layer in layers_of(case, scale):
        packed = subprocess.run(PACKERS[compression], input=layer, stdout=subprocess.PIPE,
                                check=True).stdout
        diff_ids.append("sha256:" + hashlib.sha256(layer).hexdigest())
        described.append({"mediaType": f"{MEDIA}.layer.v1.tar+{compression}", **put(packed)})
    config = put(json.dumps({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": diff_ids}}).encode())
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json", "layers": described,
        "config": {"mediaType": f"{MEDIA}.config.v1+json", **config}}).encode())
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": f"{MEDIA}.manifest.v1+json", **manifest,
        "annotations": {"org.opencontainers.image.ref.name": "1"}}]}), encoding="utf-8")
    return blobs / described[0]["digest"].split(":")[1]


# ---- Contestants

def commands(reference, place, cached, peers=True):
    """The commands of a contestant, which keeps all its files in one directory."""
    yield OURS, (f"{BUILD}/src/cli/machinectl-lite --state-dir {place}/store -q pull "
                 f"--insecure {reference}")
    # umoci does not support zstd.
    if peers and shutil.which("skopeo") and shutil.which("umoci") and "/zstd:" not in reference:
        copy = f"skopeo copy -q --src-tls-verify=false docker://{reference} oci:{place}/oci:1"
        # The second pull finds the unpacked layers.
        unpack = "" if cached else f" && umoci unpack --image {place}/oci:1 {place}/bundle"
        yield "skopeo + umoci", copy + unpack
    if peers and shutil.which("podman"):
        yield "podman", (f"podman --root {place}/podman --runroot {place}/run "
                         f"--storage-driver overlay pull -q --tls-verify=false {reference}")


def proportional(pid):
    """The memory of a process, with its share of shared pages."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def sync(place):
    """Waits until the whole file system is on disk."""
    directory = os.open(place, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(directory) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", str(place))
    finally:
        os.close(directory)


def timed(command, place):
    """Seconds until the contestant is done and its files are on disk."""
    started = time.monotonic()
    if subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"failed: {command}")
    sync(place)
    return time.monotonic() - started


def watch(pid, ended, peak, interval):
    """Records the peak memory of a process and its descendants."""
    while not ended.wait(interval):
        peak[0] = max(peak[0], sum(map(proportional, [pid, *hoststate.live_processes(pid)])))


def run(command, place, interval=0.1):
    """Seconds until the contestant is done and its files are on disk, and the peak memory of its
    processes, sampled ten times a second."""
    peak, ended, started = [0], threading.Event(), time.monotonic()
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL) as process:
        watcher = threading.Thread(target=watch, args=(process.pid, ended, peak, interval))
        watcher.start()
        if process.wait() != 0:
            ended.set()
            sys.exit(f"failed: {command}")
    sync(place)
    seconds = time.monotonic() - started
    ended.set()
    watcher.join()
    return seconds, peak[0]


def empty(place):
    """A fresh directory, after writeback of the old one."""
    if os.path.ismount(place / "podman/overlay"):
        subprocess.run(["umount", "-l", place / "podman/overlay"], check=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    sync(place)


def measure(reference, place, rounds, peers, layer):
    """{contestant: [(seconds, bytes)]}."""
    results = collections.defaultdict(list)
    for _ in range(rounds):
        for name, command in commands(reference, place, False, peers):
            empty(place)
            results[name].append(run(command, place))
        if layer:
            host, _, name = reference.rpartition(":")[0].partition("/")
            fetch = f"curl -sSfo /dev/null http://{host}/v2/{name}/blobs/sha256:{layer.name}"
            floor = f"{BUILD}/image_floor {layer}"
            results[FLOOR].append(run(floor, place))
            if shutil.which("curl"):
                results[SERVED].append(run(f"{fetch} & {floor} && wait $!", place))
    empty(place)
    return results


def measure_cached(reference, place, rounds, peers):
    """The same for repeated pulls. They take milliseconds, so sampling memory would distort them:
    memory is measured in a separate run."""
    results = collections.defaultdict(list)
    contestants = dict(commands(reference, place, True, peers))
    empty(place)
    for _, command in commands(reference, place, False, peers):
        run(command, place)
    peaks = {name: run(command, place, 0.001)[1] for name, command in contestants.items()}
    for _ in range(rounds * REPULLS):
        for name, command in contestants.items():
            results[name].append((timed(command, place), peaks[name]))
    empty(place)
    return results


# ---- Report

def report(case, results):
    """Prints a case. Returns the missed aims."""
    missed = []
    for name, runs in results.items():
        # Ratios within one round, so that other load affects both.
        ratio = statistics.median(mine[0] / other[0] for mine, other in zip(results[OURS], runs))
        seconds = statistics.median(run[0] for run in runs)
        peak = max(run[1] for run in runs)
        memory = f"{peak / (1 << 20):8.1f} MiB" if peak else " " * 12
        print(f"{case:8}{name:18}{seconds:8.3f} s{memory}"
              + (f"   we take {ratio:.2f} of it" if name != OURS else ""), flush=True)
        aim = AIM_BESIDE_FLOOR if name == FLOOR else AIM_BESIDE_PEERS
        if name not in (OURS, SERVED) and ratio > aim:
            missed.append(f"{case}: {ratio:.2f} of {name}, the aim is {aim:.2f}")
        if name == OURS and peak > AIM_MEMORY:
            missed.append(f"{case}: {peak >> 20} MiB, the aim is {AIM_MEMORY >> 20}")
    return missed


def push(case, given, directory, host):
    """Makes and pushes a case's image. Returns its reference and first layer."""
    layout = directory / f"layout-{case}"
    reference = f"{host}/bench/{case}:1"
    layer = write_layout(layout, case, given.scale)
    registries.skopeo("copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:1",
                      f"docker://{reference}")
    return reference, layer


def run_cases(given, directory, host):
    """Measures; the big image is used for the cached case, too."""
    missed, images = [], {}
    for case in given.only.split(","):
        image = "big" if case == "cached" else case
        if image not in images:
            images[image] = push(image, given, directory, host)
        reference, layer = images[image]
        place, peers = directory / "place", not given.no_peers
        missed += report(case, measure_cached(reference, place, given.rounds, peers)
                         if case == "cached" else
                         measure(reference, place, given.rounds, peers,
                                 layer if case == "big" else None))
    return missed


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("usage:")[2])
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if not given.no_build:
        build()
    directory = Path(tempfile.mkdtemp(prefix="mlite-bench-", dir="/var/tmp"))
    (directory / "place").mkdir()
    missed = []
    try:
        with registries.docker_registry() as host:
            missed = run_cases(given, directory, host)
    finally:
        empty(directory / "place")
        shutil.rmtree(directory, ignore_errors=True)
    for line in missed:
        print(f"aim missed: {line}")
    sys.exit(1 if missed and given.check else 0)


if __name__ == "__main__":
    os.umask(0o022)
    main()
