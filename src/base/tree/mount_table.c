/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

/* Some hosts have thousands of mounts; a line has a few hundred bytes. */
#define TABLE_MAXIMUM (16 * 1024 * 1024)

int mount_table_read_of(pid_t pid, char **ret)
{
        _cleanup_free_ char *path = pid == 0 ? strdup("/proc/self/mountinfo")
                                             : string_format("/proc/%d/mountinfo", pid);

        return path ? file_read(AT_FDCWD, path, TABLE_MAXIMUM, ret, NULL) : -ENOMEM;
}

int mount_table_read(char **ret)
{
        return mount_table_read_of(0, ret);
}

void mount_table_unescape(char *text)
{
        char *out = text;

        while (*text) {
                if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
                    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
                        *out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
                                        (text[3] - '0'));
                        text += 4;
                } else {
                        *out++ = *text++;
                }
        }
        *out = '\0';
}

int mount_id(int directory_fd, const char *name, uint64_t *ret)
{
        struct statx status;

        if (statx(directory_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
                  STATX_MNT_ID, &status) < 0) {
                return -errno;
        }
        *ret = status.stx_mnt_id;
        return 0;
}

int mount_in_the_way(const char *place, struct machine_error *error)
{
        _cleanup_free_ char *printable = string_printable(place);

        error_say(error, EXDEV, "something is mounted on %s", printable ? printable : place);
        error_hint(error, "unmount it first: it is not part of the tree");
        return -EXDEV;
}

static bool list_has(const char *list, const char *word)
{
        size_t length = strlen(word);

        while (*list) {
                size_t part = strcspn(list, ",");

                if (part == length && memcmp(list, word, length) == 0) {
                        return true;
                }
                list += part;
                list += *list == ',';
        }
        return false;
}

/* The blank-separated words of a text, in place. Returns how many there are, at most `maximum`. */
static size_t split(char *text, char **words, size_t maximum)
{
        char *save = NULL;
        size_t count = 0;

        for (char *word = strtok_r(text, " ", &save); word && count < maximum;
             word = strtok_r(NULL, " ", &save)) {
                words[count++] = word;
        }
        return count;
}

bool mount_table_parse(char *line, struct mount_entry *ret)
{
        char *rest = strstr(line, " - ");
        char *first[6], *last[3];

        if (!rest) {
                return false;
        }
        *rest = '\0';
        if (split(line, first, ELEMENTS_OF(first)) < ELEMENTS_OF(first) ||
            split(rest + strlen(" - "), last, ELEMENTS_OF(last)) < ELEMENTS_OF(last)) {
                return false;
        }
        *ret = (struct mount_entry){ first[3], first[4], first[5], last[0], last[1], last[2] };
        mount_table_unescape(ret->root);
        mount_table_unescape(ret->point);
        mount_table_unescape(ret->source);
        return true;
}

/* Parses one line in place. Returns its mount point if it matches, or NULL. */
static char *match_line(char *line, const char *type, const char *option)
{
        struct mount_entry entry;

        if (!mount_table_parse(line, &entry) || (type && strcmp(entry.type, type) != 0) ||
            (option && !list_has(entry.super, option))) {
                return NULL;
        }
        return entry.point;
}

int mount_table_list(const char *mountinfo, const char *type, const char *option, char ***ret)
{
        _cleanup_free_ char *text = strdup(mountinfo);
        _cleanup_strv_ char **found = NULL;
        char *save = NULL;

        if (!text) {
                return -ENOMEM;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *mount_point = match_line(line, type, option);

                if (mount_point && strv_append(&found, mount_point) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(found);
        return 0;
}

int mount_table_find(const char *mountinfo, const char *type, const char *option, char **ret)
{
        _cleanup_strv_ char **found = NULL;
        int r = mount_table_list(mountinfo, type, option, &found);

        if (r < 0) {
                return r;
        }
        if (!found) {
                return -ENOENT;
        }
        *ret = strdup(found[0]);
        return *ret ? 0 : -ENOMEM;
}
