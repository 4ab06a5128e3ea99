/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/model/values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"

/* ---- Sizes and times ---- */

static bool is_unlimited(const char *text)
{
        static const char *const words[] = { "-1", "unlimited", "infinity", "max" };

        for (size_t i = 0; i < ELEMENTS_OF(words); i++) {
                if (strcasecmp(text, words[i]) == 0) {
                        return true;
                }
        }
        return false;
}

int value_parse_bytes(const char *text, uint64_t *ret)
{
        static const char units[] = "bkmgtp";
        double number;
        const char *unit;
        char *end;

        if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xX")) {
                return -EINVAL;
        }
        number = strtod(text, &end);
        end += strspn(end, " ");
        unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
        if (*end && !unit) {
                return -EINVAL;
        }
        for (; unit && unit > units; unit--) {
                number *= 1024;
        }
        end += *end != '\0';
        if (*end && strcasecmp(end, "b") != 0 && strcasecmp(end, "ib") != 0) {
                return -EINVAL;
        }
        if (number >= 9e18) {
                return -EINVAL;
        }
        *ret = (uint64_t)number;
        return 0;
}

static double unit_length(const char *unit, size_t length)
{
        static const struct {
                const char *name;
                double usec;
        } units[] = {
                { "", 1e6 },         { "us", 1 },         { "usec", 1 },        { "ns", 1e-3 },
                { "ms", 1e3 },       { "msec", 1e3 },     { "s", 1e6 },         { "sec", 1e6 },
                { "second", 1e6 },   { "seconds", 1e6 },  { "m", 60e6 },        { "min", 60e6 },
                { "minute", 60e6 },  { "minutes", 60e6 }, { "h", 3600e6 },      { "hr", 3600e6 },
                { "hour", 3600e6 },  { "hours", 3600e6 }, { "d", 86400e6 },     { "day", 86400e6 },
                { "days", 86400e6 }, { "w", 604800e6 },   { "week", 604800e6 },
        };

        for (size_t i = 0; i < ELEMENTS_OF(units); i++) {
                if (strlen(units[i].name) == length && strncmp(units[i].name, unit, length) == 0) {
                        return units[i].usec;
                }
        }
        return 0;
}

int value_parse_time(const char *text, uint64_t *ret)
{
        double total = 0;

        if (!*text) {
                return -EINVAL;
        }
        while (*text) {
                char *end;
                double number = strtod(text, &end);
                size_t length;
                double usec;

                end += strspn(end, " ");
                length = strcspn(end, "0123456789. ");
                usec = unit_length(end, length);
                if (!isdigit((unsigned char)*text) || usec == 0) {
                        return -EINVAL;
                }
                total += number * usec;
                text = end + length;
                text += strspn(text, " ");
        }
        if (total >= 9e18) {
                return -EINVAL;
        }
        *ret = (uint64_t)total;
        return 0;
}

bool value_is_true(const char *text)
{
        static const char *const words[] = { "true", "yes", "on", "1", "t", "y" };

        for (size_t i = 0; i < ELEMENTS_OF(words); i++) {
                if (strcasecmp(text, words[i]) == 0) {
                        return true;
                }
        }
        return false;
}

void convert_bytes(struct conversion *conversion, const char *key, uint64_t bytes)
{
        char text[32];

        quantity_format_size_exact(bytes, text);
        convert_text(conversion, key, text);
}

char *value_size_text(const char *text)
{
        uint64_t bytes;
        char exact[32];

        if (value_parse_bytes(text, &bytes) < 0) {
                return strdup(text);
        }
        quantity_format_size_exact(bytes, exact);
        return strdup(exact);
}

void convert_size(struct conversion *conversion, const char *key, const char *text)
{
        uint64_t bytes;

        if (is_unlimited(text)) {
                convert_text(conversion, key, "max");
        } else if (value_parse_bytes(text, &bytes) < 0) {
                convert_lost(conversion, "\"%.80s\" is not a size", text);
        } else {
                convert_bytes(conversion, key, bytes);
        }
}

void convert_time(struct conversion *conversion, const char *key, const char *text)
{
        uint64_t usec;
        char formatted[32];

        if (is_unlimited(text)) {
                convert_text(conversion, key, "max");
        } else if (value_parse_time(text, &usec) < 0) {
                convert_lost(conversion, "\"%.80s\" is not a time", text);
        } else {
                quantity_format_time_exact(usec, formatted);
                convert_text(conversion, key, formatted);
        }
}

/* ---- Numbers ---- */

static int parse_integer(const char *text, long long *ret)
{
        char *end;

        errno = 0;
        *ret = strtoll(text, &end, 10);
        return errno || end == text || *end ? -EINVAL : 0;
}

void convert_integer(struct conversion *conversion, const char *key, const char *text)
{
        long long number;

        if (parse_integer(text, &number) < 0) {
                convert_lost(conversion, "\"%.80s\" is not a whole number", text);
        } else {
                convert_number(conversion, key, number);
        }
}

void convert_weight(struct conversion *conversion, const char *key, const char *text,
                    uint64_t usual, uint64_t maximum)
{
        long long number;
        uint64_t value, weight;

        if (parse_integer(text, &number) < 0 || number < 0) {
                convert_lost(conversion, "\"%.80s\" is not a weight", text);
                return;
        }
        value = (uint64_t)number;
        if (value == 0 || value == usual) {
                return;
        }
        value = value > maximum ? maximum : value;
        weight = value * 100 / usual;
        convert_number(conversion, key,
                       weight < 1       ? 1
                       : weight > 10000 ? 10000
                                        : (long long)weight);
        if (usual != 100) {
                convert_differs(conversion, key,
                                "%s, where %" PRIu64 " is the default, is relative "
                                "to 100 here",
                                text, usual);
        }
}

void convert_cpu_quota(struct conversion *conversion, uint64_t quota, uint64_t period)
{
        convert_value(conversion, "limits.cpu",
                      json_sprintf("%" PRIu64 " %" PRIu64, quota, period ? period : 100000));
}

void convert_cpus(struct conversion *conversion, const char *text)
{
        char *end;
        double number = strtod(text, &end);

        if (*end || end == text || number < 0 || number > 100000) {
                convert_lost(conversion, "\"%.80s\" is not a number of CPUs", text);
        } else if (number > 0) {
                convert_value(conversion, "limits.cpu", json_sprintf("%g", number));
        }
}

/* ---- Lists ---- */

void convert_add_words(struct conversion *conversion, const char *key, char *const *words)
{
        STRV_FOREACH(word, words) {
                convert_add(conversion, key, *word);
        }
}

void convert_strings(struct conversion *conversion, const char *key, char *const *strings)
{
        convert_unset(conversion, key);
        convert_add_words(conversion, key, strings);
}

void convert_capability(struct conversion *conversion, const char *key, const char *name)
{
        char text[64];
        bool prefixed = strncasecmp(name, "CAP_", 4) == 0;

        if (strcasecmp(name, "all") == 0) {
                convert_add(conversion, key, "all");
                return;
        }
        snprintf(text, sizeof text, "%s%s", prefixed ? "" : "CAP_", name);
        for (char *s = text; *s; s++) {
                *s = (char)toupper((unsigned char)*s);
        }
        convert_add(conversion, key, text);
}

void convert_ulimit(struct conversion *conversion, const char *name, const char *value)
{
        static const struct {
                const char *name;
                const char *key;
        } limits[] = {
                { "as", "limits.address_space" },
                { "core", "limits.core" },
                { "cpu", "limits.cpu_time" },
                { "data", "limits.data" },
                { "fsize", "limits.file_size" },
                { "locks", "limits.file_locks" },
                { "memlock", "limits.locked_memory" },
                { "msgqueue", "limits.message_queues" },
                { "nice", "limits.nice_ceiling" },
                { "nofile", "limits.open_files" },
                { "nproc", "limits.processes" },
                { "rss", "limits.resident_set" },
                { "rtprio", "limits.realtime_priority" },
                { "rttime", "limits.realtime_time" },
                { "sigpending", "limits.pending_signals" },
                { "stack", "limits.stack" },
        };
        _cleanup_strv_ char **parts = NULL;
        const char *first, *last;

        for (size_t i = 0; i < ELEMENTS_OF(limits); i++) {
                if (strcasecmp(limits[i].name, name) != 0 || strv_split(value, ':', &parts) < 0) {
                        continue;
                }
                first = is_unlimited(parts[0]) ? "max" : parts[0];
                last = !parts[1] ? first : is_unlimited(parts[1]) ? "max" : parts[1];
                convert_value(conversion, limits[i].key,
                              strcmp(first, last) == 0 ? json_string(first)
                                                       : json_sprintf("%s:%s", first, last));
                return;
        }
        convert_lost(conversion, "there is no limit \"%.40s\"", name);
}

void convert_io_limit(struct conversion *conversion, const char *device, const char *key,
                      json_t *value)
{
        const struct convert_file *file = conversion->file;
        json_t *element;

        for (size_t i = 0; file && i < file->setting_count; i++) {
                json_t *limit = file->settings[i].value;

                if (strcmp(file->settings[i].key, "limits.io") == 0 &&
                    string_equal(json_get_string(limit, "device"), device)) {
                        if (json_object_set_new(limit, key, value) < 0) {
                                conversion->failed = -ENOMEM;
                        }
                        return;
                }
        }
        element = json_pack("{s:s, s:o}", "device", device, key, value);
        convert_add_value(conversion, "limits.io", element);
}

/* ---- Files ---- */

char *value_host_path(const char *directory, const char *path)
{
        const char *home = getenv("HOME");
        char *joined;

        if (path[0] == '~' && (path[1] == '/' || !path[1])) {
                joined = string_format("%s%s", home ? home : "/root", path + 1);
        } else {
                while (string_after(path, "./")) {
                        path += 2;
                        path += strspn(path, "/");
                }
                joined = strcmp(path, ".") == 0 || !*path ? strdup(directory)
                                                          : path_join(directory, path);
        }
        return joined;
}

void convert_mount(struct conversion *conversion, const char *type, const char *source,
                   const char *target, bool read_only, json_t *options)
{
        json_t *mount = json_pack("{s:s?}", "type", strcmp(type, "bind") == 0 ? NULL : type);

        if (mount) {
                if (strcmp(type, "bind") == 0) {
                        (void)json_object_del(mount, "type");
                }
                if (source) {
                        (void)json_object_set_new(mount, "source", json_string(source));
                }
                (void)json_object_set_new(mount, "target", json_string(target));
                if (read_only) {
                        (void)json_object_set_new(mount, "read_only", json_true());
                }
                if (json_array_size(options) > 0) {
                        (void)json_object_set(mount, "options", options);
                }
        }
        json_decref(options);
        convert_add_value(conversion, "mounts", mount);
}
