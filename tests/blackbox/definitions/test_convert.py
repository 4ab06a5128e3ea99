# SPDX-License-Identifier: LGPL-2.1-or-later
"""`convert`: definitions from command lines, compose files, Quadlets, .nspawn files, LXC configurations
and OCI bundles, and back. test_convert_corpus.py measures what is kept of public files."""

import json
import random
import shutil
import subprocess

import pytest

import harness
import oci

QUADLET = """[Unit]
Description=A site
Requires=db.service
After=db.service
[Container]
Image=docker.io/library/nginx:1.27
Exec=nginx -g "daemon off;"
PublishPort=127.0.0.1:8080:80
Volume=data.volume:/data:ro
Network=front.network
Environment=A=1 "B=x y"
AddCapability=CAP_NET_ADMIN
HealthCmd=curl -f http://localhost/
HealthInterval=10s
PodmanArgs=--memory=268435456 --cpus=1.5
StopTimeout=30
Ulimit=nofile=1024:4096
[Service]
Restart=on-failure
RestartSec=2s
[Install]
WantedBy=multi-user.target
"""


def keys(cli, path):
    """The definition as a tree, without the places of its keys."""
    text = cli("config", "show", "--json=short", path).check().stdout
    return json.loads(text)["settings"]


def report(cli, *arguments, status=0):
    """The JSON of a conversion."""
    return json.loads(cli("--json=short", "convert", *arguments).check(status).stdout)


def definition(cli, *arguments, status=0, name=None):
    """The text of the only file, or of one by its name."""
    files = {file["name"]: file["text"]
             for file in report(cli, *arguments, status=status)["files"]}
    if name is None:
        assert len(files) == 1, files.keys()
        return next(iter(files.values()))
    return files[name]


def test_a_command_line(cli, workspace):
    """Every option becomes its key."""
    text = definition(cli, "--", "sudo", "docker", "run", "-dit", "--name", "web", "-p8080:80",
                      "--publish=[::1]:53:53/udp", "-v", "/srv/a:/b:ro", "-v", "data:/data",
                      "-e", "A=b c", "--env", "X=", "--restart=on-failure:3", "-m", "512m",
                      "--cap-drop=ALL", "--cap-add", "net_admin", "--tmpfs", "/run:size=64m",
                      "--user", "1000:1000", "--entrypoint", "/bin/app", "--init", "nginx", "-x")
    for line in ('image = "docker.io/library/nginx";', "terminal = true;", '  "8080:80",',
                 '  "[::1]:53:53/udp"', '  "A=b c",', '  "X="', '  policy = "on-failure";',
                 "  limit = 3;", '  memory = "512M";', '  swap = "512M";', '    "all"',
                 '    "CAP_NET_ADMIN"', 'user = "1000:1000";', '  "/bin/app",',
                 '  { source = "/srv/a"; target = "/b"; read_only = true; },',
                 '  { type = "volume"; source = "data"; target = "/data"; },',
                 '  { type = "tmpfs"; target = "/run"; size = "64M"; mode = "1777"; }'):
        assert line + "\n" in text, line
    assert "init = false" not in text


def test_a_loss_is_told(cli, workspace):
    """As a message with its place, as a comment, and by the exit status."""
    script = workspace / "run.sh"
    script.write_text("IMAGE=nginx:1\nexport DATA=$(pwd)/data\n# a comment\n"
                      "docker run --name web \\\n  --gpus all \\\n  -v $DATA:/d \"$IMAGE\"\n")
    result = cli("convert", script).check(1)
    assert f"{script}:4: --gpus: lost: name the nodes" in result.stderr
    assert "1 of 4 settings were lost" in result.stderr
    assert f"# LOST: {script}:4: --gpus: name the nodes" in result.stdout
    assert f'source = "{workspace}/data"; target = "/d"' in result.stdout
    assert 'image = "docker.io/library/nginx:1";' in result.stdout


def test_a_value_that_check_refuses_is_lost(cli):
    """With the reason of `check`; the rest is kept."""
    document = report(cli, "--", "podman", "run", "--name", "a", "-v", "/proc/x:/proc", "--sysctl",
                      "vm.swappiness=1", "-p", "80", "busybox", status=1)
    lost = [note["message"] for note in document["notes"] if note["kind"] == "lost"]
    assert len(lost) == 2 and document["lost"] == 2
    assert any("kernel file system" in message for message in lost)
    assert any("the whole host's setting" in message for message in lost)
    assert '"80:80"' in document["files"][0]["text"]


def test_nothing_is_replaced_unasked(cli, workspace):
    """--out refuses an existing file before it writes the first; --force replaces it."""
    out = workspace / "out"
    out.mkdir()
    (out / "b.machine").write_text("mine")
    script = workspace / "run.sh"
    script.write_text("docker run --name a x\ndocker run --name b x\n")
    result = cli("convert", "--out", out, script).check(1)
    assert f"{out}/b.machine exists already" in result.stderr and "--force" in result.stderr
    assert [path.name for path in out.iterdir()] == ["b.machine"]
    cli("convert", "--out", out, "--force", script).check()
    assert sorted(path.name for path in out.iterdir()) == ["a.machine", "b.machine"]
    assert (out / "a.machine").stat().st_mode & 0o777 == 0o600
    cli("check", out).check()


def test_variables_of_a_compose_file(cli, workspace):
    """Of the environment, of .env and --env-file; a missing one is told."""
    (workspace / ".env").write_text("TAG=2\nexport NAME='x y'\n")
    (workspace / "other.env").write_text("TAG=3\n")
    compose = workspace / "compose.yaml"
    compose.write_text("""
services:
  a:
    image: x:${TAG}
    environment: { A: "${NAME-none}", B: "$$HOME", C: "${UNSET:-d${TAG}}", D: "${UNSET}" }
""")
    text = definition(cli, compose, name="a.machine")
    assert "${UNSET}: differs: the variable has no value" in cli("convert", compose).check().stderr
    for line in ('x:2"', '"A=x y"', '"B=$HOME"', '"C=d2"', '"D="'):
        assert line in text, line
    assert 'x:3"' in definition(cli, "--env-file", workspace / "other.env", compose,
                                name="a.machine")
    assert 'x:9"' in json.loads(cli("--json=short", "convert", compose, env={"TAG": "9"})
                                .check().stdout)["files"][0]["text"]
    compose.write_text("services: { a: { image: 'x:${TAG2:?say which}' } }\n")
    assert "say which" in cli("convert", compose).check(1).stderr


def test_a_compose_file(cli, workspace):
    """Anchors, extends, profiles, conditions, networks, volumes, secrets, limits."""
    (workspace / "base").mkdir()
    (workspace / "base/common.yaml").write_text("""
services:
  base: { image: base, env_file: [./base.env], volumes: ["./x:/x"], cap_add: [SYS_NICE] }
""")
    compose = workspace / "compose.yaml"
    compose.write_text("""
name: shop
x-log: &log { driver: json-file, options: { max-size: 10m } }
services:
  web:
    <<: *defaults-of-web
    extends: { file: base/common.yaml, service: base }
    image: web
    logging: *log
    cap_add: [NET_ADMIN]
    depends_on: { db: { condition: service_healthy } }
    networks: { front: { ipv4_address: 10.9.0.5 } }
    ports: [ "8080:80", { target: 90, published: "9090", host_ip: 127.0.0.1, protocol: udp } ]
    secrets: [ token ]
  db:
    image: db
    healthcheck: { test: "pg_isready", interval: 1m30s, retries: 5 }
    volumes: [ { type: volume, source: data, target: /data, read_only: true }, "bound:/b" ]
    deploy: { resources: { limits: { cpus: "0.5", memory: 1G, pids: 100 } } }
    networks: [ front ]
  tool: { image: tool, profiles: [ debug ] }
networks:
  front: { internal: true, ipam: { config: [ { subnet: 10.9.0.0/24, gateway: 10.9.0.1 } ] } }
volumes:
  data: { labels: { tier: gold } }
  bound: { driver_opts: { type: none, o: bind, device: /srv/bound } }
secrets: { token: { file: ./token.txt } }
""".replace("    <<: *defaults-of-web\n", ""))
    document = report(cli, compose)
    files = {file["name"]: file["text"] for file in document["files"]}
    assert sorted(files) == ["data.volume", "db.machine", "front.network", "web.machine"]
    assert document["lost"] == 0
    web, database = files["web.machine"], files["db.machine"]
    for line in (f'"{workspace}/base/base.env"', f'source = "{workspace}/base/x"',
                 '"CAP_SYS_NICE"', '"CAP_NET_ADMIN"', '"127.0.0.1:9090:90/udp"',
                 'address = "10.9.0.5"', 'max_size = "10M"', '"db"',
                 f'source = "{workspace}/token.txt"; target = "/run/secrets/token"'):
        assert line in web, line
    for line in ('ready = "health";', 'interval = "90s"', 'cpu = "0.5"', "tasks = 100",
                 'source = "/srv/bound"; target = "/b"', 'retries = 5',
                 'type = "volume"; source = "data"; target = "/data"; read_only = true'):
        assert line in database, line
    assert 'subnet = "10.9.0.0/24"' in files["front.network"]
    assert "internal = true" in files["front.network"]
    assert '"tier=gold"' in files["data.volume"]
    with_tool = report(cli, "--profile", "debug", compose)
    assert "tool.machine" in [file["name"] for file in with_tool["files"]]


def test_quadlet_and_back(cli, workspace):
    """A Quadlet becomes a machine, and that the same Quadlet but for order and notation."""
    source, back = workspace / "quadlets", workspace / "back"
    source.mkdir()
    (source / "web.container").write_text(QUADLET)
    (source / "db.container").write_text("[Container]\nImage=db\nPod=all.pod\n")
    (source / "all.pod").write_text("[Pod]\nPublishPort=5432:5432\n")
    (source / "front.network").write_text("[Network]\nSubnet=10.9.1.0/24\nInternal=true\n")
    (source / "data.volume").write_text("[Volume]\nUser=999\nGroup=998\nOptions=size=1g\n")
    first = workspace / "first"
    cli("convert", "--out", first, source).check()
    assert sorted(path.name for path in first.iterdir()) == [
        "all.pod", "data.volume", "db.machine", "front.network", "web.machine"]
    cli("check", first).check()
    assert 'owner = "999:998"' in (first / "data.volume").read_text()
    cli("convert", "--to", "quadlet", "--out", back, first / "web.machine").check()
    shutil.copy(source / "db.container", back)
    again = workspace / "again"
    cli("convert", "--out", again, back).check()
    assert keys(cli, again / "web.machine") == keys(cli, first / "web.machine")


def test_kube_is_refused(cli, workspace):
    """By itself; in a directory it is lost."""
    (workspace / "a.kube").write_text("[Kube]\nYaml=a.yaml\n")
    assert "Kubernetes" in cli("convert", workspace / "a.kube").check(65).stderr
    (workspace / "b.container").write_text("[Container]\nImage=b\n")
    result = cli("convert", workspace).check(1)
    assert "a.kube: lost: " in result.stderr and "b.machine" in result.stdout


def test_nspawn_and_back(cli, workspace):
    """With its drop-in, and back to the same settings."""
    (workspace / "deb.nspawn").write_text(
        "[Exec]\nBoot=no\nProcessTwo=yes\nParameters=/bin/app \"a b\"\nUser=www\n"
        "Environment=A=\"b c\"\nSystemCallFilter=~mount @clock\nLimitNOFILE=10:20\n"
        "[Files]\nBind=/srv/a:/a\nBindReadOnly=/srv/b\nTemporaryFileSystem=/t:size=64M,mode=0700\n"
        "[Network]\nZone=lab\nPort=tcp:80:8080\n")
    drop_in = workspace / "systemd-nspawn@deb.service.d"
    drop_in.mkdir()
    (drop_in / "a.conf").write_text("[Service]\nMemoryMax=1G\nCPUQuota=50%\n")
    out = workspace / "out"
    cli("convert", "--out", out, workspace / "deb.nspawn").check()
    machine = out / "deb.machine"
    text = machine.read_text()
    for line in ('rootfs = "/var/lib/machines/deb";', "init = true;", '"a b"', '"A=b c"',
                 'memory = "1G"', 'cpu = "50%"', '"80:8080/tcp"', 'name = "lab"', '"@clock"',
                 'open_files = "10:20"', 'size = "64M"; mode = "0700"'):
        assert line in text, line
    result = cli("convert", "--to", "nspawn", machine).check(1)
    assert "limits.memory: lost: set it in a drop-in" in result.stderr
    back = workspace / "back"
    back.mkdir()
    (back / "deb.nspawn").write_text(result.stdout)
    again = workspace / "again"
    cli("convert", "--out", again, back / "deb.nspawn").check()
    want = keys(cli, machine)
    for key in ("memory", "cpu"):
        want["limits"].pop(key)
    assert keys(cli, again / "deb.machine") == want


def test_lxc(cli, workspace):
    """Settings of all versions; an address gives the network its subnet."""
    (workspace / "box").mkdir()
    (workspace / "box/config").write_text("""
# common settings
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = dir:/srv/box
lxc.uts.name = box
lxc.network.type = veth
lxc.network.link = br0
lxc.network.ipv4 = 10.9.2.7/24
lxc.network.ipv4.gateway = 10.9.2.1
lxc.idmap = u 0 900000000 65536
lxc.idmap = g 0 900000000 65536
lxc.cap.keep = net_admin sys_time
lxc.mount.entry = /srv/a srv/a none bind,ro,create=dir 0 0
lxc.cgroup2.memory.max = 256M
lxc.prlimit.nofile = 1024
lxc.start.auto = 1
lxc.hook.start = /bin/true
""")
    files = {file["name"]: file["text"]
             for file in report(cli, workspace / "box", status=1)["files"]}
    for line in ('rootfs = "/srv/box"', "boot = true", 'user_namespace = "900000000:65536"',
                 'address = "10.9.2.7"', '"all"', '"CAP_NET_ADMIN"', "autostart = true",
                 'source = "/srv/a"; target = "/srv/a"; read_only = true', 'memory = "256M"',
                 "lxc.hook.start: no commands of the host"):
        assert line in files["box.machine"], line
    assert 'subnet = "10.9.2.0/24"' in files["br0.network"]
    assert 'gateway = "10.9.2.1"' in files["br0.network"]


def test_oci_and_back(cli, workspace, busybox_root):
    """A definition as a bundle, which an OCI runtime runs; and back."""
    machine = workspace / "box.machine"
    machine.write_text(f'rootfs = "{busybox_root}"; read_only = true;\n'
                       'command = [ "/bin/sh", "-c", "echo $A; hostname; id -u" ];\n'
                       'environment = [ "A=b c", "PATH=/bin" ]; user_namespace = "none";\n'
                       'user = "7:8"; hostname = "inside"; network = { mode = "none"; };\n'
                       'mounts = ( { type = "tmpfs"; target = "/tmp"; size = "1M"; } );\n'
                       'limits = { open_files = "100:200"; oom_score_adjust = 5; };\n'
                       'masked_paths = [ "/proc/config.gz" ];\n')
    bundle = workspace / "bundle"
    cli("convert", "--to", "oci", "--out", bundle, machine).check()
    config = json.loads((bundle / "config.json").read_text())
    assert config["process"]["args"][0] == "/bin/sh" and "/proc/config.gz" in \
        config["linux"]["maskedPaths"]
    runtime = oci.find_binary()
    run = subprocess.run([*harness.WITH_CGROUP2, runtime, "--root", workspace / "oci", "run",
                          "--bundle", bundle, f"convert-{random.randrange(10**9)}"],
                         capture_output=True, text=True, timeout=60, check=False,
                         stdin=subprocess.DEVNULL)
    assert (run.returncode, run.stdout) == (0, "b c\ninside\n7\n"), run.stderr
    text = definition(cli, bundle)
    for line in (f'rootfs = "{busybox_root}"', 'hostname = "inside"', 'user = "7:8"',
                 'user_namespace = "none"', 'mode = "none"', 'open_files = "100:200"',
                 'size = "1M"', '"A=b c"', "oom_score_adjust = 5"):
        assert line in text, line


def test_a_filter_has_a_file_of_its_own(cli, workspace):
    """linux.seccomp of a bundle is the profile of the machine."""
    (workspace / "b").mkdir()
    (workspace / "b/config.json").write_text(json.dumps({
        "ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["sh"], "cwd": "/"},
        "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}]}}}))
    out = workspace / "out"
    cli("convert", "--out", out, workspace / "b").check()
    assert 'profile = "b.seccomp.json"' in (out / "b.machine").read_text()
    assert json.loads((out / "b.seccomp.json").read_text())["syscalls"][0]["names"] == ["ptrace"]
    cli("check", out).check()


def test_a_result_starts(cli, workspace, busybox_root):
    """What was a container runs as a machine."""
    out = workspace / "out"
    cli("convert", "--out", out, "--name", "box", "--", "podman", "run", "--network", "none",
        "--env", "A=b", "--hostname", "inside", "--tmpfs", "/tmp:size=1m", "--read-only", "--rootfs",
        busybox_root, "/bin/sh", "-c", "echo $A $(hostname) $$").check()
    assert cli("run", out / "box.machine").check().stdout == "b inside 1\n"


@pytest.mark.parametrize("name, text, message", [
    ("a.yaml", "services: { a: { image: x }\n", "a.yaml:2: "),
    ("a.yaml", "a: 1\n", "has no \"services\""),
    ("a.yaml", "apiVersion: v1\nkind: Pod\n", "Kubernetes"),
    ("a.yaml", "services:\n  a: { image: x, image: y }\n", "a.yaml:2: a key is set twice"),
    ("a.yaml", "services: { a: { ports: ['80:80'] } }\n", "no root"),
    ("a.yaml", "services: { a: { extends: a, image: x } }\n", "extend each other"),
    ("a.yaml", "services: { a: !!binary x, b: !tag y }\n", "tags are not supported"),
    ("a.container", "Image=x\n", "a.container:1: a setting before the first section"),
    ("a.container", "[Container]\nImage\n", "a.container:2: expected KEY=VALUE"),
    ("config.json", "{", "config.json:1: "),
    ("config.json", "{}", "no \"ociVersion\""),
    ("a.sh", "echo docker\n", "has no \"docker run\""),
    ("a.sh", "a\0b", "is not a text file"),
])
def test_what_is_wrong_with_a_source(cli, workspace, name, text, message):
    """File and line, and status 65."""
    (workspace / name).write_text(text)
    result = cli("convert", name, cwd=workspace).check(65)
    assert message in result.stderr and result.stdout == ""


def test_wrong_arguments(cli, workspace):
    """A missing source, unknown kinds, a pod to convert back."""
    cli("convert").check(64)
    assert "No such file" in cli("convert", workspace / "none").check(66).stderr
    assert "expected quadlet, nspawn or oci" in cli("convert", "--to", "x", "y").check(64).stderr
    (workspace / "a.sh").write_text("docker run x\n")
    assert "the kinds are run, " in cli("convert", "--from", "x", workspace / "a.sh").check(64).stderr
    assert "only \"run\" and \"create\"" in cli("convert", "--", "docker", "ps").check(65).stderr


def test_aliases_do_not_make_a_document_larger(cli, workspace):
    """An alias bomb, deep nesting and a huge file are refused at once."""
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    path = workspace / "bomb.yaml"
    path.write_text(bomb + "services: { a: { image: x } }\n")
    assert "too large" in cli("convert", path, timeout=20).check(65).stderr
    path.write_text("services: " + "[" * 5000)
    assert "too deep" in cli("convert", path, timeout=20).check(65).stderr
    path.write_text("x: " + "y" * (5 << 20))
    cli("convert", path, timeout=20).check(1)


def test_text_cannot_end_a_comment(cli, workspace):
    """What a hostile source says stays in its comment or its string."""
    path = workspace / "compose.yaml"
    path.write_text(json.dumps({"services": {"a": {
        "image": "x", "gpu\ncommand = [ \"evil\" ];": "1", "environment": {"A": "\";\nboot = true;"},
        "runtime": "x\nboot = true;"}}}))
    out = workspace / "out"
    cli("convert", "--out", out, path).check(1)
    shown = keys(cli, out / "a.machine")
    assert "command" not in shown and "boot" not in shown
    cli("check", out).check()


def test_several_networks(cli, workspace):
    """Of each kind, with the names, addresses and aliases of each network."""
    (workspace / "run.sh").write_text(
        "podman run --name web --network front --network back:mac=02:00:5e:10:00:01,alias=app "
        "--network-alias www nginx\n")
    (workspace / "shop").mkdir()
    (workspace / "shop" / "compose.yaml").write_text("""
services:
  web:
    image: nginx
    container_name: site
    networks:
      back: {aliases: [app], ipv4_address: 10.9.0.5}
      front:
networks:
  front:
  back: {internal: true, ipam: {config: [{subnet: 10.9.0.0/24}]}}
""")
    (workspace / "web.container").write_text(
        "[Container]\nImage=nginx\nNetwork=front\nNetwork=back:alias=app\nNetworkAlias=www\n")
    (workspace / "ct").mkdir()
    (workspace / "ct" / "config").write_text("""
lxc.net.0.type = veth
lxc.net.0.link = br0
lxc.net.1.type = veth
lxc.net.1.link = br1
lxc.net.1.name = eth1
lxc.net.1.hwaddr = 02:00:5e:10:00:01
lxc.net.1.ipv4.address = 10.9.0.5/24
lxc.net.2.type = phys
lxc.net.2.link = eth9
""")
    expected = {
        "run.sh": ({"name": "front", "aliases": ["www"]},
                   [{"name": "back", "mac": "02:00:5e:10:00:01", "aliases": ["app", "www"]}], 0),
        "shop": ({"name": "front", "aliases": ["site"]},
                 [{"name": "back", "address": "10.9.0.5", "aliases": ["app", "site"]}], 0),
        "web.container": ({"name": "front", "aliases": ["www"]},
                          [{"name": "back", "aliases": ["app", "www"]}], 0),
        "ct": ({"name": "br0"},
               [{"name": "br1", "mac": "02:00:5e:10:00:01", "address": "10.9.0.5"}], 1),
    }
    for source, (first, further, status) in expected.items():
        out = workspace / "out" / source
        cli("convert", "--out", out, workspace / source).check(status)
        machine = next(path for path in out.iterdir() if path.suffix == ".machine")
        shown = keys(cli, machine)
        assert shown["network"] == first and shown["networks"] == further, source
        cli("check", out).check()
    back = cli("convert", "--to", "quadlet", workspace / "out" / "run.sh" / "web.machine").stdout
    assert "Network=front\n" in back and "NetworkAlias=www\n" in back
    assert "Network=back:mac=02:00:5e:10:00:01,alias=app,alias=www\n" in back
    # A subnet that is not known cannot be checked: the address is lost, the network is not.
    (workspace / "run.sh").write_text(
        "podman run --name web --network front --network back:ip=10.9.0.5,alias=app nginx\n")
    cli("convert", "--force", "--out", workspace / "out", workspace / "run.sh").check(1)
    assert keys(cli, workspace / "out" / "web.machine")["networks"] == [
        {"name": "back", "aliases": ["app"]}]
