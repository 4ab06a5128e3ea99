/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/subordinate_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/helper.h"
#include "base/strings.h"

#define FILE_MAXIMUM ((size_t)4 << 20)
/* The kernel's maximum of lines in a map (user_namespaces(7)), one of them for the user himself. */
#define RANGES_MAXIMUM 339

void subordinate_ids_clear(struct subordinate_ids *ids)
{
        free(ids->uids);
        free(ids->gids);
        free(ids->groups);
        *ids = (struct subordinate_ids){ 0 };
}

/* Users of a directory service are not in /etc/passwd; the C library of a static program asks
 * nobody else. */
static char *find_name_by_service(void)
{
        const char *program = helper_find("getent");
        _cleanup_free_ char *uid = string_format("%u", getuid()), *text = NULL;
        char *const arguments[] = { (char *)"getent", (char *)"passwd", uid, NULL };
        struct helper helper;

        if (!program || !uid || helper_start(program, arguments, NULL, &helper) < 0 ||
            helper_wait(&helper, &text) != 0 || !strchr(text, ':')) {
                return NULL;
        }
        *strchr(text, ':') = '\0';
        return TAKE_PTR(text);
}

char *user_find_name(void)
{
        const struct passwd *entry = getpwuid(getuid());

        return entry ? strdup(entry->pw_name) : find_name_by_service();
}

static int append(struct id_range **ranges, size_t *count, uint32_t base, uint32_t length)
{
        struct id_range *grown;

        if (length == 0 || length > UINT32_MAX - base || *count == RANGES_MAXIMUM) {
                return 0;
        }
        grown = reallocarray(*ranges, *count + 1, sizeof *grown);
        if (!grown) {
                return -ENOMEM;
        }
        *ranges = grown;
        grown[(*count)++] = (struct id_range){ base, length };
        return 0;
}

/* Lines such as "0: user 100000 65536". */
static int ask_program(const char *program, const char *name, bool groups, struct id_range **ranges,
                       size_t *count)
{
        char *const arguments[] = { (char *)"getsubids", (char *)(groups ? "-g" : name),
                                    groups ? (char *)name : NULL, NULL };
        _cleanup_free_ char *text = NULL;
        struct helper helper;
        char *save = NULL;
        int r = helper_start(program, arguments, NULL, &helper);

        if (r == 0) {
                r = helper_wait(&helper, &text);
        }
        /* It fails for a user without ranges. */
        if (r != 0) {
                return r < 0 ? r : 0;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                uint32_t base, length;

                if (sscanf(line, "%*u: %*s %" SCNu32 " %" SCNu32, &base, &length) == 2) {
                        r = append(ranges, count, base, length);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Whether a line such as "subid: sss" names another source than the files. */
static bool names_service(char *text)
{
        for (char *line; (line = strsep(&text, "\n"));) {
                char *rest = line + strspn(line, " \t");

                if (strncmp(rest, "subid:", strlen("subid:")) != 0) {
                        continue;
                }
                rest += strlen("subid:");
                for (char *word; (word = strsep(&rest, " \t"));) {
                        if (*word && strcmp(word, "files") != 0) {
                                return true;
                        }
                }
        }
        return false;
}

/* Ranges come from the files unless nsswitch.conf(5) says otherwise. Each answer of getsubids(1)
 * takes as long as a quarter of a start. */
static bool service_has_ids(void)
{
        const char *const paths[] = { "/etc/nsswitch.conf", "/usr/etc/nsswitch.conf" };

        for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
                _cleanup_free_ char *text = NULL;
                int r = file_read(AT_FDCWD, paths[i], FILE_MAXIMUM, &text, NULL);

                if (r != -ENOENT) {
                        return r < 0 || names_service(text);
                }
        }
        return false;
}

/* Lines "NAME:BASE:COUNT" or "UID:BASE:COUNT". */
static int read_file(const char *path, const char *name, struct id_range **ranges, size_t *count)
{
        _cleanup_free_ char *text = NULL;
        char number[16];
        int r = file_read(AT_FDCWD, path, FILE_MAXIMUM, &text, NULL);
        char *rest = text;

        snprintf(number, sizeof number, "%u", getuid());
        for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
                char *owner = strsep(&line, ":");
                uint32_t base, length;

                if (line && (string_equal(owner, name) || string_equal(owner, number)) &&
                    sscanf(line, "%" SCNu32 ":%" SCNu32, &base, &length) == 2) {
                        r = append(ranges, count, base, length);
                }
        }
        return r == -ENOENT ? 0 : r;
}

static int explain_absence(const char *name, const char *file, const char *option,
                           struct machine_error *error)
{
        error_say(error, ENOENT,
                  "user %s has no subordinate ids in %s, which the default, user_namespace = "
                  "\"auto\", needs",
                  name, file);
        error_hint(error,
                   "root adds them with: usermod --add-sub%ss 100000-165535 %s; or run the machine "
                   "with the user's own id alone: user_namespace = \"self\"",
                   option, name);
        return -ENOENT;
}

/* A line for one id gives no ids to files of machines. That such lines are apart keeps the others'
 * numbers when one is added. */
static int take_groups(struct subordinate_ids *ids)
{
        size_t left = 0;

        ids->groups = calloc(ids->gid_count + 1, sizeof *ids->groups);
        if (!ids->groups) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < ids->gid_count; i++) {
                if (ids->gids[i].count == 1) {
                        ids->groups[ids->group_count++] = ids->gids[i].base;
                } else {
                        ids->gids[left++] = ids->gids[i];
                }
        }
        ids->gid_count = left;
        return 0;
}

int subordinate_ids_find(struct subordinate_ids *ret, struct machine_error *error)
{
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        _cleanup_free_ char *name = user_find_name();
        const char *program = service_has_ids() ? helper_find("getsubids") : NULL;
        int r;

        if (!name) {
                name = string_format("%u", getuid());
        }
        if (!name) {
                return error_oom(error);
        }
        r = program ? ask_program(program, name, false, &ids.uids, &ids.uid_count)
                    : read_file("/etc/subuid", name, &ids.uids, &ids.uid_count);
        if (r == 0) {
                r = program ? ask_program(program, name, true, &ids.gids, &ids.gid_count)
                            : read_file("/etc/subgid", name, &ids.gids, &ids.gid_count);
        }
        if (r == 0) {
                r = take_groups(&ids);
        }
        if (r < 0) {
                return error_set(error, r, "cannot find the subordinate ids of user %s", name);
        }
        if (ids.uid_count == 0) {
                return explain_absence(name, "/etc/subuid", "uid", error);
        }
        if (ids.gid_count == 0) {
                return explain_absence(name, "/etc/subgid", "gid", error);
        }
        *ret = ids;
        ids = (struct subordinate_ids){ 0 };
        return 0;
}

static char *ranges_text(const struct id_range *ranges, size_t count)
{
        _cleanup_strv_ char **parts = NULL;

        for (size_t i = 0; i < count; i++) {
                if (strv_take(&parts, string_format("%" PRIu32 ":%" PRIu32, ranges[i].base,
                                                    ranges[i].count)) < 0) {
                        return NULL;
                }
        }
        return strv_join(parts, ",");
}

char *subordinate_ids_text(const struct subordinate_ids *ids)
{
        _cleanup_free_ char *uids = ranges_text(ids->uids, ids->uid_count);
        _cleanup_free_ char *gids = ranges_text(ids->gids, ids->gid_count);

        if (!uids || !gids) {
                return NULL;
        }
        return strcmp(uids, gids) == 0 ? TAKE_PTR(uids)
                                       : string_format("%s, groups %s", uids, gids);
}

/* Root of the machine keeps the user's uid and primary group. */
bool group_decides(const char *path, const struct stat *status)
{
        return status->st_uid != geteuid() && status->st_gid != getegid() &&
               (status->st_mode & S_IRWXG) &&
               (status->st_mode & S_IRWXO) < ((status->st_mode & S_IRWXG) >> 3) &&
               getxattr(path, "system.posix_acl_access", NULL, 0) <= 0;
}

bool subordinate_ids_keep(gid_t group)
{
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        bool found = false;

        if (subordinate_ids_find(&ids, NULL) < 0) {
                return false;
        }
        for (size_t i = 0; i < ids.group_count && !found; i++) {
                found = ids.groups[i] == group;
        }
        return found;
}
