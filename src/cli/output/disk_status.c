/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/disk_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/output/print.h"
#include "cli/output/table.h"

static const struct {
        uint64_t flag;
        const char *name;
} flags[] = {
        { DISK_READ_ONLY, "read-only" },
        { DISK_NO_AUTO, "no-auto" },
        { DISK_GROW_FILE_SYSTEM, "grow-file-system" },
};

/* Where a partition would be mounted: "/usr"; NULL: nowhere. The caller frees it. */
static char *place_of(const struct disk_status *status, const struct disk_partition *partition)
{
        return status->choice && status->choice->data[partition->role] == partition
                       ? string_format("/%s", disk_place(partition->role))
                       : NULL;
}

static bool has_esp(const struct disk_image *image)
{
        for (size_t i = 0; i < image->count; i++) {
                if (image->partitions[i].role == DISK_ESP) {
                        return true;
                }
        }
        return false;
}

static const struct disk_partition *tree_of_root(const struct disk_status *status)
{
        return !status->choice                     ? NULL
               : status->choice->verity[DISK_ROOT] ? status->choice->verity[DISK_ROOT]
                                                   : status->choice->verity[DISK_USR];
}

/* ---- JSON ---- */

static json_t *list_flags(const struct disk_partition *partition)
{
        json_t *list = json_array();

        for (size_t i = 0; i < ELEMENTS_OF(flags); i++) {
                if (partition->flags & flags[i].flag) {
                        (void)json_array_append_new(list, json_string(flags[i].name));
                }
        }
        return list;
}

static json_t *describe_partition(const struct disk_status *status,
                                  const struct disk_partition *partition)
{
        _cleanup_free_ char *place = place_of(status, partition);

        return json_pack(
                "{s:i,s:s,s:s?,s:s?,s:s?,s:s,s:s,s:I,s:I,s:o,s:s?}", "number",
                (int)partition->number, "role", disk_role_name(partition->role, partition->part),
                "architecture", partition->architecture, "content", partition->content.type,
                "label", partition->label, "id", partition->id, "type", partition->type_id,
                "offset", (json_int_t)partition->offset, "size", (json_int_t)partition->size,
                "flags", list_flags(partition), "mounted", place);
}

static json_t *describe_partitions(const struct disk_status *status)
{
        json_t *list = json_array();

        for (size_t i = 0; i < status->image->count; i++) {
                if (json_array_append_new(
                            list, describe_partition(status, &status->image->partitions[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

static json_t *describe(const struct disk_status *status)
{
        const struct disk_image *image = status->image;
        const struct disk_partition *tree = tree_of_root(status);
        json_t *object = json_pack(
                "{s:s,s:I,s:b,s:s?,s:s?,s:o,s:s?,s:s?,s:o,s:s?}", "path", image->path, "size",
                (json_int_t)image->size, "block_device", image->block_device, "table",
                image->has_table ? image->id : NULL, "content",
                image->has_table ? NULL : image->content.type, "partitions",
                describe_partitions(status), "root_hash", status->root_hash, "hash_file",
                status->hashes, "hash_partition", tree ? json_integer(tree->number) : json_null(),
                "problem", status->problem);

        if (object &&
            (json_object_set_new(object, "os_release",
                                 status->os_release ? json_deep_copy(status->os_release)
                                                    : json_null()) < 0 ||
             json_object_set_new(object, "boots",
                                 status->unread ? json_null() : json_boolean(status->boots)) < 0 ||
             json_object_set_new(object, "esp", json_boolean(has_esp(image))) < 0)) {
                json_decref(object);
                return NULL;
        }
        return object;
}

/* ---- text ---- */

static void print_line(const char *label, const char *text)
{
        _cleanup_free_ char *printable = text ? string_printable(text) : NULL;

        if (printable) {
                (void)printf("%12s: %s\n", label, printable);
        }
}

static void print_content(const struct disk_image *image)
{
        if (image->has_table) {
                (void)printf("%12s: partition table %s, sectors of %u bytes\n", "Content",
                             image->id, image->sector_size);
                return;
        }
        print_line("Content", image->content.type);
        print_line("Label", image->content.label);
        print_line("UUID", image->content.id);
}

static void print_hashes(const struct disk_status *status)
{
        const struct disk_partition *tree = tree_of_root(status);

        if (tree) {
                (void)printf("%12s: partition %u\n", "Hash tree", tree->number);
        } else {
                print_line("Hash tree", status->hashes);
        }
        print_line("Root hash", status->root_hash);
        print_line("Read from", status->root_hash_path);
}

static void print_root(const struct disk_status *status)
{
        const char *name = json_get_string(status->os_release, "PRETTY_NAME");

        print_line("Version", json_get_string(status->os_release, "IMAGE_VERSION"));
        print_line("OS", name ? name : json_get_string(status->os_release, "ID"));
        if (!status->unread) {
                print_line("Boots", status->boots ? "yes, as a machine with boot = true"
                                                  : "no, it has no init");
        } else if (!status->problem) {
                print_line("OS", status->unread);
        }
        if (has_esp(status->image)) {
                print_line("Firmware", "it has a partition for UEFI, which machines do not use");
        }
}

static int add_row(struct table *table, const struct disk_status *status,
                   const struct disk_partition *partition)
{
        _cleanup_json_ json_t *list = list_flags(partition);
        _cleanup_free_ char *number = string_format("%u", partition->number);
        _cleanup_free_ char *place = place_of(status, partition), *words = strdup("");
        const json_t *word;
        char size[16];
        size_t i;

        json_array_foreach(list, i, word)
        {
                char *longer = words ? string_format("%s%s%s", words, i > 0 ? "," : "",
                                                     json_string_value(word))
                                     : NULL;

                free(words);
                words = longer;
        }
        quantity_format_size(partition->size, size);
        if (!number || !words) {
                return -ENOMEM;
        }
        {
                const char *const cells[] = {
                        number,
                        disk_role_name(partition->role, partition->part),
                        partition->architecture,
                        partition->content.type,
                        size,
                        *words ? words : NULL,
                        place,
                        partition->label,
                };

                for (i = 0; i < ELEMENTS_OF(cells); i++) {
                        if (table_add(table, cells[i]) < 0) {
                                return -ENOMEM;
                        }
                }
        }
        return 0;
}

static int print_partitions(const struct cli *cli, const struct disk_status *status)
{
        static const char *const headings[] = { "NUMBER",  "ROLE",  "ARCHITECTURE",
                                                "CONTENT", "SIZE",  "FLAGS",
                                                "PLACE",   "LABEL", NULL };
        _cleanup_table_ struct table table = { 0 };
        int r = table_start(&table, headings);

        table.right = 1U << 4;
        for (size_t i = 0; r == 0 && i < status->image->count; i++) {
                r = add_row(&table, status, &status->image->partitions[i]);
        }
        if (r == 0) {
                (void)putchar('\n');
                table_print(&table, cli->legend, cli->colour);
        }
        return r;
}

int disk_status_print(const struct cli *cli, const struct disk_status *status,
                      struct machine_error *error)
{
        char size[16];

        if (cli->json != CLI_JSON_OFF) {
                return cli_print_json(cli, describe(status), error);
        }
        quantity_format_size(status->image->size, size);
        print_line(status->image->block_device ? "Device" : "File", status->image->path);
        print_line("Size", size);
        print_content(status->image);
        print_root(status);
        print_hashes(status);
        if (!status->image->has_table) {
                return 0;
        }
        return print_partitions(cli, status) < 0 ? error_oom(error) : 0;
}
