/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/syscalls/syscall_table.h"

#include <errno.h>
#include <string.h>

const char *syscall_name(size_t index)
{
        return syscall_names + syscall_table[index].name;
}

int syscall_find(const char *name, size_t length)
{
        size_t first = 0, end = syscall_count;

        while (first < end) {
                size_t middle = first + (end - first) / 2;
                const char *candidate = syscall_name(middle);
                int order = strncmp(name, candidate, length);

                if (order == 0 && candidate[length] == '\0') {
                        return (int)middle;
                }
                if (order > 0) {
                        first = middle + 1;
                } else {
                        end = middle;
                }
        }
        return -ENOENT;
}
