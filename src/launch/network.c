/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a start: the machine's place in its network. */

#include <fcntl.h>
#include <unistd.h>

#include <machine/network.h>

#include "base/error.h"
#include "base/strings.h"
#include "config/config.h"
#include "launch/context.h"
#include "launch/network.h"

DEFINE_CLEANUP(struct network_definition *, network_definition_free, cleanup_definition)

/* The file of the network that lies beside a machine given by its path, or NULL. */
static char *find_beside(const struct machine *machine)
{
        const char *slash = machine->definition ? strrchr(machine->definition, '/') : NULL;
        _cleanup_free_ char *path =
                slash ? string_format("%.*s/%s.network", (int)(slash - machine->definition),
                                      machine->definition, machine->network.name)
                      : NULL;

        return path && access(path, F_OK) == 0 ? TAKE_PTR(path) : NULL;
}

static int load_definition(const struct launch *launch, struct network_definition **ret,
                           struct machine_error *error)
{
        const struct machine *machine = launch->machine;
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        _cleanup_free_ char *beside = find_beside(machine);
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *search_path = strv_join(launch->options.directories.config, ":");
        struct config_options options = { .search_path = search_path };
        int r;

        if (machine->network.mode != MACHINE_NETWORK_BRIDGE) {
                return 0;
        }
        if (!search_path) {
                return error_oom(error);
        }
        r = config_load_network(beside ? beside : machine->network.name, &options, &diagnostics,
                                ret, error);
        if (r < 0 && diagnostics.errors > 0) {
                text = diagnostics_format(&diagnostics, false);
                return error_say(error, r, "the network \"%s\" of the machine is not usable:\n%s",
                                 machine->network.name, text ? text : "");
        }
        return r;
}

/* The network namespace of the machine whose network is shared. */
static int open_shared(const struct launch *launch, struct machine_error *error)
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
        /* Still the same process, for the pidfd was opened before: a pid is not used again while a
         * process with it can be signalled. */
        if (fd < 0 || !process_is_alive(&record.init)) {
                fd_close(fd);
                return error_say(error, ESRCH,
                                 "cannot share the network of machine \"%s\": it has just ended",
                                 name);
        }
        return fd;
}

static int note_addresses(struct launch *launch)
{
        const struct machine_network *settings = &launch->machine->network;

        if (string_replace(&launch->record.address, network_address(launch->network)) < 0 ||
            string_replace(&launch->record.address6, network_address6(launch->network)) < 0) {
                return -ENOMEM;
        }
        return settings->mode == MACHINE_NETWORK_BRIDGE
                       ? network_list_ports(settings, &launch->record.ports)
                       : 0;
}

bool launch_is_connected(const struct launch *launch)
{
        return !network_is_alone(launch->machine->network.mode);
}

int launch_set_up_network(struct launch *launch, struct machine_error *error)
{
        _cleanup_(cleanup_definition) struct network_definition *definition = NULL;
        _cleanup_close_ int shared = -EBADF;
        struct network_request request = {
                .machine = launch->machine,
                .runtime_directory = launch->options.directories.runtime,
                .owner = launch->record.supervisor,
                .shared_namespace = -EBADF,
        };
        int r = load_definition(launch, &definition, error);

        if (r < 0) {
                return r;
        }
        if (launch->machine->network.mode == MACHINE_NETWORK_MACHINE) {
                shared = open_shared(launch, error);
                if (shared < 0) {
                        return shared;
                }
        }
        request.definition = definition;
        request.shared_namespace = shared;
        r = network_prepare(&request, &launch->network, error);
        if (r == 0 && note_addresses(launch) < 0) {
                r = error_oom(error);
        }
        return r;
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
        return network_collect(directories->runtime, error);
}

int launch_open_network_namespace(struct launch *launch, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("/proc/%d/ns/net", launch->pid);

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
