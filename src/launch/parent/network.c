/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a start: the machine's network. */

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <machine/network.h>

#include "base/error.h"
#include "base/strings.h"
#include "config/config.h"
#include "launch/context.h"
#include "launch/parent/network.h"

static int load_definition(const struct launch *launch, const char *name,
                           struct network_definition **ret, struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *beside = NULL, *text = NULL;
        _cleanup_free_ char *search_path = strv_join(launch->options.directories.config, ":");
        struct config_options options = { .search_path = search_path,
                                          .trust = { true, machine->trusted_owner } };
        int r;

        if (!search_path ||
            config_find_beside(machine->definition, name, ".network", &beside) < 0) {
                return error_oom(error);
        }
        r = config_load_network(beside ? beside : name, &options, &diagnostics, ret, error);
        if (r < 0 && diagnostics.errors > 0) {
                text = diagnostics_format(&diagnostics, false);
                return error_say(error, r, "the machine's network \"%s\" is invalid:\n%s", name,
                                 text ? text : "");
        }
        return r;
}

/* The definitions of all links, in order, with NULL for a first one that has no bridge. */
struct definitions {
        struct network_definition **items;
        size_t count;
};

static void clear_definitions(struct definitions *definitions)
{
        for (size_t i = 0; i < definitions->count; i++) {
                network_definition_free(definitions->items[i]);
        }
        free(definitions->items);
}

static int load_definitions(const struct launch *launch, struct definitions *ret,
                            struct machine_error *error)
{
        const struct machine_network *network = &launch->machine->network;
        size_t count = network_is_alone(network->mode) ? 1 : 1 + network->further_count;
        int r = 0;

        ret->items = calloc(count, sizeof(struct network_definition *));
        if (!ret->items) {
                return error_oom(error);
        }
        ret->count = count;
        if (network->mode == MACHINE_NETWORK_BRIDGE) {
                r = load_definition(launch, network->name, &ret->items[0], error);
        }
        for (size_t i = 1; r == 0 && i < count; i++) {
                r = load_definition(launch, network->further[i - 1].name, &ret->items[i], error);
        }
        return r;
}

/* Whether the user namespace of a process owns the network namespace. */
static bool owns(pid_t pid, int network_namespace)
{
        _cleanup_free_ char *path = string_format("/proc/%d/ns/user", pid);
        _cleanup_close_ int owner = ioctl(network_namespace, NS_GET_USERNS);
        struct stat one, other;

        return path && owner >= 0 && fstat(owner, &one) == 0 && stat(path, &other) == 0 &&
               one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Opens the network namespace of the machine whose network is shared and finds the first id of the
 * user namespace that owns it. */
static int open_shared(const struct launch *launch, uint32_t *ret_user_base,
                       struct machine_error *error)
{
        const char *name = launch->machine->network.target;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int process = -EBADF;
        _cleanup_free_ char *path = NULL;
        int fd;
        int r = state_load(&launch->store, name, &record, error);

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        process = r == 0 && record.init.pid > 0 ? process_open(&record.init) : -ESRCH;
        if (process < 0) {
                r = error_say(error, ESRCH,
                              "cannot share the network of machine \"%s\": it is not running",
                              name);
                error_hint(error, "start it first: machinectl-lite start %s", name);
                return r;
        }
        path = string_format("/proc/%d/ns/net", record.init.pid);
        fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        /* This is still the same process, because the pidfd was opened earlier: a pid is not reused
         * while its process can be signalled. */
        if (fd < 0 || !process_is_alive(&record.init)) {
                fd_close(fd);
                return error_say(error, ESRCH,
                                 "cannot share the network of machine \"%s\": it has just stopped",
                                 name);
        }
        *ret_user_base = owns(record.init.pid, fd) ? record.user_base : UINT32_MAX;
        return fd;
}

static int note_addresses(struct launch *launch)
{
        const struct machine_network *settings = &launch->machine->network;

        if (string_replace(&launch->record.address, network_address(launch->network)) < 0 ||
            string_replace(&launch->record.address6, network_address6(launch->network)) < 0 ||
            network_list(launch->network, &launch->record.networks) < 0) {
                return -ENOMEM;
        }
        return settings->mode == MACHINE_NETWORK_BRIDGE
                       ? network_list_ports(settings, &launch->record.ports)
                       : 0;
}

bool launch_is_connected(const struct launch *launch)
{
        return !launch->machine->bare && !network_is_alone(launch->machine->network.mode);
}

/* Checks for a rehearsal whether the machine could join its network. The rehearsal continues
 * without one, because the running machine may be using it. */
static int rehearse(struct launch *launch, struct network_request *request,
                    struct machine_error *error)
{
        struct network *network = NULL;
        int r;

        request->rehearsal = true;
        r = network_prepare(request, &network, error);
        network_free(network);
        launch->machine->network.mode = MACHINE_NETWORK_NONE;
        launch->machine->network.port_count = 0;
        return r;
}

int launch_set_up_network(struct launch *launch, struct machine_error *error)
{
        _cleanup_(clear_definitions) struct definitions definitions = { 0 };
        _cleanup_close_ int shared = -EBADF;
        struct network_request request = {
                .machine = launch->machine,
                .runtime_directory = launch->options.directories.runtime,
                .owner = launch->record.supervisor,
                .user_base = launch->ids.range.base,
                .shared_namespace = -EBADF,
        };
        int r = load_definitions(launch, &definitions, error);

        if (r < 0) {
                return r;
        }
        if (launch->machine->network.mode == MACHINE_NETWORK_MACHINE) {
                shared = open_shared(launch, &request.shared_user_base, error);
                if (shared < 0) {
                        return shared;
                }
        }
        request.definition = definitions.items[0];
        request.further = (const struct network_definition *const *)definitions.items + 1;
        request.shared_namespace = shared;
        if (launch->options.rehearsal && launch_is_connected(launch)) {
                r = rehearse(launch, &request, error);
        }
        if (r == 0) {
                r = network_prepare(&request, &launch->network, error);
        }
        if (r == 0 && note_addresses(launch) < 0) {
                r = error_oom(error);
        }
        return r;
}

/* Ports that rules forward are published by the attachment. */
bool launch_publishes(const struct launch *launch)
{
        return launch->machine->network.mode == MACHINE_NETWORK_BRIDGE &&
               launch->machine->network.port_count > 0 && launch->by_user;
}

int launch_publish(struct launch *launch, struct machine_error *error)
{
        return network_publish(launch->network, error);
}

int launch_unpublish(struct launch *launch, struct machine_error *error)
{
        network_unpublish(launch->network);
        return 0;
}

const struct network *launch_network(const struct launch *launch)
{
        return launch->network;
}

struct rootfs_reach launch_reach(const struct launch *launch)
{
        const char *address = network_address(launch->network);
        const char *address6 = network_address6(launch->network);
        /* If something else assigns the machine's addresses, it may get any. */
        bool unknown = !address && !address6;

        return (struct rootfs_reach){
                .host = launch->machine->network.mode == MACHINE_NETWORK_HOST,
                .ipv4 = unknown || address,
                .ipv6 = unknown || address6,
                .outside = !network_is_internal(launch->network),
                .forwarder = network_forwarder(launch->network),
        };
}

int launch_tear_down_network(struct launch *launch, struct machine_error *error)
{
        int r = network_detach(launch->network, error);

        network_free(TAKE_PTR(launch->network));
        return r;
}

int launch_collect_network(const struct launch_directories *directories,
                           const struct machine_record *record, struct machine_error *error)
{
        return network_collect(directories->runtime, false, error);
}

int launch_open_network_namespace(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d/ns/net", launch->pid);

        /* A user may not look at the first process once it is not dumpable. */
        if (launch->by_user) {
                launch->network_namespace = TAKE_FD(launch->maker.network_namespace);
                return launch->network_namespace < 0
                               ? error_say(error, ENOENT,
                                           "cannot open the machine's network namespace")
                               : 0;
        }
        if (!path) {
                return error_oom(error);
        }
        launch->network_namespace = open(path, O_RDONLY | O_CLOEXEC);
        return launch->network_namespace < 0
                       ? error_set(error, errno, "cannot open the machine's network namespace")
                       : 0;
}

int launch_attach_network(struct launch *launch, struct machine_error *error)
{
        int r = network_attach(launch->network, launch->network_namespace, error);

        launch->network_namespace = fd_close(launch->network_namespace);
        STRV_FOREACH(warning, network_warnings(launch->network)) {
                log_warning(launch->options.log, "%s", *warning);
        }
        return r;
}

bool launch_wants_devices(const struct launch *launch)
{
        return launch->machine->network.device_count > 0;
}

int launch_give_devices(struct launch *launch, struct machine_error *error)
{
        const struct machine_network *network = &launch->machine->network;
        int r = launch_open_network_namespace(launch, error);

        if (r == 0) {
                r = network_give_devices(network->devices, network->device_count,
                                         launch->network_namespace, error);
        }
        launch->network_namespace = fd_close(launch->network_namespace);
        return r;
}
