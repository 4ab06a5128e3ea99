/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/container.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/tree/tree.h"
#include "launch/init/hook.h"

#define STATE_DIRECTORY "/var/lib/machinectl-lite"

int container_check_id(const char *id, struct machine_error *error)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789+-._";

        if (*id && !id[strspn(id, allowed)] && strcmp(id, ".") != 0 && strcmp(id, "..") != 0) {
                return 0;
        }
        error_say(error, EINVAL,
                  "\"%s\" cannot be the id of a container: it has letters, digits and \"+-._\"",
                  id);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

struct launch_directories container_directories(const struct runtime *runtime)
{
        return (struct launch_directories){
                .runtime = runtime->root,
                .state = runtime->by_root ? STATE_DIRECTORY : runtime->root,
        };
}

static bool is_frozen(const struct container *container)
{
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;

        return container->record.cgroup &&
               cgroup_open(container->record.cgroup, &group, NULL) == 0 &&
               cgroup_is_frozen(&group) > 0;
}

static enum oci_status judge(const struct container *container)
{
        const struct machine_record *record = &container->record;

        if (record->state == MACHINE_STATE_STARTING && record->supervisor.pid > 0) {
                return process_is_alive(&record->supervisor) ? OCI_CREATING : OCI_STOPPED;
        }
        if (container->process < 0) {
                return OCI_STOPPED;
        }
        /* Also one that was not started yet: it cannot be before it is resumed. */
        if (is_frozen(container)) {
                return OCI_PAUSED;
        }
        return record->state == MACHINE_STATE_CREATED || launch_waits(record) ? OCI_CREATED
                                                                              : OCI_RUNNING;
}

static int open_locked(const char *id, bool lock, struct container *container,
                       struct machine_error *error)
{
        int r = 0;

        if (lock) {
                r = container->lock = state_lock(&container->store, id, error);
        }
        if (r >= 0) {
                r = state_load(&container->store, id, &container->record, error);
        }
        if (r == -ENOENT) {
                if (container->lock >= 0) {
                        (void)state_remove(&container->store, id, NULL);
                }
                return error_say(error, ENOENT, "container \"%s\" does not exist", id);
        }
        if (r < 0) {
                return r;
        }
        container->process =
                container->record.init.pid > 0 ? process_open(&container->record.init) : -ESRCH;
        /* A zombie has a pidfd as well. */
        if (container->process >= 0 && !process_is_alive(&container->record.init)) {
                fd_close(container->process);
                container->process = -ESRCH;
        }
        container->status = judge(container);
        return 0;
}

int container_open(const struct runtime *runtime, const char *id, bool lock, struct container *ret,
                   struct machine_error *error)
{
        struct container container = CONTAINER_INIT;
        int r = container_check_id(id, error);

        if (r == 0) {
                r = state_store_open(runtime->root, &container.store, error);
        }
        if (r == 0) {
                container.store.unlogged = true;
                r = open_locked(id, lock, &container, error);
        }
        if (r < 0) {
                container_close(&container);
                return r;
        }
        *ret = container;
        return 0;
}

void container_close(struct container *container)
{
        fd_close(container->process);
        fd_close(container->lock);
        machine_record_clear(&container->record);
        state_store_close(&container->store);
        *container = (struct container)CONTAINER_INIT;
}

char *container_bundle(const struct container *container)
{
        const char *file = container->record.definition;
        const char *slash = file ? strrchr(file, '/') : NULL;

        return slash ? strndup(file, (size_t)(slash - file)) : strdup("");
}

static int load_text(const struct container *container, char **ret, struct machine_error *error)
{
        int r = state_load_definition(&container->store, container->record.name, ret);

        return r < 0 ? error_set(error, r, "cannot read the configuration of container \"%s\"",
                                 container->record.name)
                     : 0;
}

static int read_text(const struct container *container, const char *text, struct oci_bundle *ret,
                     struct machine_error *error)
{
        _cleanup_free_ char *bundle = container_bundle(container);

        return bundle ? oci_bundle_read(text, strlen(text), bundle, ret, error) : error_oom(error);
}

int container_configuration(const struct container *container, struct oci_bundle *ret,
                            struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = load_text(container, &text, error);

        return r < 0 ? r : read_text(container, text, ret, error);
}

int container_hooks(const struct container *container, enum oci_hook_kind kind,
                    struct oci_bundle *ret, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = load_text(container, &text, error);

        if (r < 0 || !oci_bundle_may_have_hooks(text, kind)) {
                return r;
        }
        r = read_text(container, text, ret, error);
        return r < 0 ? r : ret->hooks.lists[kind].count > 0;
}

struct oci_state container_state(const struct container *container,
                                 const struct oci_bundle *configuration)
{
        return (struct oci_state){
                .version = configuration->version,
                .id = container->record.name,
                .status = container->status,
                .pid = container->status == OCI_STOPPED ? 0 : container->record.init.pid,
                .bundle = configuration->directory,
                .annotations = configuration->annotations,
                .root = configuration->machine->root.directory,
                .created = container->record.started_usec,
                .owner = "",
        };
}

int container_group(const struct container *container, const char *purpose, struct cgroup *ret,
                    struct machine_error *error)
{
        const char *path = container->record.cgroup;

        if (!path) {
                return error_say(error, ENODEV,
                                 "cannot %s container \"%s\": it has no control group", purpose,
                                 container->record.name);
        }
        return cgroup_open(path, ret, error);
}

int container_run_hooks(const struct oci_bundle *configuration, enum oci_hook_kind kind,
                        const struct oci_state *state, struct machine_error *error)
{
        /* Those of the creation find the bundle in their working directory, as with runc. */
        bool creates = kind == OCI_HOOK_PRESTART || kind == OCI_HOOK_CREATE_RUNTIME;
        _cleanup_free_ char *text = NULL;
        int r = 0;

        if (configuration->hooks.lists[kind].count == 0) {
                return 0;
        }
        text = oci_state_write(state, 0);
        if (!text) {
                return error_oom(error);
        }
        for (size_t i = 0; r == 0 && i < configuration->hooks.lists[kind].count; i++) {
                const struct oci_hook *item = &configuration->hooks.lists[kind].items[i];
                const struct hook hook = {
                        .path = item->path,
                        .arguments = item->args,
                        .environment = item->env,
                        .timeout = item->timeout,
                        .directory = creates ? configuration->directory : NULL,
                };

                r = hook_run(&hook, text, error);
        }
        return r;
}

int container_refuse(const struct container *container, const char *what,
                     struct machine_error *error)
{
        /* "not running" and "already finished" are what containerd looks for. */
        return error_say(error, EINVAL, "cannot %s container \"%s\": %s", what,
                         container->record.name,
                         container->status == OCI_STOPPED   ? "container not running, it is stopped"
                         : container->status == OCI_PAUSED  ? "it is paused"
                         : container->status == OCI_CREATED ? "it is created, but not started"
                         : container->status == OCI_CREATING ? "it is still being created"
                                                             : "it is running");
}
