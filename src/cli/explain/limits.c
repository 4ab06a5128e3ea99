/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "cgroup/tree/mount.h"
#include "security/resources.h"

#define VALUE_MAXIMUM 4096

/* Files of a control group (the kernel's cgroup-v2.rst) and the keys that set them. */
static const struct {
        const char *file;
        const char *key;
        const char *otherwise; /* the key that it follows where its own is not set */
        bool inherited;        /* the same file of a group above limits this one as well */
} files[] = {
        { "memory.max", "limits.memory", NULL, true },
        { "memory.high", "limits.memory_high", NULL, true },
        { "memory.low", "limits.memory_low", NULL, false },
        { "memory.swap.max", "limits.swap", "limits.memory", true },
        { "cpu.max", "limits.cpu", NULL, true },
        { "cpu.weight", "limits.cpu_weight", NULL, false },
        { "cpuset.cpus", "limits.cpus", NULL, true },
        { "cpuset.mems", "limits.memory_nodes", NULL, true },
        { "pids.max", "limits.tasks", NULL, true },
        { "io.weight", "limits.io_weight", NULL, false },
        { "io.max", "limits.io", NULL, true },
};

/* The first line of a file of a group; NULL if it has none. */
static char *read_value(const char *group, const char *file)
{
        _cleanup_free_ char *path = string_format("%s/%s", group, file);
        char *text = NULL;

        if (!path || file_read(AT_FDCWD, path, VALUE_MAXIMUM, &text, NULL) < 0) {
                return NULL;
        }
        text[strcspn(text, "\n")] = '\0';
        return text;
}

static bool is_limit(const char *value)
{
        return value && *value && strncmp(value, "max", 3) != 0;
}

/* ---- groups ---- */

static json_t *above_json(const char *group, const char *mount, const char *file)
{
        _cleanup_json_ json_t *array = json_array();
        _cleanup_free_ char *path = strdup(group);
        size_t shortest = strlen(mount);
        char *slash;

        while (path && (slash = strrchr(path, '/')) && (size_t)(slash - path) > shortest) {
                _cleanup_free_ char *value = NULL;

                *slash = '\0';
                value = read_value(path, file);
                if (is_limit(value) &&
                    json_array_append_new(
                            array, json_pack("{s:s, s:s}", "group", path, "value", value)) < 0) {
                        return NULL;
                }
        }
        return path ? TAKE_PTR(array) : NULL;
}

static json_t *limit_json(const struct subject *subject, const char *name, const char *key,
                          const char *value)
{
        json_t *place = settings_place(&subject->settings, key);
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "name", name) < 0 ||
            json_set_string(object, "value", value) < 0 ||
            json_set_string(object, "key", key) < 0 ||
            json_set_value(object, "place", place ? json_incref(place) : json_null()) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

static json_t *group_limits(const struct subject *subject)
{
        const char *group = subject->record->cgroup;
        _cleanup_json_ json_t *array = json_array();
        _cleanup_free_ char *mount = NULL;

        if (!group || cgroup_find_mount(&mount, NULL) < 0) {
                return json_null();
        }
        for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
                _cleanup_free_ char *value = read_value(group, files[i].file);
                bool set = settings_place(&subject->settings, files[i].key) != NULL;
                const char *key = set || !files[i].otherwise ? files[i].key : files[i].otherwise;
                _cleanup_json_ json_t *limit = NULL;

                if (!value) {
                        continue;
                }
                limit = limit_json(subject, files[i].file, key, value);
                if (json_set_value(limit, "above",
                                   files[i].inherited ? above_json(group, mount, files[i].file)
                                                      : json_array()) < 0 ||
                    json_array_append_new(array, TAKE_PTR(limit)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

/* ---- processes ---- */

static void format_limit(rlim_t value, char text[static 32])
{
        if (value == RLIM_INFINITY) {
                (void)snprintf(text, 32, "unlimited");
        } else {
                (void)snprintf(text, 32, "%llu", (unsigned long long)value);
        }
}

static json_t *process_limits(const struct subject *subject)
{
        _cleanup_json_ json_t *array = json_array();

        for (int number = 0; number < MACHINE_RESOURCE_LIMITS; number++) {
                _cleanup_free_ char *key = string_format("limits.%s", resource_keys[number]);
                _cleanup_free_ char *value = NULL;
                struct rlimit limit;
                char soft[32], hard[32];

                if (prlimit(subject->payload, number, NULL, &limit) < 0) {
                        return json_null();
                }
                format_limit(limit.rlim_cur, soft);
                format_limit(limit.rlim_max, hard);
                value = limit.rlim_cur == limit.rlim_max
                                ? strdup(soft)
                                : string_format("%s, at most %s", soft, hard);
                if (!key || !value ||
                    json_array_append_new(array, limit_json(subject, process_limit_names[number],
                                                            key, value)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

json_t *explain_limits(const struct subject *subject)
{
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "group", subject->record->cgroup) < 0 ||
            json_set_value(object, "of_group", group_limits(subject)) < 0 ||
            json_set_value(object, "of_processes", process_limits(subject)) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

/* ---- for people ---- */

static void print_limit(const json_t *limit)
{
        const json_t *place = json_object_get(limit, "place"), *above;
        size_t i;

        printf("  %-18s %s", json_get_string(limit, "name"), json_get_string(limit, "value"));
        if (json_is_object(place)) {
                printf("; %s", json_get_string(limit, "key"));
                explain_print_place(place);
        }
        putchar('\n');
        json_array_foreach(json_object_get(limit, "above"), i, above)
        {
                printf("  %-18s %s; of the group above, %s\n", "", json_get_string(above, "value"),
                       json_get_string(above, "group"));
        }
}

static void print_limits(const json_t *limits, const char *otherwise)
{
        const json_t *limit;
        size_t i;

        if (json_array_size(limits) == 0) {
                printf("  %s\n", otherwise);
        }
        json_array_foreach(limits, i, limit)
        {
                print_limit(limit);
        }
}

void explain_print_limits(const json_t *limits)
{
        const char *group = json_get_string(limits, "group");

        printf("\nLimits of all its processes together (cgroups(7)): %s\n",
               group ? group : "no control group");
        print_limits(json_object_get(limits, "of_group"),
                     "none: it has no group of its own, or the group has no controllers");
        puts("\nLimits of each process (getrlimit(2))");
        print_limits(json_object_get(limits, "of_processes"), "not shown to you");
}
