/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/removing.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/tree.h"
#include "launch/launch.h"
#include "network/network.h"

static int remove_writable_layer(const struct cli *cli, const char *name, bool *ret_found,
                                 struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/machines/%s", cli->directories.state, name);
        _cleanup_free_ char *stuck = NULL;
        int r;

        if (!path) {
                return error_oom(error);
        }
        *ret_found = access(path, F_OK) == 0;
        r = tree_remove(path, &stuck);
        return r < 0 ? error_set(error, r, "cannot remove %s", stuck ? stuck : path) : 0;
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

/* Under the machine's lock: a start and a delete at once end in one of the two. */
int cli_remove_machine(struct cli *cli, const struct state_store *store, const char *name,
                       bool *ret_found, struct machine_error *error)
{
        const struct launch_directories directories = { cli->directories.runtime,
                                                        cli->directories.state };
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_close_ int lock = state_lock(store, name, error);
        bool layer = false, known;
        int r = lock < 0 ? lock : state_load(store, name, &record, error);

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
        /* Last, since the lock goes with it. */
        r = state_remove(store, name, error);
        if (r == 0) {
                *ret_found = known || layer;
        }
        return r;
}
