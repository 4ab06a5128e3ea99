/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/tar/tar_reader_internal.h"

/* No real file has more pieces. */
#define EXTENTS_MAX (1U << 20)

#define GNU_NUMBER 12

void tar_map_clear(struct tar_map *map)
{
        free(map->extents);
        *map = (struct tar_map){ 0 };
}

int tar_map_add(struct tar_map *map, uint64_t offset, uint64_t length)
{
        if (map->count == EXTENTS_MAX) {
                return -E2BIG;
        }
        if (map->count == map->room) {
                size_t room = map->room ? 2 * map->room : 16;
                struct tar_extent *grown = reallocarray(map->extents, room, sizeof *grown);

                if (!grown) {
                        return -ENOMEM;
                }
                map->extents = grown;
                map->room = room;
        }
        map->extents[map->count++] = (struct tar_extent){ offset, length };
        return 0;
}

int tar_map_add_gnu(struct tar_map *map, const uint8_t *entries, size_t count)
{
        for (size_t i = 0; i < count; i++, entries += 2 * (size_t)GNU_NUMBER) {
                int64_t offset, length;
                int r;

                if (entries[0] == '\0') {
                        break;
                }
                if (!tar_header_number(entries, GNU_NUMBER, &offset) ||
                    !tar_header_number(entries + GNU_NUMBER, GNU_NUMBER, &length) || offset < 0 ||
                    length < 0) {
                        return -EBADMSG;
                }
                r = tar_map_add(map, (uint64_t)offset, (uint64_t)length);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int tar_map_add_list(struct tar_map *map, const char *text)
{
        while (*text) {
                int64_t numbers[2];
                int r;

                for (size_t i = 0; i < 2; i++) {
                        size_t length = strcspn(text, ",");
                        char number[24] = "";

                        if (length >= sizeof number) {
                                return -EBADMSG;
                        }
                        memcpy(number, text, length);
                        if (!tar_decimal(number, &numbers[i]) || numbers[i] < 0) {
                                return -EBADMSG;
                        }
                        text += length + (text[length] == ',');
                }
                r = tar_map_add(map, (uint64_t)numbers[0], (uint64_t)numbers[1]);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

bool tar_map_fits(const struct tar_map *map, uint64_t size, uint64_t content)
{
        uint64_t end = 0, sum = 0;

        for (size_t i = 0; i < map->count; i++) {
                const struct tar_extent *extent = &map->extents[i];

                if (extent->offset < end || extent->offset > size ||
                    extent->length > size - extent->offset) {
                        return false;
                }
                end = extent->offset + extent->length;
                sum += extent->length;
        }
        return sum == content;
}
