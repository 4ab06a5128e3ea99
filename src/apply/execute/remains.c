/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stopped machine leaves on disk. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "apply/execute/task.h"
#include "apply/view/view.h"
#include "base/error.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "launch/volumes/uses.h"
#include "network/network.h"

static int remove_layer(const struct execute_host *host, const char *name,
                        struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/machines/%s", host->directories.state, name);

        return path ? tree_remove(AT_FDCWD, path, error) : error_oom(error);
}

/* Volumes of a machine that no other one uses, neither on this host nor in the tree. */
static int remove_volumes(const struct execute_request *request, const char *name,
                          struct machine_error *error)
{
        const struct execute_host *host = request->host;
        char *const names[] = { (char *)name, NULL };
        _cleanup_volume_uses_ struct volume_uses uses = { 0 };
        int r = volume_uses_find(&host->directories, request->machines, &uses, error);

        for (size_t i = 0; r == 0 && i < request->view->count; i++) {
                const struct machine *machine = request->view->definitions[i]->machine;

                r = volume_uses_add(&uses, machine, machine->name) < 0 ? error_oom(error) : 0;
        }
        return r < 0 ? r : volume_uses_remove(&host->directories, &uses, names, host->log, error);
}

static void remove_logs(const struct execute_host *host, const char *name)
{
        static const char *const suffixes[] = { "", ".1" };

        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                _cleanup_free_ char *path =
                        string_format("%s/%s.log%s", host->log_directory, name, suffixes[i]);

                if (path) {
                        (void)unlink(path);
                }
        }
}

/* The lock is that of starts, so that one either precedes or follows the removal. */
int task_remove(const struct tasks *tasks, const struct plan_item *item,
                struct machine_error *error)
{
        const struct execute_request *request = tasks->request;
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = state_lock(request->machines, item->name, error);
        int r = lock < 0 ? lock : state_load(request->machines, item->name, &record, error);

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        r = r == 0 ? launch_undo(&request->host->directories, &record, request->host->log, error)
                   : 0;
        r = r < 0 ? r : network_forget(request->host->directories.runtime, item->name, error);
        r = r < 0 ? r : launch_inject_fault("apply-remove", error);
        if (r == 0 && request->prune_data) {
                r = remove_volumes(request, item->name, error);
        }
        r = r < 0 ? r : launch_inject_fault("apply-volumes", error);
        if (r == 0 && request->prune_data) {
                r = remove_layer(request->host, item->name, error);
                remove_logs(request->host, item->name);
        }
        r = r < 0 ? r : launch_inject_fault("apply-removed", error);
        return r < 0 ? r : state_remove(request->machines, item->name, error);
}

int task_unpin_image(const struct tasks *tasks, const struct plan_item *item,
                     struct machine_error *error)
{
        _cleanup_free_ char *path = string_format(
                "%s/machines/%s/image.json", tasks->request->host->directories.state, item->name);

        if (!path) {
                return error_oom(error);
        }
        return unlink(path) < 0 && errno != ENOENT
                       ? error_set(error, errno, "cannot remove %s", path)
                       : 0;
}
