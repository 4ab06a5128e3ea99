/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/strings.h"
#include "convert/container/take.h"

/* The options of `docker run` and `podman run`. */

#define VALUE(option_name, option_letter, option_take, option_key)      \
        {                                                               \
                .name = option_name, .letter = option_letter,           \
                .take = container_take_##option_take, .key = option_key \
        }
#define FLAG(option_name, option_letter, option_take, option_key)           \
        {                                                                   \
                .name = option_name, .letter = option_letter, .flag = true, \
                .take = container_take_##option_take, .key = option_key     \
        }
#define LOST(option_name, reason)                                                \
        {                                                                        \
                .name = option_name, .take = container_take_lost, .text = reason \
        }
#define LOST_FLAG(option_name, option_letter, reason)                       \
        {                                                                   \
                .name = option_name, .letter = option_letter, .flag = true, \
                .take = container_take_lost, .text = reason                 \
        }
#define NO_EFFECT(option_name)                                        \
        {                                                             \
                .name = option_name, .take = container_take_no_effect \
        }
#define NO_EFFECT_FLAG(option_name, option_letter)                          \
        {                                                                   \
                .name = option_name, .letter = option_letter, .flag = true, \
                .take = container_take_no_effect                            \
        }

static const struct container_option options[] = {
        /* What runs */
        VALUE("env", 'e', environment, "environment"),
        VALUE("env-file", 0, host_path, "environment_files"),
        LOST_FLAG("env-host", 0,
                  "a machine gets no variables of the host; list them in "
                  "\"environment\""),
        LOST("unsetenv", "the image's variables cannot be removed, only set"),
        LOST_FLAG("unsetenv-all", 0, "the image's variables cannot be removed, only set"),
        NO_EFFECT("http-proxy"),
        VALUE("entrypoint", 0, entrypoint, NULL),
        VALUE("user", 'u', text, "user"),
        VALUE("workdir", 'w', text, "working_directory"),
        VALUE("group-add", 0, group, "groups"),
        LOST("umask", "a machine starts with the umask 0022"),
        FLAG("init", 0, init, NULL),
        NO_EFFECT("init-path"),
        VALUE("systemd", 0, systemd, "boot"),
        FLAG("tty", 't', boolean, "terminal"),
        NO_EFFECT_FLAG("interactive", 'i'),
        VALUE("tz", 0, text, "timezone"),
        LOST("personality", "machines have the host's personality"),
        LOST("timeout", "a machine runs until it is stopped"),
        LOST("passwd-entry", "/etc/passwd is the image's own"),
        LOST("group-entry", "/etc/group is the image's own"),
        NO_EFFECT("passwd"),

        /* The root */
        FLAG("read-only", 0, boolean, "read_only"),
        FLAG("read-only-tmpfs", 0, read_only_tmpfs, NULL),
        VALUE("pull", 0, pull, "pull"),
        FLAG("rm", 0, remove, "upper"),
        LOST_FLAG("rmi", 0, "images are removed by \"remove-image\" and \"prune\""),
        FLAG("rootfs", 0, text, NULL),
        LOST("platform", "machines run images of the host's platform"),
        LOST("arch", "machines run images of the host's platform"),
        LOST("os", "machines run images of the host's platform"),
        LOST("variant", "machines run images of the host's platform"),
        LOST("storage-opt", "the size of the writable layer is not limited"),
        LOST("image-volume", "volumes of images are always writable directories"),
        LOST("tls-verify", "see containers-registries.conf(5)"),
        LOST("authfile", "see containers-auth.json(5)"),
        LOST("decryption-key", "encrypted images are not supported"),
        LOST("disable-content-trust", "see containers-policy.json(5)"),
        LOST("runtime", "machines are started without another runtime"),
        LOST("isolation", "it is an option of Windows"),

        /* Names */
        NO_EFFECT("name"), /* the caller has read it */
        NO_EFFECT_FLAG("replace", 0),
        VALUE("hostname", 'h', text, "hostname"),
        VALUE("domainname", 0, text, "domainname"),
        VALUE("label", 'l', label, "labels"),
        LOST("label-file", "write its lines into \"labels\""),
        VALUE("annotation", 0, label, "labels"),
        VALUE("pod", 0, text, "pod"),
        LOST("pod-id-file", "name the pod"),

        /* Namespaces */
        VALUE("cgroupns", 0, namespace, "namespaces.cgroup"),
        VALUE("ipc", 0, namespace, "namespaces.ipc"),
        VALUE("uts", 0, namespace, "namespaces.uts"),
        VALUE("pid", 0, namespace, NULL),
        VALUE("userns", 0, user_namespace, "user_namespace"),
        LOST("uidmap", "ranges are mapped as a whole: user_namespace = \"BASE:COUNT\""),
        LOST("gidmap", "ranges are mapped as a whole: user_namespace = \"BASE:COUNT\""),
        LOST("subuidname", "see user_namespace"),
        LOST("subgidname", "see user_namespace"),

        /* Limits */
        VALUE("blkio-weight", 0, blkio_weight, "limits.io_weight"),
        LOST("blkio-weight-device", "the weight is for all devices"),
        LOST("cgroup-parent", "machines are below machinectl-lite's own group"),
        LOST("cgroups", "each machine has a control group"),
        LOST("cgroup-conf", "use a key of \"limits\""),
        VALUE("cpus", 0, cpus, "limits.cpu"),
        VALUE("cpu-period", 0, cpu_period, NULL),
        VALUE("cpu-quota", 0, cpu_quota, NULL),
        LOST("cpu-rt-period", "cgroup v2 has no limit of real-time scheduling"),
        LOST("cpu-rt-runtime", "cgroup v2 has no limit of real-time scheduling"),
        VALUE("cpu-shares", 'c', cpu_shares, "limits.cpu_weight"),
        VALUE("cpuset-cpus", 0, text, "limits.cpus"),
        VALUE("cpuset-mems", 0, text, "limits.memory_nodes"),
        VALUE("device-read-bps", 0, cgroup_limit_io, "read_bandwidth"),
        VALUE("device-write-bps", 0, cgroup_limit_io, "write_bandwidth"),
        VALUE("device-read-iops", 0, cgroup_limit_io, "read_iops"),
        VALUE("device-write-iops", 0, cgroup_limit_io, "write_iops"),
        LOST("kernel-memory", "the kernel's memory is part of limits.memory"),
        VALUE("memory", 'm', memory, "limits.memory"),
        VALUE("memory-reservation", 0, size, "limits.memory_low"),
        VALUE("memory-swap", 0, memory_swap, "limits.swap"),
        LOST("memory-swappiness", "cgroup v2 has no such setting"),
        LOST_FLAG("oom-kill-disable", 0, "cgroup v2 has no such setting"),
        VALUE("oom-score-adj", 0, integer, "limits.oom_score_adjust"),
        VALUE("pids-limit", 0, pids_limit, "limits.tasks"),
        VALUE("shm-size", 0, shm_size, NULL),
        LOST("shm-size-systemd", "use a tmpfs in \"mounts\""),
        VALUE("ulimit", 0, ulimit, NULL),

        /* Network */
        VALUE("add-host", 0, host, "network.hosts"),
        VALUE("dns", 0, dns, "network.dns"),
        LOST("dns-option", "resolv.conf(5) has no options in machines"),
        LOST("dns-opt", "resolv.conf(5) has no options in machines"),
        VALUE("dns-search", 0, dns, "network.search"),
        NO_EFFECT("expose"),
        VALUE("ip", 0, text, "network.address"),
        VALUE("ip6", 0, text, "network.address6"),
        LOST("link-local-ip", "machines have one address of each family"),
        VALUE("link", 0, link, "requires"),
        VALUE("mac-address", 0, text, "network.mac"),
        VALUE("network", 0, network, "network.name"),
        VALUE("net", 0, network, "network.name"),
        VALUE("network-alias", 0, alias, NULL),
        VALUE("net-alias", 0, alias, NULL),
        LOST_FLAG("no-hosts", 0, "bind a file over /etc/hosts"),
        LOST_FLAG("no-hostname", 0, "bind a file over /etc/hostname"),
        VALUE("publish", 'p', publish, "ports"),
        LOST_FLAG("publish-all", 'P',
                  "each port is published with a number of the host in "
                  "\"ports\""),
        VALUE("sysctl", 0, element, "sysctl"),

        /* Files and devices */
        VALUE("device", 0, device, "devices"),
        LOST("device-cgroup-rule", "name the devices in \"devices\""),
        LOST("gpus", "name the nodes in \"devices\" and bind the driver's libraries"),
        VALUE("mount", 0, mount, "mounts"),
        LOST("secret", "the secret is stored by the other program: write it to a file, and name "
                       "that in \"credentials\" or \"mounts\""),
        VALUE("tmpfs", 0, tmpfs, "mounts"),
        VALUE("volume", 'v', volume, "mounts"),
        LOST("volume-driver", "volumes are directories of the host"),
        LOST("volumes-from", "list the mounts of the other machine"),
        LOST("chrootdirs", "bind the files over the directory"),

        /* Security */
        VALUE("cap-add", 0, capability, "capabilities.add"),
        VALUE("cap-drop", 0, capability, "capabilities.drop"),
        FLAG("privileged", 0, privileged, NULL),
        VALUE("security-opt", 0, security, NULL),
        NO_EFFECT("seccomp-policy"),

        /* Life */
        NO_EFFECT_FLAG("detach", 'd'),
        NO_EFFECT("detach-keys"),
        { .name = "attach", .letter = 'a', .take = container_take_no_effect },
        NO_EFFECT("cidfile"),
        NO_EFFECT("pidfile"),
        NO_EFFECT("conmon-pidfile"),
        NO_EFFECT_FLAG("quiet", 'q'),
        NO_EFFECT("preserve-fds"),
        NO_EFFECT_FLAG("sig-proxy", 0),
        NO_EFFECT_FLAG("no-healthcheck-log", 0),
        VALUE("health-cmd", 0, health_command, "health.command"),
        VALUE("health-interval", 0, time, "health.interval"),
        VALUE("health-timeout", 0, time, "health.timeout"),
        VALUE("health-retries", 0, integer, "health.retries"),
        VALUE("health-start-period", 0, time, "health.start_period"),
        LOST("health-start-interval", "checks are frequent during start_period in any case"),
        VALUE("health-on-failure", 0, health_failure, "health.on_failure"),
        LOST("health-startup-cmd", "health.start_period is for slow starts"),
        LOST("health-startup-interval", "health.start_period is for slow starts"),
        LOST("health-startup-retries", "health.start_period is for slow starts"),
        LOST("health-startup-success", "health.start_period is for slow starts"),
        LOST("health-startup-timeout", "health.start_period is for slow starts"),
        NO_EFFECT("health-log-destination"),
        NO_EFFECT("health-max-log-count"),
        NO_EFFECT("health-max-log-size"),
        FLAG("no-healthcheck", 0, health_none, NULL),
        VALUE("log-driver", 0, log_driver, "log.driver"),
        VALUE("log-opt", 0, log_option, NULL),
        VALUE("requires", 0, element, "requires"),
        VALUE("restart", 0, restart, "restart.policy"),
        VALUE("sdnotify", 0, sdnotify, "ready"),
        VALUE("stop-signal", 0, text, "stop.signal"),
        VALUE("stop-timeout", 0, stop_timeout, "stop.timeout"),
};

const struct container_option *container_option_find(const char *name, char letter)
{
        for (size_t i = 0; i < ELEMENTS_OF(options); i++) {
                if (name ? strcmp(options[i].name, name) == 0
                         : letter && options[i].letter == letter) {
                        return &options[i];
                }
        }
        return NULL;
}
