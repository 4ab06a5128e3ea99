/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/limits/members.h"
#include "cgroup/limits/numberset.h"
#include "cgroup/limits/settings.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/flat.h"

#define FILE_MAXIMUM 65536

static bool has_file(const struct cgroup *group, const char *file)
{
        return faccessat(group->fd, file, F_OK, 0) == 0;
}

static int read_number(const struct cgroup *group, const char *file, uint64_t *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(group->fd, file, FILE_MAXIMUM, &text, NULL);

        return r < 0 ? r : value_get(text, ret);
}

/* ---- One value ---- */

static int explain_write(const struct cgroup *group, const struct setting *setting, int number,
                         struct machine_error *error)
{
        error_set(error, number, "cannot apply %s: writing \"%s\" to %s/%s", setting->key,
                  setting->value, group->path, setting->file);
        if (number == -EBUSY && setting->controller == CGROUP_HUGETLB) {
                error_hint(error, "the machine currently uses more huge pages");
        } else if (number == -ENOSPC && setting->controller == CGROUP_CPUSET) {
                error_hint(error, "groups inside the machine would have none left");
        } else if (number == -ENOENT) {
                error_hint(error, "this kernel is built without it");
        }
        return number;
}

/* A limit below the current usage would cost a running machine processes: reclaim first. */
static int make_room(const struct cgroup *group, const struct setting *setting,
                     struct machine_error *error)
{
        uint64_t limit = 0, current = 0;
        char text[32], used[16], asked[32];
        int r;

        if (value_get(setting->value, &limit) < 0 || limit == MACHINE_UNLIMITED) {
                return 0;
        }
        r = read_number(group, "memory.current", &current);
        if (r == 0 && current > limit) {
                /* memory.reclaim (Linux 5.19) returns EAGAIN if it reclaimed less than
                 * requested. */
                snprintf(text, sizeof text, "%" PRIu64, current - limit);
                (void)file_write_value(group->fd, "memory.reclaim", text);
                r = read_number(group, "memory.current", &current);
        }
        if (r < 0) {
                return error_set(error, r, "cannot read %s/memory.current", group->path);
        }
        if (current <= limit) {
                return 0;
        }
        quantity_format_size(current, used);
        quantity_format_size_exact(limit, asked);
        error_say(error, EBUSY,
                  "cannot apply %s: the machine uses %s, and the kernel would kill processes to "
                  "reach %s",
                  setting->key, used, asked);
        error_hint(error, "set limits.memory_high, which slows the machine down and reclaims what "
                          "it can, or stop something in it");
        return -EBUSY;
}

/* The kernel accepts CPUs and memory nodes that a group above lacks, and falls back to all of that
 * group's if none is left (cpuset.cpus.effective): the limit would silently not apply. */
static int verify_set(const struct cgroup *group, const struct setting *setting,
                      struct machine_error *error)
{
        _cleanup_free_ char *file = string_format("%s.effective", setting->file);
        _cleanup_free_ char *text = NULL;
        struct number_set wanted, got;
        int missing, r;

        if (!file) {
                return error_oom(error);
        }
        r = file_read(group->fd, file, FILE_MAXIMUM, &text, NULL);
        if (r == 0) {
                r = number_set_parse(text, &got);
        }
        if (r == 0) {
                r = number_set_parse(setting->value, &wanted);
        }
        if (r < 0) {
                return error_set(error, r, "cannot apply %s: reading %s/%s", setting->key,
                                 group->path, file);
        }
        missing = number_set_missing(&wanted, &got);
        if (missing < 0) {
                return 0;
        }
        text[strcspn(text, "\n")] = '\0';
        error_say(error, ERANGE, "cannot apply %s: %d is not available to %s, which gets \"%s\"",
                  setting->key, missing, group->path, text);
        error_hint(error, "a group above it, or an exclusive partition of another program, "
                          "restricts it: see cpuset.cpus.effective there");
        return -ERANGE;
}

static int remember_old(const struct cgroup *group, struct setting *setting,
                        struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(group->fd, setting->file, FILE_MAXIMUM, &text, NULL);

        if (r < 0) {
                return explain_write(group, setting, r, error);
        }
        setting->old = setting_undo_text(setting->file, setting->value, text);
        return setting->old ? 0 : error_oom(error);
}

static void forget_old(struct setting *setting)
{
        free(setting->old);
        setting->old = NULL;
}

static int apply_one(const struct cgroup *group, struct setting *setting,
                     struct machine_error *error)
{
        int r = 0;

        if (setting->skip) {
                return 0;
        }
        if (!group->is_new) {
                r = remember_old(group, setting, error);
                if (r == 0 && strcmp(setting->file, "memory.max") == 0) {
                        r = make_room(group, setting, error);
                }
                if (r < 0) {
                        forget_old(setting);
                        return r;
                }
        }
        r = file_write_value(group->fd, setting->file, setting->value);
        if (r < 0) {
                forget_old(setting);
                return explain_write(group, setting, r, error);
        }
        return setting->controller == CGROUP_CPUSET && !setting->raw
                       ? verify_set(group, setting, error)
                       : 0;
}

/* ---- All of them ---- */

/* Restores what has been written, last first. If that fails too, the error says so. */
static void roll_back(const struct cgroup *group, struct settings *settings,
                      struct machine_error *error)
{
        for (size_t i = settings->count; i-- > 0;) {
                struct setting *setting = &settings->items[i];

                if (setting->old && file_write_value(group->fd, setting->file, setting->old) < 0) {
                        error_hint(error, "%s could not be restored and is now \"%s\"",
                                   setting->key, setting->value);
                }
        }
}

/* Some kernels lack some files: a limit without any file cannot be applied. */
static int skip_missing(const struct cgroup *group, struct settings *settings,
                        struct machine_error *error)
{
        bool weight_wanted = false, weight_done = false;

        for (size_t i = 0; i < settings->count; i++) {
                struct setting *setting = &settings->items[i];
                bool weight = strcmp(setting->key, "limits.io_weight") == 0;

                if (setting->skip) {
                        continue;
                }
                setting->skip = setting->optional && !has_file(group, setting->file);
                weight_wanted = weight_wanted || weight;
                weight_done = weight_done || (weight && !setting->skip);
                /* Without any swap, a limit of 0 is already in effect. */
                if (setting->skip && !weight && strcmp(setting->value, "0") != 0) {
                        return error_say(error, EOPNOTSUPP,
                                         "cannot apply %s: this kernel has no %s", setting->key,
                                         setting->file);
                }
        }
        if (weight_wanted && !weight_done) {
                error_say(error, EOPNOTSUPP,
                          "cannot apply limits.io_weight: this kernel has neither the io.cost "
                          "model (CONFIG_BLK_CGROUP_IOCOST) nor the BFQ scheduler");
                error_hint(error, "load the module bfq and select it in "
                                  "/sys/block/DISK/queue/scheduler");
                return -EOPNOTSUPP;
        }
        return 0;
}

/* A new group has no limits: "max" changes nothing, even without the controller. */
static bool is_met(const struct cgroup *group, const struct setting *setting)
{
        return group->is_new && setting->controller &&
               !(group->controllers & setting->controller) && string_after(setting->value, "max");
}

static int require_controllers(struct cgroup *group, struct settings *settings,
                               struct machine_error *error)
{
        for (size_t i = 0; i < settings->count; i++) {
                struct setting *setting = &settings->items[i];
                int r;

                setting->skip = is_met(group, setting);
                if (setting->skip || !setting->controller) {
                        continue;
                }
                r = cgroup_require_controller(group, setting->controller, setting->key, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* Whether swap gets its default: when the first memory limit is set, not when one is changed. */
static bool wants_swap_default(const struct cgroup *group, const struct machine_limits *limits)
{
        uint64_t memory, swap;

        if (group->is_new || limits->memory == MACHINE_UNSET) {
                return true;
        }
        return read_number(group, "memory.max", &memory) == 0 && memory == MACHINE_UNLIMITED &&
               read_number(group, "memory.swap.max", &swap) == 0 && swap == MACHINE_UNLIMITED;
}

static int apply_limits(struct cgroup *group, const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error)
{
        _cleanup_settings_ struct settings settings = SETTINGS_INIT;
        int r = cgroup_check_limits(limits, warnings, error);

        if (r == 0) {
                r = settings_from_limits(limits, wants_swap_default(group, limits), NULL, &settings,
                                         error);
        }
        if (r == 0) {
                r = require_controllers(group, &settings, error);
        }
        if (r == 0) {
                r = skip_missing(group, &settings, error);
        }
        for (size_t i = 0; r == 0 && i < settings.count; i++) {
                r = apply_one(group, &settings.items[i], error);
        }
        if (r < 0) {
                roll_back(group, &settings, error);
        }
        return r;
}

int cgroup_apply_limits(struct cgroup *group, const struct machine_limits *limits, char ***warnings,
                        struct machine_error *error)
{
        int r = apply_limits(group, limits, warnings, error);

        return limits->bare ? members_name(r, warnings, error) : r;
}
