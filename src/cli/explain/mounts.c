/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "launch/launch.h"

/* Whether an element of `mounts` in the definition is at this place. Its path may end with "/". */
static bool is_target(const json_t *mount, const char *point)
{
        const char *target = json_get_string(mount, "target");
        size_t length = target ? strlen(target) : 0;

        while (length > 1 && target[length - 1] == '/') {
                length--;
        }
        return length > 0 && strncmp(target, point, length) == 0 && point[length] == '\0';
}

/* The number of the element of `mounts`, or -1. */
static int find_mount(const struct subject *subject, const char *point)
{
        const json_t *mount;
        size_t i;

        json_array_foreach(json_object_get(subject->settings.values, "mounts"), i, mount)
        {
                if (is_target(mount, point)) {
                        return (int)i;
                }
        }
        return -1;
}

/* Elements of lists that several files add to have a place of their own. */
static json_t *place_of_mount(const struct subject *subject, int number)
{
        _cleanup_free_ char *key = string_format("mounts[%d]", number);
        json_t *place = key ? settings_place(&subject->settings, key) : NULL;

        return place ? place : settings_place(&subject->settings, "mounts");
}

/* The key that names the root: a definition has one of them. */
static json_t *place_of_root(const struct subject *subject)
{
        static const char *const keys[] = { "rootfs", "overlay", "image" };
        json_t *place = NULL;

        for (size_t i = 0; i < ELEMENTS_OF(keys) && !place; i++) {
                place = settings_place(&subject->settings, keys[i]);
        }
        return place;
}

static int put_origin(const struct subject *subject, const char *point, json_t *object)
{
        int number = find_mount(subject, point);
        json_t *place = number >= 0                ? place_of_mount(subject, number)
                        : string_equal(point, "/") ? place_of_root(subject)
                                                   : NULL;

        if (json_set_string(object, "step",
                            number >= 0 ? "mounts" : launch_step_that_mounts(point)) < 0) {
                return -1;
        }
        return json_set_value(object, "place", place ? json_incref(place) : json_null());
}

static int put_printable(json_t *object, const char *key, const char *text)
{
        _cleanup_free_ char *printable = string_printable(text);

        return printable ? json_set_string(object, key, printable) : -1;
}

static json_t *mount_json(const struct subject *subject, const struct mount_entry *entry)
{
        _cleanup_json_ json_t *object = json_object();

        if (put_printable(object, "target", entry->point) < 0 ||
            put_printable(object, "type", entry->type) < 0 ||
            put_printable(object, "source", entry->source) < 0 ||
            put_printable(object, "root", entry->root) < 0 ||
            put_printable(object, "options", entry->options) < 0 ||
            put_origin(subject, entry->point, object) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

json_t *explain_mounts(const struct subject *subject)
{
        _cleanup_json_ json_t *array = json_array();
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        if (mount_table_read_of(subject->record->init.pid, &text) < 0) {
                return json_null();
        }
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                struct mount_entry entry;

                if (mount_table_parse(line, &entry) &&
                    json_array_append_new(array, mount_json(subject, &entry)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static void print_mount(const json_t *mount)
{
        const char *root = json_get_string(mount, "root");
        const char *step = json_get_string(mount, "step");

        printf("  %s\n      %s", json_get_string(mount, "target"), json_get_string(mount, "type"));
        if (!string_equal(root, "/")) {
                printf(", %s of it", root);
        }
        printf(", %s", json_get_string(mount, "options"));
        printf("; %s%s", step ? "step " : "by the machine or its image", step ? step : "");
        explain_print_place(json_object_get(mount, "place"));
        putchar('\n');
}

void explain_print_mounts(const json_t *mounts)
{
        const json_t *mount;
        size_t i;

        puts("\nMounts: its whole tree of files; the step of the start that made each");
        if (!json_is_array(mounts)) {
                puts("  not shown to you");
        }
        json_array_foreach(mounts, i, mount)
        {
                print_mount(mount);
        }
}
