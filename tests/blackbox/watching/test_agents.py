# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines that monitor their host: the mounts that the manuals of agents require, and second
mounts of the host's /sys, /proc and /."""

import os

import hoststate
import pytest

# As their documentation has it, of `docker run -v`.
AGENTS = {
    "node-exporter": ["/:/host:ro,rslave"],
    "netdata": ["/etc/passwd:/host/etc/passwd:ro", "/etc/group:/host/etc/group:ro",
                "/etc/os-release:/host/etc/os-release:ro", "/proc:/host/proc:ro",
                "/sys:/host/sys:ro", "/var/log:/host/var/log:ro"],
    "cadvisor": ["/:/rootfs:ro", "/var/run:/var/run:ro", "/sys:/host/sys:ro",
                 "/dev:/host/dev:ro"],
    "promtail": ["/var/log:/var/log:ro", "/etc/machine-id:/host/etc/machine-id:ro"],
    "telegraf": ["/:/hostfs:ro", "/proc:/rootfs/proc:ro", "/sys:/rootfs/sys:ro"],
}
# The host's processes and devices, if a list contains them.
SEES = """
for dir in /host /rootfs /hostfs; do
    [ ! -d $dir/proc ] || [ -e $dir/proc/1/stat ] || exit 1
    [ ! -d $dir/sys ] || [ -d $dir/sys/kernel ] || exit 2
done"""


@pytest.fixture(params=["auto", "none"])
def ids(request):
    """`user_namespace`."""
    return request.param


@pytest.mark.parametrize("agent", AGENTS)
def test_agents(cli, machine_file, host_state, agent, ids):
    machine_file("agent", user_namespace=ids)
    cli("run", "agent", "--", "/bin/true").check()
    options = [part for mount in AGENTS[agent] for part in ("--mount", mount)]
    with host_state.unchanged(ignore=("processes", "namespaces")):
        cli("run", *options, "agent", "--", "/bin/sh", "-c", SEES).check()


def test_writable_sys_leaks_no_control_group(cli, machine_file, ids):
    """The control group is the host's own, not one by way of the machine's copy of /sys."""
    name = f"agent-{os.getpid()}"
    machine_file(name, user_namespace=ids, command=["/bin/sleep", "100"],
                 mounts=({"source": "/sys", "target": "/host/sys"},))
    cli("start", name).check()
    assert len(hoststate.cgroups({name})) == 1
    assert "scratch" not in (cli.runtime / "machines" / f"{name}.json").read_text()
    cli("stop", name).check()
    assert hoststate.cgroups({name}) == set()


def test_read_only_tree_keeps_ids_of_what_cannot_be_mapped(cli, machine_file, closed):
    """A mount below the source that has a map already cannot be given another one."""
    (closed / "tree/below").mkdir(parents=True)
    (closed / "tree/file").touch()
    script = f"mount -t ramfs none {closed}/tree/below && touch {closed}/tree/below/file"
    inside = "stat -c %u /tree/file /tree/below/file"
    for read_only, expected in ((True, "0\n65534\n"), (False, None)):
        path = machine_file("agent", command=["/bin/sh", "-c", inside],
                            mounts=({"source": str(closed / "tree"), "target": "/tree",
                                     "read_only": read_only},))
        result = cli("run", path, wrapper=["unshare", "--mount", "sh", "-c",
                                           script + ' && exec "$@"', "sh"])
        if expected:
            assert result.status == 0 and result.stdout == expected, result
        else:
            assert result.status == 125 and f"{closed}/tree/below" in result.stderr, result
            assert 'map = "machine"' in result.stderr
