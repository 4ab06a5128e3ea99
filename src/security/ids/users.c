/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/ids/users.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"

/* The machine can write these files, so their size is limited. */
#define FILE_MAXIMUM ((size_t)4 << 20)
/* The kernel's NGROUPS_MAX; some C libraries have another. */
#define GROUP_MAXIMUM 65536
/* (uid_t)-1 means "unchanged" to the kernel and is not a user. */
#define ID_MAXIMUM (UINT32_MAX - 1)

#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4

enum passwd_field {
        PASSWD_NAME = 0,
        PASSWD_UID = 2,
        PASSWD_GID = 3,
        PASSWD_HOME = 5,
        PASSWD_SHELL = 6,
};

enum group_field {
        GROUP_NAME = 0,
        GROUP_GID = 2,
        GROUP_MEMBERS = 3,
};

static bool is_number(const char *text)
{
        return *text && text[strspn(text, "0123456789")] == '\0';
}

/* A valid name of a passwd file: no separator of the file or of "USER:GROUP", no terminal control
 * characters, no "+" and "-" lines of NIS. */
static bool is_name(const char *text)
{
        if (!*text || *text == '+' || *text == '-' || strlen(text) > NAME_MAX) {
                return false;
        }
        for (; *text; text++) {
                if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == ':' || *text == ',' ||
                    *text == '/') {
                        return false;
                }
        }
        return true;
}

/* Only digits, no leading zero, and a valid id of a process. */
static int parse_id(const char *text, uint32_t *ret)
{
        uint64_t number;

        if (quantity_parse_number(text, &number) < 0 || number > ID_MAXIMUM) {
                return -EINVAL;
        }
        *ret = (uint32_t)number;
        return 0;
}

/* Reads a file of the root. A missing file counts as empty; opening one that is not a regular file
 * could block. */
static int read_file_of_root(int root_fd, const char *path, char **ret, struct machine_error *error)
{
        _cleanup_close_ int fd = path_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
        struct stat status;
        int r;

        if (fd == -ENOENT) {
                *ret = strdup("");
                return *ret ? 0 : error_oom(error);
        }
        if (fd < 0) {
                return error_set(error, fd, "opening the machine's /%s failed", path);
        }
        if (fstat(fd, &status) < 0) {
                return error_set(error, errno, "reading the machine's /%s failed", path);
        }
        if (!S_ISREG(status.st_mode)) {
                return error_say(error, EINVAL, "the machine's /%s is not a regular file", path);
        }
        r = file_read_fd(fd, FILE_MAXIMUM, ret, NULL);
        return r < 0 ? error_set(error, r, "reading the machine's /%s failed", path) : 0;
}

/* Splits a line at its colons, in place. Returns false if it has too few fields. */
static bool split_fields(char *line, char *fields[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                fields[i] = strsep(&line, ":");
                if (!fields[i]) {
                        return false;
                }
        }
        return !line;
}

struct search {
        const char *name; /* NULL: by number */
        uint32_t number;
};

/* Finds the first line with the name or number. A line found by name must have a valid number: read
 * as 0, it would be root's. Returns 1 if found, 0 if not, or -errno. */
static int find_line(char *text, const char *path, const struct search *search, char *fields[],
                     size_t count, struct machine_error *error)
{
        for (char *line; (line = strsep(&text, "\n"));) {
                uint32_t id;
                bool named;

                if (!split_fields(line, fields, count)) {
                        continue;
                }
                named = search->name && strcmp(fields[0], search->name) == 0;
                /* Name and number are the first and third field of both files. */
                if (parse_id(fields[2], &id) < 0) {
                        if (named) {
                                return error_say(error, EINVAL,
                                                 "the entry of \"%s\" in the machine's /%s has no "
                                                 "valid number",
                                                 search->name, path);
                        }
                        continue;
                }
                if (named || (!search->name && id == search->number)) {
                        return 1;
                }
        }
        return 0;
}

static int take_entry(char *fields[], struct machine_user *user, struct machine_error *error)
{
        if (parse_id(fields[PASSWD_UID], &user->uid) < 0 ||
            parse_id(fields[PASSWD_GID], &user->gid) < 0) {
                return error_say(error, EINVAL,
                                 "the entry of user %u in the machine's /etc/passwd has no valid "
                                 "group number",
                                 user->uid);
        }
        if (string_replace(&user->name, fields[PASSWD_NAME]) < 0 ||
            (fields[PASSWD_HOME][0] == '/' &&
             string_replace(&user->home, fields[PASSWD_HOME]) < 0) ||
            (fields[PASSWD_SHELL][0] == '/' &&
             string_replace(&user->shell, fields[PASSWD_SHELL]) < 0)) {
                return error_oom(error);
        }
        return 0;
}

/* root is always root: the file cannot give the name another number, and root needs no passwd
 * file. */
static int fill_defaults(const struct search *search, bool found, struct machine_user *user,
                         struct machine_error *error)
{
        bool root = search->name ? strcmp(search->name, "root") == 0 : search->number == 0;

        if (!found && search->name && !root) {
                error_say(error, ENOENT, "the machine has no user \"%s\"", search->name);
                error_hint(error, "its /etc/passwd has no such entry; a number needs none");
                return -ENOENT;
        }
        if (!found) {
                user->uid = root ? 0 : search->number;
                user->gid = 0;
        }
        if ((root && !user->name && string_replace(&user->name, "root") < 0) ||
            (!user->home && string_replace(&user->home, root ? "/root" : "/") < 0) ||
            (!user->shell && string_replace(&user->shell, "/bin/sh") < 0)) {
                return error_oom(error);
        }
        return 0;
}

static int find_user(int root_fd, const char *text, struct machine_user *user,
                     struct machine_error *error)
{
        struct search search = { .name = is_number(text) ? NULL : text };
        _cleanup_free_ char *file = NULL;
        char *fields[PASSWD_FIELDS];
        int r;

        if (!search.name && parse_id(text, &search.number) < 0) {
                return error_say(error, EINVAL, "%s is not a valid user id", text);
        }
        r = read_file_of_root(root_fd, "etc/passwd", &file, error);
        if (r < 0) {
                return r;
        }
        r = find_line(file, "etc/passwd", &search, fields, PASSWD_FIELDS, error);
        if (r < 0) {
                return r;
        }
        if (r > 0) {
                int taken = take_entry(fields, user, error);

                if (taken < 0) {
                        return taken;
                }
        }
        return fill_defaults(&search, r > 0, user, error);
}

static int find_group(char *file, const char *text, gid_t *ret, struct machine_error *error)
{
        struct search search = { .name = text };
        char *fields[GROUP_FIELDS];
        int r;

        if (is_number(text)) {
                return parse_id(text, ret) == 0
                               ? 0
                               : error_say(error, EINVAL, "%s is not a valid group id", text);
        }
        r = find_line(file, "etc/group", &search, fields, GROUP_FIELDS, error);
        if (r < 0) {
                return r;
        }
        if (r > 0) {
                return parse_id(fields[GROUP_GID], ret);
        }
        if (strcmp(text, "root") == 0) {
                *ret = 0;
                return 0;
        }
        error_say(error, ENOENT, "the machine has no group \"%s\"", text);
        error_hint(error, "its /etc/group has no such entry; a number needs none");
        return -ENOENT;
}

static bool has_member(char *members, const char *name)
{
        for (char *member; (member = strsep(&members, ","));) {
                if (strcmp(member, name) == 0) {
                        return true;
                }
        }
        return false;
}

static int add_group(struct machine_user *user, size_t *room, gid_t gid,
                     struct machine_error *error)
{
        if (user->group_count == GROUP_MAXIMUM) {
                return error_say(error, E2BIG, "user \"%s\" is in more than %d groups", user->name,
                                 GROUP_MAXIMUM);
        }
        if (user->group_count == *room) {
                size_t more = *room ? *room * 2 : 16;
                gid_t *grown = reallocarray(user->groups, more, sizeof *grown);

                if (!grown) {
                        return error_oom(error);
                }
                user->groups = grown;
                *room = more;
        }
        user->groups[user->group_count++] = gid;
        return 0;
}

static int find_supplementary(char *file, struct machine_user *user, struct machine_error *error)
{
        size_t room = 0;

        for (char *line; (line = strsep(&file, "\n"));) {
                char *fields[GROUP_FIELDS];
                gid_t gid;
                int r;

                if (!split_fields(line, fields, GROUP_FIELDS) ||
                    parse_id(fields[GROUP_GID], &gid) < 0 || gid == user->gid ||
                    !has_member(fields[GROUP_MEMBERS], user->name)) {
                        continue;
                }
                r = add_group(user, &room, gid, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int find_groups(int root_fd, const char *group, struct machine_user *user,
                       struct machine_error *error)
{
        _cleanup_free_ char *file = NULL;
        int r;

        if (!group && !user->name) {
                return 0;
        }
        r = read_file_of_root(root_fd, "etc/group", &file, error);
        if (r < 0) {
                return r;
        }
        return group ? find_group(file, group, &user->gid, error)
                     : find_supplementary(file, user, error);
}

int machine_user_find(int root_fd, const char *text, struct machine_user *ret,
                      struct machine_error *error)
{
        _cleanup_machine_user_ struct machine_user user = MACHINE_USER_INIT;
        _cleanup_free_ char *copy = strdup(text ? text : "0");
        char *group;
        int r;

        if (!copy) {
                return error_oom(error);
        }
        group = strchr(copy, ':');
        if (group) {
                *group++ = '\0';
        }
        if (!is_name(copy) || (group && !is_name(group))) {
                error_say(error, EINVAL, "\"%s\" is not a valid user", text);
                error_hint(error,
                           "valid forms are \"name\", \"uid\", \"name:group\" and \"uid:gid\"");
                return -EINVAL;
        }
        r = find_user(root_fd, copy, &user, error);
        if (r == 0) {
                r = find_groups(root_fd, group, &user, error);
        }
        if (r == 0) {
                *ret = user;
                user = (struct machine_user)MACHINE_USER_INIT;
        }
        return r;
}

static bool has_group(const struct machine_user *user, gid_t gid)
{
        bool found = gid == user->gid;

        for (size_t i = 0; i < user->group_count && !found; i++) {
                found = user->groups[i] == gid;
        }
        return found;
}

int machine_user_add_groups(int root_fd, char *const *groups, struct machine_user *user,
                            struct machine_error *error)
{
        size_t room = user->group_count;

        STRV_FOREACH(group, groups) {
                _cleanup_free_ char *file = NULL;
                gid_t gid;
                int r = is_number(*group) ? 0
                                          : read_file_of_root(root_fd, "etc/group", &file, error);

                /* Each search takes the text apart. */
                r = r < 0 ? r : find_group(file, *group, &gid, error);
                if (r == 0 && !has_group(user, gid)) {
                        r = add_group(user, &room, gid, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int not_mapped(const char *what, uint32_t id, const struct id_range *range,
                      struct machine_error *error)
{
        error_say(error, EINVAL,
                  "%s %" PRIu32 " is not mapped in the machine's user namespace, which has the "
                  "%" PRIu32 " ids from 0",
                  what, id, range->count);
        error_hint(error, "choose a larger range with user_namespace = \"BASE:COUNT\"");
        return -EINVAL;
}

int machine_user_check(const struct machine_user *user, const struct id_range *range,
                       struct machine_error *error)
{
        if (range->count == 0) {
                return 0;
        }
        if (user->uid >= range->count) {
                return not_mapped("user", user->uid, range, error);
        }
        if (user->gid >= range->count) {
                return not_mapped("group", user->gid, range, error);
        }
        for (size_t i = 0; i < user->group_count; i++) {
                if (user->groups[i] >= range->count) {
                        return not_mapped("supplementary group", user->groups[i], range, error);
                }
        }
        return 0;
}

void machine_user_clear(struct machine_user *user)
{
        free(user->groups);
        free(user->name);
        free(user->home);
        free(user->shell);
        *user = (struct machine_user)MACHINE_USER_INIT;
}
