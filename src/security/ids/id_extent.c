/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/ids/id_extent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* 340 lines, the kernel's maximum, of three numbers. */
#define MAP_MAXIMUM 65536

static int compare_extents(const void *a, const void *b)
{
        const struct machine_id_map *left = a, *right = b;

        return (left->machine > right->machine) - (left->machine < right->machine);
}

static int append(struct machine_id_map **lines, size_t *count, const struct machine_id_map *line)
{
        struct machine_id_map *grown = reallocarray(*lines, *count + 1, sizeof *grown);

        if (!grown) {
                return -ENOMEM;
        }
        *lines = grown;
        grown[(*count)++] = *line;
        return 0;
}

int id_extents_read(const char *path, struct machine_id_map **ret, size_t *ret_count)
{
        _cleanup_free_ struct machine_id_map *extents = NULL;
        _cleanup_free_ char *text = NULL;
        size_t count = 0;
        char *save = NULL;
        int r = file_read(AT_FDCWD, path, MAP_MAXIMUM, &text, NULL);

        if (r < 0) {
                return r;
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                struct machine_id_map next;

                if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &next.machine, &next.host,
                           &next.count) != 3) {
                        return -EIO;
                }
                r = append(&extents, &count, &next);
                if (r < 0) {
                        return r;
                }
        }
        if (count > 0) {
                qsort(extents, count, sizeof *extents, compare_extents);
        }
        *ret = TAKE_PTR(extents);
        *ret_count = count;
        return 0;
}

uint32_t id_extents_size(const struct machine_id_map *extents, size_t count)
{
        uint32_t size = 0;

        for (size_t i = 0; i < count && extents[i].machine == size; i++) {
                size += extents[i].count;
        }
        return size;
}

int id_extents_split(const struct machine_id_map *extents, size_t count,
                     const struct machine_id_map *lines, size_t line_count,
                     struct machine_id_map **ret, size_t *ret_count)
{
        _cleanup_free_ struct machine_id_map *parts = NULL;
        size_t part_count = 0;

        for (size_t i = 0; i < line_count; i++) {
                uint64_t base = lines[i].host, end = base + lines[i].count;

                for (size_t j = 0; j < count; j++) {
                        uint64_t first = extents[j].machine, after = first + extents[j].count;
                        struct machine_id_map part;

                        first = first > base ? first : base;
                        after = after < end ? after : end;
                        if (first >= after) {
                                continue;
                        }
                        part.machine = (uint32_t)(lines[i].machine + (first - base));
                        part.host = (uint32_t)first;
                        part.count = (uint32_t)(after - first);
                        if (append(&parts, &part_count, &part) < 0) {
                                return -ENOMEM;
                        }
                }
        }
        *ret = TAKE_PTR(parts);
        *ret_count = part_count;
        return 0;
}

int id_extents_translate(const struct machine_id_map *extents, size_t count,
                         const struct id_range *outside, struct id_range *ret)
{
        for (size_t i = 0; i < count; i++) {
                uint64_t end = (uint64_t)outside->base + outside->count;

                if (outside->base >= extents[i].host &&
                    end <= (uint64_t)extents[i].host + extents[i].count) {
                        ret->base = extents[i].machine + (outside->base - extents[i].host);
                        ret->count = outside->count;
                        return 0;
                }
        }
        return -ERANGE;
}
