/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/machine.h>

#include <signal.h>

#include "base/quantity.h"
#include "base/strings.h"

static void set_limit_defaults(struct machine_limits *limits)
{
        limits->memory = MACHINE_UNSET;
        limits->memory_high = MACHINE_UNSET;
        limits->memory_low = MACHINE_UNSET;
        limits->swap = MACHINE_UNSET;
        limits->cpu_quota = MACHINE_UNSET;
        limits->cpu_period = MACHINE_UNSET;
        limits->cpu_weight = MACHINE_UNSET;
        limits->tasks = MACHINE_UNSET;
        limits->io_weight = MACHINE_UNSET;
        limits->cpu_burst = MACHINE_UNSET;
        limits->cpu_idle = MACHINE_UNSET;
}

static void set_life_defaults(struct machine_life *life)
{
        life->stop_signal = SIGTERM;
        life->stop_timeout = 10 * USEC_PER_SEC;
        life->restart = MACHINE_RESTART_NO;
        life->restart_delay = 100 * USEC_PER_MSEC;
        life->restart_max_delay = 60 * USEC_PER_SEC;
        life->restart_limit = 5;
        life->restart_window = 10 * USEC_PER_SEC;
        life->health_interval = 30 * USEC_PER_SEC;
        life->health_timeout = 30 * USEC_PER_SEC;
        life->health_retries = 3;
        life->health_action = MACHINE_HEALTH_NONE;
        life->ready = MACHINE_READY_EXEC;
        life->start_timeout = 90 * USEC_PER_SEC;
        life->log_driver = MACHINE_LOG_AUTO;
        life->log_max_size = UINT64_C(16) << 20;
}

struct machine *machine_new(const char *name)
{
        struct machine *machine = calloc(1, sizeof *machine);

        if (!machine) {
                return NULL;
        }
        machine->name = strdup(name);
        machine->hostname = strdup(name);
        machine->network.name = strdup("default");
        if (!machine->name || !machine->hostname || !machine->network.name) {
                machine_free(machine);
                return NULL;
        }
        machine->root.size = MACHINE_UNSET;
        machine->process.init = true;
        machine->process.terminal = MACHINE_CHOICE_AUTO;
        machine->namespaces = (struct machine_namespaces){
                .user = MACHINE_USER_NAMESPACE_AUTO,
                .user_count = 65536,
                .ipc = true,
                .uts = true,
                .cgroup = true,
                .time = true,
        };
        machine->network.mode = MACHINE_NETWORK_BRIDGE;
        machine->network.mtu = MACHINE_UNSET;
        machine->security.capabilities.profile = MACHINE_CAPABILITIES_SERVICE;
        machine->security.no_new_privileges = true;
        set_limit_defaults(&machine->limits);
        set_life_defaults(&machine->life);
        return machine;
}

static void free_maps(struct machine_id_maps *maps)
{
        free(maps->uids);
        free(maps->gids);
}

static void free_files(struct machine *machine)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                free(machine->mounts[i].file_system);
                free(machine->mounts[i].source);
                free(machine->mounts[i].target);
                strv_free(machine->mounts[i].options);
                free_maps(&machine->mounts[i].maps);
        }
        for (size_t i = 0; i < machine->device_count; i++) {
                free(machine->devices[i].source);
                free(machine->devices[i].target);
        }
        for (size_t i = 0; i < machine->node_count; i++) {
                free(machine->nodes[i].path);
        }
        for (size_t i = 0; i < machine->credential_count; i++) {
                free(machine->credentials[i].name);
                free(machine->credentials[i].path);
                free(machine->credentials[i].value);
        }
        free(machine->mounts);
        free(machine->devices);
        free(machine->nodes);
        free(machine->credentials);
        strv_free(machine->sysctl);
}

static void free_limits(struct machine_limits *limits)
{
        for (size_t i = 0; i < limits->io_count; i++) {
                free(limits->io[i].device);
        }
        free(limits->io);
        free(limits->cpus);
        free(limits->memory_nodes);
        strv_free(limits->hugepages);
        for (size_t i = 0; i < limits->io_weight_count; i++) {
                free(limits->io_weights[i].device);
        }
        free(limits->io_weights);
        strv_free(limits->rdma);
        strv_free(limits->unified);
        free(limits->device_rules);
        free(limits->memory_policy.nodes);
}

static void free_network(struct machine_network *network)
{
        for (size_t i = 0; i < network->port_count; i++) {
                free(network->ports[i].address);
        }
        free(network->ports);
        for (size_t i = 0; i < network->device_count; i++) {
                free(network->devices[i].host);
                free(network->devices[i].name);
        }
        free(network->devices);
        for (size_t i = 0; i < network->further_count; i++) {
                free(network->further[i].name);
                free(network->further[i].address);
                free(network->further[i].address6);
                free(network->further[i].mac);
                strv_free(network->further[i].aliases);
        }
        free(network->further);
        free(network->target);
        free(network->name);
        free(network->address);
        free(network->address6);
        free(network->mac);
        strv_free(network->dns);
        strv_free(network->search);
        strv_free(network->hosts);
        strv_free(network->aliases);
}

static void free_security(struct machine_security *security)
{
        strv_free(security->capabilities.add);
        strv_free(security->capabilities.drop);
        strv_free(security->capabilities.ambient);
        for (size_t i = 0; i < MACHINE_CAPABILITY_SETS; i++) {
                strv_free(security->capabilities.sets[i]);
        }
        free(security->seccomp.file);
        free(security->seccomp.text);
        free(security->seccomp.listener);
        free(security->seccomp.listener_metadata);
        strv_free(security->seccomp.allow);
        strv_free(security->seccomp.deny);
        strv_free(security->masked_paths);
        strv_free(security->read_only_paths);
        free(security->apparmor);
        free(security->selinux);
        free(security->mount_label);
}

static void free_process(struct machine_process *process)
{
        strv_free(process->command);
        strv_free(process->arguments);
        strv_free(process->environment);
        strv_free(process->environment_files);
        free(process->working_directory);
        free(process->user);
        strv_free(process->groups);
        free(process->identity.groups);
        free(process->exec_cpus_before);
        free(process->exec_cpus);
}

static void free_namespaces(struct machine_namespaces *namespaces)
{
        for (size_t i = 0; i < MACHINE_NAMESPACES; i++) {
                free(namespaces->given[i].path);
        }
        free_maps(&namespaces->maps);
}

static void free_life(struct machine_life *life)
{
        strv_free(life->health_command);
        strv_free(life->requires);
        strv_free(life->after);
        strv_free(life->labels);
}

void machine_free(struct machine *machine)
{
        if (!machine) {
                return;
        }
        free(machine->name);
        free(machine->definition);
        free(machine->pod);
        free(machine->description);
        free(machine->hostname);
        free(machine->domainname);
        free(machine->timezone);
        free(machine->machine_id);
        free(machine->root.directory);
        free(machine->root.verity.root_hash);
        free(machine->root.verity.signature);
        strv_free(machine->root.layers);
        strv_free(machine->root.volumes);
        free(machine->root.image);
        free(machine->root.upper_directory);
        free_process(&machine->process);
        free_namespaces(&machine->namespaces);
        free_limits(&machine->limits);
        free_network(&machine->network);
        free_files(machine);
        free_security(&machine->security);
        free_life(&machine->life);
        strv_free(machine->apply.hosts);
        strv_free(machine->apply.reload_command);
        for (size_t i = 0; i < machine->origin_count; i++) {
                free(machine->origins[i].key);
                free(machine->origins[i].file);
        }
        free(machine->origins);
        free(machine);
}

const struct machine_origin *machine_origin_of(const struct machine *machine, const char *key)
{
        for (size_t i = 0; i < machine->origin_count; i++) {
                if (strcmp(machine->origins[i].key, key) == 0) {
                        return &machine->origins[i];
                }
        }
        return NULL;
}
