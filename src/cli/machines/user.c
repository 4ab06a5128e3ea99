/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "security/user/user.h"
#include "state/member.h"

/* The ids that files below the state directory were written with. */
#define IDS_FILE     "subordinate-ids"
#define IDS_MAXIMUM  65536
#define NOT_A_MEMBER 1

/* ---- directories ---- */

/* What is in it decides what this user runs, and with which files. */
static int check_directory(const char *path, struct machine_error *error)
{
        struct stat status;

        if (lstat(path, &status) < 0) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot stat \"%s\"", path);
        }
        if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
            !(status.st_mode & (S_IWGRP | S_IWOTH))) {
                return 0;
        }
        error_say(error, EPERM, "\"%s\" %s", path,
                  !S_ISDIR(status.st_mode)     ? "is not a directory"
                  : status.st_uid != geteuid() ? "belongs to another user"
                                               : "is writable by others");
        error_hint(error, "remove it, or choose another directory with --state-dir and "
                          "--runtime-dir");
        return -EPERM;
}

static int prepare_directories(const struct cli *cli, struct machine_error *error)
{
        const char *const paths[] = { cli->directories.runtime, cli->directories.state };

        for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
                int r = check_directory(paths[i], error);

                if (r == 0) {
                        r = directory_make(paths[i], 0700);
                        r = r < 0 ? error_set(error, r, "cannot create the directory \"%s\"",
                                              paths[i])
                                  : 0;
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* ---- joining ---- */

/* 0, NOT_A_MEMBER if the process is not one, or -errno. Its size is that of the namespace only if
 * the process turns out to be the right one. */
static int try_member(const struct process_identity *member, bool needs_several,
                      struct machine_error *error)
{
        int r = !needs_several || user_namespace_size_of(member->pid) > 1
                        ? user_namespace_join(member, error)
                        : -ESRCH;

        return r == -ESRCH ? NOT_A_MEMBER : r;
}

static int try_saved(const struct cli *cli, bool self, bool needs_several,
                     struct machine_error *error)
{
        struct member member;

        return member_load(cli->directories.runtime, self, &member) < 0
                       ? NOT_A_MEMBER
                       : try_member(&member.process, needs_several, error);
}

static int try_supervisors(const struct cli *cli, bool needs_several, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **names = NULL;
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = state_list(&store, &names, error);
        }
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(name, names) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (state_load(&store, *name, &record, NULL) < 0 || record.supervisor.pid <= 0) {
                        continue;
                }
                r = try_member(&record.supervisor, needs_several, error);
                if (r == 0) {
                        const struct member found = { record.supervisor, true };

                        r = member_save(cli->directories.runtime, user_namespace_size() == 1,
                                        &found, error);
                }
                if (r != NOT_A_MEMBER) {
                        return r;
                }
        }
        return NOT_A_MEMBER;
}

/* ---- making ---- */

/* Files that were written with other ids now belong to somebody else, or to nobody. */
static int check_ids(const struct cli *cli, const struct subordinate_ids *ids,
                     struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(cli->directories.state, IDS_FILE);
        _cleanup_free_ char *now = subordinate_ids_text(ids), *before = NULL;
        int r;

        if (!path || !now) {
                return error_oom(error);
        }
        r = file_read(AT_FDCWD, path, IDS_MAXIMUM, &before, NULL);
        if (r == 0 && strcmp(now, before) == 0) {
                return 0;
        }
        if (r == 0) {
                error_say(
                        error, EEXIST,
                        "the user's subordinate ids have changed from %s to %s; files of machines "
                        "and images in %s belong to the old ones",
                        before, now, cli->directories.state);
                error_hint(error,
                           "restore the old ones in /etc/subuid and /etc/subgid; or remove the "
                           "files as root: rm -r %s",
                           cli->directories.state);
                return -EEXIST;
        }
        r = r == -ENOENT ? file_replace(AT_FDCWD, path, now, strlen(now), 0600) : r;
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static int make(const struct cli *cli, bool self, struct machine_error *error)
{
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        struct member own = { .stays = false };
        int r = self ? 0 : subordinate_ids_find(&ids, error);

        if (r == 0 && !self) {
                r = check_ids(cli, &ids, error);
        }
        if (r == 0) {
                r = user_namespace_make(self ? NULL : &ids, error);
        }
        if (r < 0) {
                return r;
        }
        r = process_identify(0, &own.process);
        return r < 0 ? error_set(error, r, "cannot read the start time of this process")
                     : member_save(cli->directories.runtime, self, &own, error);
}

/* ---- entering ---- */

enum wish {
        WISH_SEVERAL, /* with subordinate ids */
        WISH_SELF,    /* the own id is enough */
        WISH_ANY,     /* with subordinate ids, if there are any */
};

/* Under the lock. */
static int join_or_make(const struct cli *cli, enum wish wish, struct machine_error *error)
{
        bool several = wish != WISH_SELF;
        int r = try_saved(cli, false, several, error);

        if (r == NOT_A_MEMBER && !several) {
                r = try_saved(cli, true, false, error);
        }
        if (r == NOT_A_MEMBER) {
                r = try_supervisors(cli, several, error);
        }
        if (r != NOT_A_MEMBER) {
                return r;
        }
        r = make(cli, wish == WISH_SELF, error);
        if (r == -ENOENT && wish == WISH_ANY) {
                if (error) {
                        machine_error_clear(error);
                }
                r = join_or_make(cli, WISH_SELF, error);
        }
        return r;
}

static int enter(struct cli *cli, enum wish wish, struct machine_error *error)
{
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (geteuid() == 0) {
                return 0;
        }
        r = prepare_directories(cli, error);
        if (r == 0) {
                r = lock = member_lock(cli->directories.runtime, error);
        }
        return r < 0 ? r : join_or_make(cli, wish, error);
}

bool cli_is_of_user(const struct cli *cli)
{
        struct stat status;

        return lstat(cli->directories.runtime, &status) == 0 && status.st_uid == geteuid();
}

int cli_enter_user(struct cli *cli, struct machine_error *error)
{
        return enter(cli, WISH_ANY, error);
}

int cli_enter_user_for(struct cli *cli, const struct machine *machine, struct machine_error *error)
{
        return enter(cli,
                     machine->namespaces.user == MACHINE_USER_NAMESPACE_SELF ? WISH_SELF
                                                                             : WISH_SEVERAL,
                     error);
}

int cli_enter_user_of(struct cli *cli, const struct machine_record *record,
                      struct machine_error *error)
{
        int r = geteuid() == 0 ? 0 : user_namespace_join(&record->supervisor, error);

        return r == -ESRCH ? error_say(error, ESRCH, "the supervisor of machine \"%s\" has ended",
                                       record->name)
                           : r;
}
