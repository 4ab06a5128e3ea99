/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/usage/kernel_log.h"

#include <stddef.h>
#include <stdio.h>

#include "base/strings.h"

/* The last occurrence of a word. The victim's name and the names of groups are chosen by the
 * machine and may contain anything, so the line is parsed from both ends: the text after the name
 * has a fixed format. */
static const char *last(const char *begin, const char *end, const char *word)
{
        size_t length = strlen(word);

        for (size_t i = (size_t)(end - begin); i >= length; i--) {
                if (memcmp(begin + i - length, word, length) == 0) {
                        return begin + i - length;
                }
        }
        return NULL;
}

/* Whether a group's path in the kernel log is `group` or below it. In a container the kernel's path
 * has a prefix that is not visible inside. */
static bool is_below(const char *path, size_t length, const char *group)
{
        const char *found = memmem(path, length, group, strlen(group));
        size_t after = found ? (size_t)(found - path) + strlen(group) : 0;

        return found && (after == length || path[after] == '/');
}

/* The kernel's own records have facility 0; those written by programs do not. */
static bool is_kernels(const char *record)
{
        char *end;
        unsigned long prefix = strtoul(record, &end, 10);

        return end != record && *end == ',' && prefix < 8;
}

int kernel_log_parse_kill(const char *record, const char *group, struct kernel_kill *ret)
{
        static const char group_key[] = ",task_memcg=";
        _cleanup_free_ char *name = NULL;
        _cleanup_free_ char *printable = NULL;
        const char *line = is_kernels(record) ? strstr(record, ";oom-kill:constraint=") : NULL;
        const char *from = line ? strstr(line, group_key) : NULL;
        const char *end, *uid, *pid, *task;

        if (!from) {
                return 0;
        }
        from += strlen(group_key);
        end = from + strcspn(from, "\n");
        uid = last(from, end, ",uid=");
        pid = uid ? last(from, uid, ",pid=") : NULL;
        task = pid ? last(from, pid, ",task=") : NULL;
        if (!task || !is_below(from, strcspn(from, ","), group)) {
                return 0;
        }
        name = strndup(task + strlen(",task="), (size_t)(pid - task) - strlen(",task="));
        printable = name ? string_printable(name) : NULL;
        if (!printable) {
                return 0;
        }
        ret->pid = (pid_t)strtol(pid + strlen(",pid="), NULL, 10);
        ret->host = string_after(line, ";oom-kill:constraint=CONSTRAINT_MEMCG") == NULL;
        snprintf(ret->name, sizeof ret->name, "%s", printable);
        return 1;
}
