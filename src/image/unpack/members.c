/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/unpack/members.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/common/entries.h"

#define LINE_MAX_LENGTH (3 * 2 * PATH_MAX + 64)

void members_clear(struct members *members)
{
        for (size_t i = 0; i < members->count; i++) {
                free(members->items[i].path);
                free(members->items[i].target);
        }
        free(members->items);
        *members = (struct members){ 0 };
}

static int read_line(char *line, struct member *ret)
{
        struct member member = { 0 };
        int end = 0;
        char *path, *target;

        if (sscanf(line, "%" SCNu64 " %" SCNu64 " /%n", &member.offset, &member.size, &end) != 2 ||
            end == 0) {
                return -EINVAL;
        }
        path = line + end;
        target = strchr(path, ' ');
        if (!target) {
                return -EINVAL;
        }
        *target++ = '\0';
        if (entry_unescape(path) < 0 || entry_unescape(target) < 0) {
                return -EINVAL;
        }
        member.path = strdup(path);
        member.target = *target == '/' ? strdup(target + 1) : NULL;
        if (!member.path || (*target == '/' && !member.target)) {
                free(member.path);
                return -ENOMEM;
        }
        *ret = member;
        return 0;
}

int members_read(int fd, struct members *ret, struct machine_error *error)
{
        _cleanup_members_ struct members members = { .complete = true };
        _cleanup_free_ char *line = malloc(LINE_MAX_LENGTH);
        _cleanup_fclose_ FILE *file = NULL;
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        file = own < 0 || lseek(own, 0, SEEK_SET) < 0 ? NULL : fdopen(own, "r");
        members.items = calloc(MEMBERS_MAX, sizeof *members.items);
        if (!line || !file || !members.items) {
                return error_oom(error);
        }
        while (fgets(line, LINE_MAX_LENGTH, file)) {
                int r;

                if (members.count == MEMBERS_MAX) {
                        members.complete = false;
                        break;
                }
                line[strcspn(line, "\n")] = '\0';
                r = read_line(line, &members.items[members.count]);
                if (r < 0) {
                        return error_set(error, r, "cannot read the archive's list");
                }
                members.count++;
        }
        *ret = members;
        members = (struct members){ 0 };
        return 0;
}

const struct member *members_find(const struct members *members, const char *path)
{
        for (int hops = 0; hops < 10; hops++) {
                const struct member *found = NULL;

                /* The last of equal paths is the one that unpacking would leave. */
                for (size_t i = 0; i < members->count; i++) {
                        if (strcmp(members->items[i].path, path) == 0) {
                                found = &members->items[i];
                        }
                }
                if (!found || !found->target) {
                        return found;
                }
                path = found->target;
        }
        return NULL;
}
