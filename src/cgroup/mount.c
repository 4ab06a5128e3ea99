/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree.h"

/* Hosts with thousands of mounts exist; a line has a few hundred bytes. */
#define MOUNTINFO_MAXIMUM (16 * 1024 * 1024)

#define FIELD_MOUNT_POINT 4

int mountinfo_read(char **ret)
{
        return file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAXIMUM, ret, NULL);
}

/* Undoes the kernel's "\040" for a blank, in place. */
static void unescape(char *text)
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

/* Looks at one line, which it takes apart. The mount point (in the line), or NULL. */
static char *match_line(char *line, const char *type, const char *option)
{
        char *rest = strstr(line, " - ");
        char *word, *mount_point = NULL, *save = NULL;
        const char *found_type, *options;

        if (!rest) {
                return NULL;
        }
        *rest = '\0';
        rest += strlen(" - ");
        word = strtok_r(line, " ", &save);
        for (int i = 0; word && i < FIELD_MOUNT_POINT; i++) {
                word = strtok_r(NULL, " ", &save);
        }
        mount_point = word;
        found_type = strtok_r(rest, " ", &save);
        (void)strtok_r(NULL, " ", &save);
        options = strtok_r(NULL, " ", &save);
        if (!mount_point || !found_type || strcmp(found_type, type) != 0) {
                return NULL;
        }
        if (option && (!options || !list_has(options, option))) {
                return NULL;
        }
        unescape(mount_point);
        return mount_point;
}

int mountinfo_find(const char *mountinfo, const char *type, const char *option, char **ret)
{
        _cleanup_free_ char *text = strdup(mountinfo);
        _cleanup_free_ char *found = NULL;
        char *save = NULL;

        if (!text) {
                return -ENOMEM;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *mount_point = match_line(line, type, option);

                if (mount_point && string_replace(&found, mount_point) < 0) {
                        return -ENOMEM;
                }
        }
        if (!found) {
                return -ENOENT;
        }
        *ret = TAKE_PTR(found);
        return 0;
}

static bool is_cgroup2(const char *path)
{
        struct statfs statistics;

        return statfs(path, &statistics) == 0 && statistics.f_type == CGROUP2_SUPER_MAGIC;
}

static int no_mount(struct machine_error *error, const char *mountinfo)
{
        _cleanup_free_ char *legacy = NULL;

        if (mountinfo_find(mountinfo, "cgroup", NULL, &legacy) == 0) {
                error_say(error, ENODEV,
                          "no cgroup v2 hierarchy is mounted, only cgroup v1 (at %s), which "
                          "machines cannot be put in",
                          legacy);
                error_hint(error, "boot with cgroup_no_v1=all (with systemd: "
                                  "systemd.unified_cgroup_hierarchy=1), or mount the unified "
                                  "hierarchy beside it: mount -t cgroup2 none "
                                  "/sys/fs/cgroup/unified");
        } else {
                error_say(error, ENODEV, "no cgroup v2 hierarchy is mounted");
                error_hint(error, "mount -t cgroup2 none /sys/fs/cgroup");
        }
        return -ENODEV;
}

int cgroup_find_mount(char **ret, struct machine_error *error)
{
        _cleanup_free_ char *mountinfo = NULL;
        _cleanup_free_ char *found = NULL;
        int r;

        /* Where nearly every host has it, which spares reading all mounts. */
        if (is_cgroup2("/sys/fs/cgroup")) {
                *ret = strdup("/sys/fs/cgroup");
                return *ret ? 0 : error_oom(error);
        }
        r = mountinfo_read(&mountinfo);
        if (r < 0) {
                return error_set(error, r, "cannot read /proc/self/mountinfo");
        }
        r = mountinfo_find(mountinfo, "cgroup2", NULL, &found);
        if (r == -ENOMEM) {
                return error_oom(error);
        }
        /* Another mount may lie over it. */
        if (r < 0 || !is_cgroup2(found)) {
                return no_mount(error, mountinfo);
        }
        *ret = TAKE_PTR(found);
        return 0;
}
