/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/moves/moves.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "network/network.h"
#include "state/owner.h"
#include "systemd/manager.h"

#define JOURNAL_VERSION 1
#define JOURNAL_MAXIMUM (1U << 20)
#define BOOT_TARGET     "machines.target"

void moves_clear(struct moves *moves)
{
        free(moves->from);
        free(moves->to);
        free(moves->definition);
        strv_free(moves->paths);
        *moves = (struct moves){ 0 };
}

int moves_add(struct moves *moves, char *from, char *to)
{
        int r = strv_take(&moves->paths, from);

        if (r < 0) {
                free(to);
                return r;
        }
        return strv_take(&moves->paths, to);
}

/* ---- The journal ---- */

static char *journal_path(const struct cli *cli)
{
        return string_format("%s/moves.json", cli->directories.state);
}

static int write_journal(const char *path, const struct moves *moves, struct machine_error *error)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *text = NULL;
        int r;

        if (!object || json_set_number(object, "version", JOURNAL_VERSION) < 0 ||
            json_set_string(object, "from", moves->from) < 0 ||
            json_set_string(object, "to", moves->to) < 0 ||
            json_set_string(object, "definition", moves->definition) < 0 ||
            json_set_strings(object, "paths", moves->paths) < 0 ||
            json_set_boolean(object, "enabled", moves->enabled) < 0) {
                return error_oom(error);
        }
        text = json_dumps(object, JSON_COMPACT);
        r = text ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600) : -ENOMEM;
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static int take_paths(const json_t *object, struct moves *ret)
{
        const json_t *paths = json_object_get(object, "paths"), *path;
        size_t index;

        json_array_foreach(paths, index, path)
        {
                if (!json_is_string(path) ||
                    strv_append(&ret->paths, json_string_value(path)) < 0) {
                        return -EBADMSG;
                }
        }
        return json_array_size(paths) % 2 == 0 ? 0 : -EBADMSG;
}

static int read_journal(const char *path, struct moves *ret, struct machine_error *error)
{
        _cleanup_json_ json_t *object = NULL;
        _cleanup_free_ char *text = NULL;
        uint64_t version = 0;
        size_t length;
        int r = file_read(AT_FDCWD, path, JOURNAL_MAXIMUM, &text, &length);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", path);
        }
        object = json_parse(text, length, NULL);
        (void)json_get_number(object, "version", &version);
        if (version != JOURNAL_VERSION || !json_get_string(object, "to") ||
            take_paths(object, ret) < 0) {
                return error_say(error, EBADMSG, "%s is damaged or of another version", path);
        }
        ret->enabled = json_is_true(json_object_get(object, "enabled"));
        return string_replace(&ret->from, json_get_string(object, "from")) < 0 ||
                               string_replace(&ret->to, json_get_string(object, "to")) < 0 ||
                               string_replace(&ret->definition,
                                              json_get_string(object, "definition")) < 0
                       ? error_oom(error)
                       : 0;
}

/* ---- The steps; each can be repeated ---- */

static bool exists(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0;
}

static int move_paths(char *const *paths, struct machine_error *error)
{
        for (size_t i = 0; paths && paths[i]; i += 2) {
                if (exists(paths[i]) && syscall(SYS_renameat2, AT_FDCWD, paths[i], AT_FDCWD,
                                                paths[i + 1], RENAME_NOREPLACE) < 0) {
                        return error_set(error, errno, "cannot move %s to %s", paths[i],
                                         paths[i + 1]);
                }
        }
        return 0;
}

static int keep_owner(const struct cli *cli, const struct moves *moves, struct machine_error *error)
{
        const struct claim_to_machine claim = { moves->to, moves->definition, NULL };
        _cleanup_free_ char *path =
                string_format("%s/machines/%s", cli->directories.state, moves->to);

        if (!path) {
                return error_oom(error);
        }
        return exists(path) ? owner_keep(&claim, cli->directories.state, error) : 0;
}

static int move_record(const struct state_store *store, const struct moves *moves,
                       struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(store, moves->from, &record, error);

        if (r < 0) {
                return r == -ENOENT ? 0 : r;
        }
        if (string_replace(&record.name, moves->to) < 0 ||
            string_replace(&record.definition, moves->definition) < 0) {
                return error_oom(error);
        }
        r = state_save(store, &record, error);
        return r < 0 ? r : state_remove(store, moves->from, error);
}

static int enable(const struct moves *moves, struct machine_error *error)
{
        _cleanup_free_ char *old = systemd_unit_of(moves->from), *new = systemd_unit_of(moves->to);
        char *olds[] = { old, NULL }, *news[] = { new, (char *)BOOT_TARGET, NULL };
        int r;

        if (!old || !new) {
                return error_oom(error);
        }
        r = systemd_control("disable", olds, error);
        return r < 0 ? r : systemd_control("enable", news, error);
}

static int carry_out(const struct cli *cli, const struct state_store *store,
                     const struct moves *moves, struct machine_error *error)
{
        int r = move_paths(moves->paths, error);

        r = r < 0 ? r : keep_owner(cli, moves, error);
        if (r < 0 || !moves->from) {
                return r;
        }
        r = move_record(store, moves, error);
        if (r == 0) {
                r = network_rename(cli->directories.runtime, moves->from, moves->to, error);
        }
        return r == 0 && moves->enabled ? enable(moves, error) : r;
}

/* The same the other way, for what has failed. A new machine has no old name and no owner. */
static int reverse(const struct moves *moves, const char *definition, struct moves *ret)
{
        for (size_t i = strv_length(moves->paths); i >= 2; i -= 2) {
                if (strv_append(&ret->paths, moves->paths[i - 1]) < 0 ||
                    strv_append(&ret->paths, moves->paths[i - 2]) < 0) {
                        return -ENOMEM;
                }
        }
        ret->enabled = moves->enabled;
        return string_replace(&ret->to, moves->from ? moves->from : moves->to) < 0 ||
                               string_replace(&ret->from, moves->from ? moves->to : NULL) < 0 ||
                               string_replace(&ret->definition, moves->from ? definition : NULL) < 0
                       ? -ENOMEM
                       : 0;
}

/* The path of the definition before: that of the pair whose new path is the definition. */
static const char *definition_before(const struct moves *moves)
{
        for (size_t i = 0; moves->paths && moves->paths[i]; i += 2) {
                if (string_equal(moves->paths[i + 1], moves->definition)) {
                        return moves->paths[i];
                }
        }
        return moves->definition;
}

static void undo(const struct cli *cli, const struct state_store *store, const char *journal,
                 const struct moves *moves)
{
        _cleanup_moves_ struct moves back = { 0 };
        _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;

        if (reverse(moves, definition_before(moves), &back) < 0 ||
            write_journal(journal, &back, &failure) < 0 ||
            carry_out(cli, store, &back, &failure) < 0) {
                log_error(&cli->log, &failure);
                return;
        }
        (void)unlink(journal);
}

static int lock_journal(const struct cli *cli, int operation)
{
        _cleanup_free_ char *path = string_format("%s/moves.lock", cli->directories.state);

        return path ? file_lock(AT_FDCWD, path, operation) : -ENOMEM;
}

/* ---- Outside ---- */

static int finish(const struct cli *cli, const char *journal, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        _cleanup_moves_ struct moves moves = { 0 };
        int r = read_journal(journal, &moves, error);

        r = r < 0 ? r : state_store_open(cli->directories.runtime, &store, error);
        if (r == 0 && moves.from) {
                from = state_lock(&store, moves.from, error);
                r = from < 0 ? from : 0;
        }
        if (r == 0) {
                to = state_lock(&store, moves.to, error);
                r = to < 0 ? to : carry_out(cli, &store, &moves, error);
        }
        if (r == 0) {
                (void)unlink(journal);
        }
        return r;
}

void moves_recover(const struct cli *cli)
{
        _cleanup_free_ char *journal = journal_path(cli);
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_close_ int lock = -EBADF;

        if (!journal || access(journal, R_OK | W_OK) < 0) {
                return;
        }
        lock = lock_journal(cli, LOCK_EX | LOCK_NB);
        if (lock < 0 || access(journal, F_OK) < 0) {
                return; /* it is under way */
        }
        if (finish(cli, journal, &error) < 0) {
                error_prefix(&error, "cannot finish what another command has begun, see %s",
                             journal);
                log_error(&cli->log, &error);
        }
}

int moves_carry_out(const struct cli *cli, const struct state_store *store,
                    const struct moves *moves, struct machine_error *error)
{
        _cleanup_free_ char *journal = journal_path(cli);
        _cleanup_close_ int lock = -EBADF;
        int r = journal ? directory_make(cli->directories.state, 0755) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot create %s", cli->directories.state);
        }
        lock = lock_journal(cli, LOCK_EX);
        if (lock < 0) {
                return error_set(error, lock, "cannot lock %s", journal);
        }
        if (access(journal, F_OK) == 0) {
                r = finish(cli, journal, error);
        }
        r = r < 0 ? r : write_journal(journal, moves, error);
        if (r < 0) {
                return r;
        }
        r = carry_out(cli, store, moves, error);
        if (r < 0) {
                undo(cli, store, journal, moves);
                return r;
        }
        (void)unlink(journal);
        return 0;
}
