# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines that run from an image, and images made from machines."""

import json
import subprocess
import tarfile
from pathlib import Path

import harness
import images
import networking
import pytest
from images import Image, define, directory, layer, load, member

pytestmark = pytest.mark.needs("root")

CONFIG = {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -u; pwd; echo $WHO"],
          "Env": ["PATH=/bin", "WHO=image"], "User": "1000:50", "WorkingDir": "/work"}


@pytest.fixture
def image():
    """A base, and a layer that removes a part of it."""
    base = layer(*images.base_members(), member("etc/gone", b"x"),
                 member("etc/owned", b"", uid=1000, gid=50))
    return Image(base, layer(member("etc/.wh.gone", b""), member("etc/new", b"top\n")),
                 config=CONFIG)


@pytest.fixture
def server():
    """A registry on loopback with plain HTTP."""
    with images.registry() as running:
        yield running


def test_defaults_of_the_image(cli, image):
    """Entrypoint, command, environment, user, working directory; the definition overrides them."""
    name = load(cli, image)
    define(cli, "app", image=name)
    assert cli("run", "app", cgroup2=True).check().stdout == "1000\n/work\nimage\n"
    define(cli, "two", image=name, arguments=["echo $WHO; id -g"], environment=["WHO=me"])
    assert cli("run", "two", cgroup2=True).check().stdout == "me\n50\n"
    define(cli, "three", image=name, command=["/bin/id", "-u"], user="0")
    assert cli("run", "three", cgroup2=True).check().stdout == "0\n"


def test_layers_and_owners(cli, image):
    """Whiteouts hide files, owners are those of the archive inside and unprivileged outside, and
    the trees of the store do not change."""
    define(cli, "app", image=load(cli, image), user="0",
           arguments=["ls /etc; stat -c %u:%g /etc/owned; cat /etc/new; touch /etc/written; "
                      "rm /etc/new"])
    result = cli("run", "app", cgroup2=True).check()
    assert "gone" not in result.stdout and "1000:50\n" in result.stdout and "top\n" in result.stdout
    cli("image-status", "--verify", "test/app:1").check()
    upper = Path(cli.state, "machines/app/upper/etc")
    assert (upper / "written").exists() and not (upper / "written").is_char_device()


def test_pulled_when_missing(cli, image, server, workspace):
    """missing fetches once, never does not fetch, always checks each time."""
    reference = server.add("team/app", "1", image)
    etc = Path("/etc/machinectl-lite")
    if etc.exists():
        pytest.skip("this host has settings of registries")
    settings = workspace / "registries.conf"
    settings.write_text(f'registries = ( {{ name = "{server.host}"; insecure = true; }} );',
                        encoding="utf-8")
    mounted = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               "mkdir -p /run/mlite-etc/upper /run/mlite-etc/work && mount -t tmpfs t /run/mlite-etc"
               " && mkdir /run/mlite-etc/upper /run/mlite-etc/work && "
               "mount -t overlay -o lowerdir=/etc,upperdir=/run/mlite-etc/upper,"
               "workdir=/run/mlite-etc/work o /etc && mkdir -p /etc/machinectl-lite && "
               f'cp {settings} /etc/machinectl-lite/ && exec "$@"', "sh"]

    def run(name, **keys):
        define(cli, name, image=reference, upper="volatile", **keys)
        return cli("run", name, cgroup2=True, wrapper=mounted)

    never = run("app", pull="never").check(125)
    assert "machinectl-lite pull" in never.stderr and not server.requests
    assert run("app").check().stdout == "1000\n/work\nimage\n"
    count = len(server.requests)
    assert run("app").check() and len(server.requests) == count
    assert run("app", pull="always").check() and len(server.requests) == count + 1


def test_in_use(cli, image):
    """An image of a running machine or below a writable layer is not removed without --force; if
    its name moves, the machine continues with the original image."""
    name = load(cli, image)
    define(cli, "app", image=name, arguments=["echo up; sleep 60"], user="0", upper="volatile")
    running = cli.start("run", "app", cgroup2=True)
    running.read_until("up")
    assert "in use" in cli("remove-image", name).check(1).stderr
    running.kill()
    cli("collect")
    define(cli, "kept", image=name, arguments=["echo $WHO"], user="0")
    cli("run", "kept", cgroup2=True).check()
    assert "in use by kept" in cli("remove-image", name).check(1).stderr
    moved = Image(layer(directory("./")), config=CONFIG)
    load(cli, moved, name)
    cli("prune").check()
    assert cli("run", "kept", cgroup2=True).check().stdout == "image\n"
    cli("delete", "kept").check()
    result = json.loads(cli("prune", "--json=short").check().stdout)
    assert result["images"] == 1 and result["layers"] == 2


def test_commit_save_and_push(cli, image, server, workspace):
    """A machine's changes become an image, which other tools and this program can read."""
    define(cli, "app", image=load(cli, image), user="0",
           arguments=["echo written > /etc/written; rm /etc/new"])
    cli("run", "app", cgroup2=True).check()
    cli("commit", "app", "made/by:hand").check()
    define(cli, "next", image="made/by:hand", user="0",
           arguments=["cat /etc/written; ls /etc/new /etc/gone"])
    result = cli("run", "next", cgroup2=True)
    assert result.stdout == "written\n" and result.status == 1
    archive = workspace / "saved.tar"
    cli("save", "made/by:hand", archive).check()
    with tarfile.open(archive) as tar:
        assert {"oci-layout", "index.json"} <= set(tar.getnames())
    cli("save", "--format=docker", "made/by:hand", workspace / "docker.tar").check()
    first = cli("load", "--name", "back:1", archive).check().stdout.split()[1]
    second = cli("load", "--name", "back:2", workspace / "docker.tar").check().stdout.split()[1]
    assert first == second
    cli("image-status", "--verify", "back:1").check()


@pytest.mark.needs("program:skopeo", "program:umoci")
def test_others_read_what_is_saved(cli, image, workspace):
    """skopeo and umoci accept an image; umoci's tree equals that of the original."""
    name = load(cli, image)
    cli("save", name, workspace / "oci.tar").check()
    cli("save", "--format=docker", name, workspace / "docker.tar").check()
    cli("save", "--format=oci-directory", name, workspace / "layout").check()
    for source in (f"oci-archive:{workspace}/oci.tar", f"docker-archive:{workspace}/docker.tar"):
        subprocess.run(["skopeo", "inspect", source], check=True, stdout=subprocess.DEVNULL)
    image.write_layout(workspace / "original", "original")

    def tree(layout, tag):
        place = workspace / f"unpacked-{Path(layout).name}"
        subprocess.run(["umoci", "unpack", "--image", f"{layout}:{tag}", place], check=True,
                       capture_output=True)
        return subprocess.run(["find", ".", "-printf", "%p %y %m %U %G %s %T@ %l\n"],
                              cwd=place / "rootfs", check=True, capture_output=True).stdout

    saved = tree(workspace / "layout", "docker.io/test/app:1")
    assert sorted(saved.splitlines()) == sorted(tree(workspace / "original",
                                                     "original").splitlines())


@pytest.mark.parametrize("count", [20, 127])
def test_many_layers(cli, count):
    """All layers are visible, the topmost wins; the paths of so many layers exceed one page of
    mount options."""
    image = Image(layer(*images.base_members()),
                  *(layer(member(f"etc/layer-{i}", b"x"), member("etc/top", b"%d" % i))
                    for i in range(count - 1)),
                  config={"Entrypoint": ["/bin/sh", "-c"],
                          "Cmd": ["set -- /etc/layer-*; echo $#; cat /etc/top"]})
    define(cli, "app", image=load(cli, image))
    assert cli("run", "app", cgroup2=True).check().stdout == f"{count - 1}\n{count - 2}"


@pytest.mark.needs("program:nft", "program:ip", "program:busybox")
def test_a_service_from_pull_to_removal(cli, server):
    """The life of an image with a web server: pulled, started, queried through a published port,
    entered, stopped, started again with its changes, deleted, removed; nothing is left."""
    image = Image(layer(*images.base_members(), directory("srv"),
                        member("srv/index.html", b"of the image\n")),
                  config={"Entrypoint": ["/bin/httpd", "-f"], "Cmd": ["-p", "80", "-h", "/srv"],
                          "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/srv": {}},
                          "StopSignal": "SIGKILL"})
    reference = server.add("team/web", "1", image)
    cli("pull", "--insecure", reference).check()
    host = networking.Host(cli)

    def run(*arguments, status=0):
        return cli(*arguments, cgroup2=True, wrapper=host.wrapper).check(status).stdout

    def ask(page):
        return harness.wait_for(lambda: host.run(
            "busybox", "wget", "-qO-", f"http://127.0.0.1:8080/{page}", check=False), what=page)

    try:
        define(cli, "web", image=reference, pull="never", network={"mode": "bridge"},
               ports=["8080:80"])
        run("start", "web")
        assert ask("index.html") == "of the image\n"
        record = json.loads(run("show", "web"))
        assert record["image"] == reference and record["exposed_ports"] == ["80/tcp"]
        assert run("exec", "web", "/bin/sh", "-c", "echo new > /srv/new; id -u") == "0\n"
        assert ask("new") == "new\n"
        assert "in use" in cli("remove-image", reference).check(1).stderr
        run("stop", "web")
        run("status", "web", status=3)
        run("start", "web")
        assert ask("new") == "new\n"
        run("delete", "--force", "web")
        # Links and rules of an ended machine are removed in the background.
        assert harness.wait_for(host.is_clean)
    finally:
        cli("delete", "--force", "web", cgroup2=True, wrapper=host.wrapper)
        host.close()
    assert not Path(cli.state, "machines/web").exists()
    cli("remove-image", reference).check()
    assert not list(Path(cli.state, "layers").glob("*")) and not images.leftovers(cli)
