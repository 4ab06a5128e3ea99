/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/life/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "cli/machines/machines.h"
#include "launch/launch.h"
#include "network/network.h"

static char *writable_layer(const struct cli *cli, const char *name)
{
        return string_format("%s/machines/%s", cli->directories.state, name);
}

/* Mounts in the layer do not belong to the machine: report them before anything is removed. */
int cli_check_removable(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_free_ char *path = writable_layer(cli, name);
        int r = path ? tree_check_mounts(AT_FDCWD, path, error) : error_oom(error);

        if (r == -EXDEV) {
                error_prefix(error, "machine \"%s\" cannot be deleted", name);
        }
        return r;
}

static int remove_writable_layer(const struct cli *cli, const char *name, bool *ret_found,
                                 struct machine_error *error)
{
        _cleanup_free_ char *path = writable_layer(cli, name);

        if (!path) {
                return error_oom(error);
        }
        *ret_found = access(path, F_OK) == 0;
        return tree_remove(AT_FDCWD, path, error);
}

static void remove_logs(const struct cli *cli, const char *name)
{
        static const char *const suffixes[] = { "", ".1" };

        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                _cleanup_free_ char *path =
                        string_format("%s/%s.log%s", cli->directories.log, name, suffixes[i]);

                if (path) {
                        (void)unlink(path);
                }
        }
}

/* Takes the machine's lock, so that a concurrent start either precedes or follows the removal. */
int cli_remove_machine(struct cli *cli, const struct state_store *store, const char *name,
                       bool *ret_found, struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = state_lock(store, name, error);
        bool layer = false, known;
        int r = lock < 0 ? lock : cli_check_removable(cli, name, error);

        if (r == 0) {
                r = state_load(store, name, &record, error);
        }
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        known = r == 0;
        if (known && machine_state_is_live(record.state) && process_is_alive(&record.supervisor)) {
                error_say(error, EBUSY, "machine \"%s\" is %s", name,
                          machine_state_name(record.state));
                error_hint(error, "stop it first, or use --force");
                return -EBUSY;
        }
        r = known ? launch_undo(&directories, &record, &cli->log, error) : 0;
        if (r == 0) {
                r = network_forget(cli->directories.runtime, name, error);
        }
        if (r == 0) {
                r = remove_writable_layer(cli, name, &layer, error);
        }
        if (r < 0) {
                return r;
        }
        remove_logs(cli, name);
        /* Last, because it removes the lock as well. */
        r = state_remove(store, name, error);
        if (r == 0) {
                *ret_found = known || layer;
        }
        return r;
}
