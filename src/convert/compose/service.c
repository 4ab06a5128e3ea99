/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/compose/service.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "convert/document/words.h"
#include "convert/model/values.h"

void service_begin(struct compose_service *service, const struct node *node, const char *path,
                   size_t index)
{
        struct conversion *conversion = service->compose->conversion;

        if (index == SIZE_MAX) {
                convert_begin(conversion, service->compose->file, node->line, "services.%s.%s",
                              service->node->key, path);
        } else if (node->key) {
                convert_begin(conversion, service->compose->file, node->line, "services.%s.%s.%s",
                              service->node->key, path, node->key);
        } else {
                convert_begin(conversion, service->compose->file, node->line, "services.%s.%s[%zu]",
                              service->node->key, path, index);
        }
}

void service_option(struct compose_service *service, const char *option, const char *value)
{
        container_take(&service->container, option, value);
}

/* ---- The table ---- */

#define SCALAR(name, option)                            \
        {                                               \
                name, service_take_scalar, option, NULL \
        }
#define EACH(name, option)                            \
        {                                             \
                name, service_take_each, option, NULL \
        }
#define PAIRS(name, option)                            \
        {                                              \
                name, service_take_pairs, option, NULL \
        }
#define OWN(name, take, option)                         \
        {                                               \
                name, service_take_##take, option, NULL \
        }
#define LOST(name, reason)                            \
        {                                             \
                name, service_take_lost, NULL, reason \
        }
#define NO_EFFECT(name)                                  \
        {                                                \
                name, service_take_no_effect, NULL, NULL \
        }

#define SWARM "it is for a swarm; \"apply\" brings definitions to several hosts"

static const struct service_row rows[] = {
        PAIRS("annotations", "annotation"),
        NO_EFFECT("attach"),
        SCALAR("blkio_config.weight", "blkio-weight"),
        OWN("blkio_config.device_read_bps", block_rates, "device-read-bps"),
        OWN("blkio_config.device_write_bps", block_rates, "device-write-bps"),
        OWN("blkio_config.device_read_iops", block_rates, "device-read-iops"),
        OWN("blkio_config.device_write_iops", block_rates, "device-write-iops"),
        OWN("build", build, NULL),
        EACH("cap_add", "cap-add"),
        EACH("cap_drop", "cap-drop"),
        SCALAR("cgroup", "cgroupns"),
        SCALAR("cgroup_parent", "cgroup-parent"),
        OWN("command", command, NULL),
        OWN("configs", configs, NULL),
        OWN("container_name", container_name, NULL),
        SCALAR("cpu_period", "cpu-period"),
        SCALAR("cpu_quota", "cpu-quota"),
        SCALAR("cpu_shares", "cpu-shares"),
        SCALAR("cpus", "cpus"),
        SCALAR("cpuset", "cpuset-cpus"),
        OWN("depends_on", depends_on, NULL),
        NO_EFFECT("deploy.mode"),
        OWN("deploy.replicas", replicas, NULL),
        PAIRS("deploy.labels", "label"),
        SCALAR("deploy.resources.limits.cpus", "cpus"),
        SCALAR("deploy.resources.limits.memory", "memory"),
        SCALAR("deploy.resources.limits.pids", "pids-limit"),
        SCALAR("deploy.resources.reservations.memory", "memory-reservation"),
        LOST("deploy.resources.reservations.cpus",
             "CPU time is not reserved; see limits.cpu_weight"),
        LOST("deploy.resources.reservations.devices",
             "name the nodes in \"devices\" and bind the driver's libraries"),
        OWN("deploy.restart_policy.condition", restart_condition, NULL),
        OWN("deploy.restart_policy.delay", restart_number, "restart.delay"),
        OWN("deploy.restart_policy.max_attempts", restart_number, "restart.limit"),
        OWN("deploy.restart_policy.window", restart_number, "restart.window"),
        LOST("deploy.update_config", SWARM),
        LOST("deploy.rollback_config", SWARM),
        LOST("deploy.placement", SWARM),
        LOST("deploy.endpoint_mode", SWARM),
        LOST("develop", "it is for builds"),
        EACH("device_cgroup_rules", "device-cgroup-rule"),
        OWN("devices", devices, NULL),
        EACH("dns", "dns"),
        EACH("dns_opt", "dns-opt"),
        EACH("dns_search", "dns-search"),
        SCALAR("domainname", "domainname"),
        OWN("entrypoint", entrypoint, NULL),
        OWN("env_file", env_files, NULL),
        OWN("environment", environment, "env"),
        EACH("expose", "expose"),
        NO_EFFECT("extends"),
        EACH("external_links", "link"),
        PAIRS("extra_hosts", "add-host"),
        SCALAR("gpus", "gpus"),
        EACH("group_add", "group-add"),
        OWN("healthcheck.test", health_test, "health-cmd"),
        SCALAR("healthcheck.interval", "health-interval"),
        SCALAR("healthcheck.timeout", "health-timeout"),
        SCALAR("healthcheck.retries", "health-retries"),
        SCALAR("healthcheck.start_period", "health-start-period"),
        SCALAR("healthcheck.start_interval", "health-start-interval"),
        OWN("healthcheck.disable", health_disable, NULL),
        SCALAR("hostname", "hostname"),
        OWN("image", image, NULL),
        SCALAR("init", "init"),
        SCALAR("ipc", "ipc"),
        PAIRS("labels", "label"),
        EACH("links", "link"),
        SCALAR("logging.driver", "log-driver"),
        OWN("logging.options", log_options, "log-opt"),
        SCALAR("mac_address", "mac-address"),
        SCALAR("mem_limit", "memory"),
        SCALAR("mem_reservation", "memory-reservation"),
        SCALAR("mem_swappiness", "memory-swappiness"),
        SCALAR("memswap_limit", "memory-swap"),
        OWN("network_mode", network_mode, "network"),
        OWN("networks", networks, NULL),
        SCALAR("oom_kill_disable", "oom-kill-disable"),
        SCALAR("oom_score_adj", "oom-score-adj"),
        SCALAR("pid", "pid"),
        SCALAR("pids_limit", "pids-limit"),
        SCALAR("platform", "platform"),
        OWN("ports", ports, NULL),
        LOST("post_start", "commands after a start are not run"),
        LOST("pre_stop", "commands before a stop are not run"),
        SCALAR("privileged", "privileged"),
        NO_EFFECT("profiles"),
        SCALAR("pull_policy", "pull"),
        SCALAR("read_only", "read-only"),
        SCALAR("restart", "restart"),
        SCALAR("runtime", "runtime"),
        OWN("scale", replicas, NULL),
        OWN("secrets", secrets, NULL),
        EACH("security_opt", "security-opt"),
        SCALAR("shm_size", "shm-size"),
        SCALAR("stdin_open", "interactive"),
        SCALAR("stop_grace_period", "stop-timeout"),
        SCALAR("stop_signal", "stop-signal"),
        PAIRS("storage_opt", "storage-opt"),
        PAIRS("sysctls", "sysctl"),
        EACH("tmpfs", "tmpfs"),
        SCALAR("tty", "tty"),
        OWN("ulimits", ulimits, NULL),
        SCALAR("user", "user"),
        SCALAR("userns_mode", "userns"),
        SCALAR("uts", "uts"),
        OWN("volumes", volumes, NULL),
        EACH("volumes_from", "volumes-from"),
        SCALAR("working_dir", "workdir"),
};

static const struct service_row *find_row(const char *path)
{
        for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
                if (strcmp(rows[i].name, path) == 0) {
                        return &rows[i];
                }
        }
        return NULL;
}

/* Whether there are rows below the path. */
static bool is_group(const struct node *node, const char *path)
{
        size_t length = strlen(path);

        for (size_t i = 0; node->type == NODE_MAP && i < ELEMENTS_OF(rows); i++) {
                if (strncmp(rows[i].name, path, length) == 0 && rows[i].name[length] == '.') {
                        return true;
                }
        }
        return false;
}

void compose_take(struct compose_service *service, const struct node *node, const char *path)
{
        const struct service_row *row = find_row(path);

        if (string_after(node->key, "x-") || (node->null && !row)) {
                return;
        }
        if (row) {
                row->take(service, row, node, path);
        } else if (is_group(node, path)) {
                for (size_t i = 0; i < node->count; i++) {
                        _cleanup_free_ char *below =
                                string_format("%s.%s", path, node->children[i]->key);

                        if (below) {
                                compose_take(service, node->children[i], below);
                        }
                }
        } else {
                service_begin(service, node, path, SIZE_MAX);
                convert_lost(service->compose->conversion, "it has no equivalent");
        }
}

int compose_convert_service(struct compose *compose, const struct node *node,
                            struct machine_error *error)
{
        struct compose_service service = {
                .compose = compose,
                .node = node,
                .container = { .conversion = compose->conversion,
                               .directory = compose->source->directory },
        };
        _cleanup_free_ char *origin = string_format("%s, service \"%s\"", compose->file, node->key);

        convert_at(compose->conversion, compose->file, node->line, node->key);
        if (!origin || !convert_open(compose->conversion, node->key, ".machine", origin)) {
                return error_oom(error);
        }
        for (size_t i = 0; i < node->count; i++) {
                compose_take(&service, node->children[i], node->children[i]->key);
        }
        if (!service.networked) {
                convert_at(compose->conversion, compose->file, node->line, "networks");
                (void)container_join(&service.container,
                                     compose_outer_name(compose, "networks", "default"), false);
        }
        container_finish(&service.container);
        container_clear(&service.container);
        return 0;
}
