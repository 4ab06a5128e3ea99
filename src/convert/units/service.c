/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/document/words.h"
#include "convert/model/values.h"
#include "convert/units/unit.h"

/* [Unit], [Service] and [Install]. */

/* ---- Dependencies ---- */

/* The machine that a unit stands for: one with a Quadlet next to this one. NULL: none. */
static char *machine_of(const struct unit *unit, const char *name)
{
        static const char *const suffixes[] = { ".container", ".pod" };
        const char *nspawn = string_after(name, "systemd-nspawn@");
        const char *plain = nspawn ? nspawn : name;
        _cleanup_free_ char *base = strndup(plain, strcspn(plain, "."));
        const char *end = plain + strcspn(plain, ".");

        for (size_t i = 0; base && i < ELEMENTS_OF(suffixes); i++) {
                _cleanup_free_ char *path =
                        string_format("%s/%s%s", unit->source->directory, base, suffixes[i]);

                if (strcmp(end, suffixes[i]) == 0 ||
                    ((strcmp(end, ".service") == 0 || !*end) && path && access(path, F_OK) == 0)) {
                        return TAKE_PTR(base);
                }
        }
        return nspawn ? TAKE_PTR(base) : NULL;
}

/* Units that a start waits for in any case, or that it makes unnecessary. */
static bool is_implied(const char *name)
{
        static const char *const suffixes[] = { "-volume.service", "-network.service",
                                                "-image.service",  "-build.service",
                                                ".target",         ".volume",
                                                ".network",        ".image",
                                                ".slice",          ".mount" };
        static const char *const names[] = { "podman.service",
                                             "podman.socket",
                                             "dbus.service",
                                             "network.service",
                                             "systemd-networkd.service",
                                             "podman-auto-update.service",
                                             "systemd-resolved.service",
                                             "docker.service",
                                             "podman-user-wait-network-online.service",
                                             "NetworkManager-wait-online.service",
                                             "systemd-networkd-wait-online.service" };

        for (size_t i = 0; i < ELEMENTS_OF(suffixes); i++) {
                if (string_ends_with(name, suffixes[i])) {
                        return true;
                }
        }
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (strcmp(name, names[i]) == 0) {
                        return true;
                }
        }
        return false;
}

static UNIT_TAKE(dependency)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(word, words) {
                _cleanup_free_ char *machine = machine_of(unit, *word);

                if (machine && row->target) {
                        convert_add(unit->conversion, row->target, machine);
                } else if (machine || !is_implied(*word)) {
                        convert_lost(unit->conversion,
                                     "%s is a unit of systemd: write a drop-in for "
                                     "container@%s.service",
                                     *word, unit->name);
                }
        }
}

/* Requires= with After= of the same unit is one thing here. */
static const struct unit_row unit_rows[] = {
        { "Description", unit_take_text, "description", NULL },
        { "Documentation", unit_take_no_effect, NULL, NULL },
        { "SourcePath", unit_take_no_effect, NULL, NULL },
        { "DefaultDependencies", unit_take_no_effect, NULL, NULL },
        { "After", unit_take_dependency, "after", NULL },
        { "Requires", unit_take_dependency, "requires", NULL },
        { "BindsTo", unit_take_dependency, "requires", NULL },
        { "Requisite", unit_take_dependency, "requires", NULL },
        { "Wants", unit_take_dependency, "requires", NULL },
        { "Upholds", unit_take_dependency, "requires", NULL },
        { "PartOf", unit_take_dependency, "requires", NULL },
        { "Before", unit_take_dependency, NULL, NULL },
        { "Conflicts", unit_take_dependency, NULL, NULL },
        { "StartLimitBurst", unit_take_integer, "restart.limit", NULL },
        { "StartLimitInterval", unit_take_time, "restart.window", NULL },
        { "StartLimitIntervalSec", unit_take_time, "restart.window", NULL },
        { "RequiresMountsFor", unit_take_lost, NULL,
          "mounts of the host: write a drop-in for the unit container@.service of the machine" },
};

/* ---- [Service] ---- */

static UNIT_TAKE(restart)
{
        static const char *const failures[] = { "on-failure", "on-abnormal", "on-abort",
                                                "on-watchdog" };

        if (strcmp(value, "no") == 0 || strcmp(value, "always") == 0) {
                convert_text(unit->conversion, row->target, value);
                return;
        }
        for (size_t i = 0; i < ELEMENTS_OF(failures); i++) {
                if (strcmp(value, failures[i]) == 0) {
                        convert_text(unit->conversion, row->target, "on-failure");
                        if (i > 0) {
                                convert_differs(unit->conversion, row->target,
                                                "\"%s\" is any failure here", value);
                        }
                        return;
                }
        }
        convert_lost(unit->conversion, "there is no policy \"%s\"", value);
}

static UNIT_TAKE(cpu_quota)
{
        char *end;
        double percent = strtod(value, &end);

        if (strcmp(end, "%") != 0 || percent <= 0 || percent > 1e7) {
                convert_lost(unit->conversion, "\"%.40s\" is not a percentage", value);
        } else {
                convert_value(unit->conversion, row->target, json_sprintf("%g%%", percent));
        }
}

static UNIT_TAKE(stop_start)
{
        convert_time(unit->conversion, "start_timeout", value);
        convert_time(unit->conversion, "stop.timeout", value);
}

/* "0-3 6". */
static UNIT_TAKE(cpu_list)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *list = NULL;

        if (words_split_unit(value, &words) < 0 || !(list = strv_join(words, ","))) {
                unit->conversion->failed = -ENOMEM;
                return;
        }
        convert_text(unit->conversion, row->target, list);
}

/* "/dev/fuse rwm"; classes of devices have no nodes to name. */
static UNIT_TAKE(device)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0 || !words) {
                unit->conversion->failed = -ENOMEM;
        } else if (words[0][0] != '/') {
                convert_lost(unit->conversion, "name the devices of \"%s\" below /dev", words[0]);
        } else {
                convert_add_value(unit->conversion, row->target,
                                  json_sprintf("%s:%s", words[0], words[1] ? words[1] : "rw"));
        }
}

static UNIT_TAKE(type)
{
        if (strcmp(value, "oneshot") == 0) {
                convert_lost(unit->conversion,
                             "a start does not wait for the command to end: see \"wait\"");
        }
}

#define COMMANDS "commands of the host around a start: write a drop-in for container@.service"

static const struct unit_row service_rows[] = {
        { "Restart", unit_take_restart, "restart.policy", NULL },
        { "RestartSec", unit_take_time, "restart.delay", NULL },
        { "RestartMaxDelaySec", unit_take_time, "restart.max_delay", NULL },
        { "StartLimitBurst", unit_take_integer, "restart.limit", NULL },
        { "StartLimitInterval", unit_take_time, "restart.window", NULL },
        { "TimeoutStartSec", unit_take_time, "start_timeout", NULL },
        { "TimeoutStopSec", unit_take_time, "stop.timeout", NULL },
        { "TimeoutSec", unit_take_stop_start, NULL, NULL },
        { "Type", unit_take_type, NULL, NULL },
        { "NotifyAccess", unit_take_no_effect, NULL, NULL },
        { "KillMode", unit_take_no_effect, NULL, NULL },
        { "Delegate", unit_take_no_effect, NULL, NULL },
        { "ExecStartPre", unit_take_lost, NULL, COMMANDS },
        { "ExecStartPost", unit_take_lost, NULL, COMMANDS },
        { "ExecStop", unit_take_lost, NULL, COMMANDS },
        { "ExecStopPost", unit_take_lost, NULL, COMMANDS },
        { "ExecReload", unit_take_lost, NULL, "see \"reload\" in machine(5)" },
        { "Environment", unit_take_lost, NULL, "it is of the engine's process, not the machine's" },
        { "EnvironmentFile", unit_take_lost, NULL,
          "it is of the engine's process, not the machine's" },
        { "Slice", unit_take_lost, NULL, "machines are below machinectl-lite's own group" },
        { "Nice", unit_take_integer, "limits.nice", NULL },
        { "OOMScoreAdjust", unit_take_integer, "limits.oom_score_adjust", NULL },
        { "MemoryMax", unit_take_size, "limits.memory", NULL },
        { "MemoryLimit", unit_take_size, "limits.memory", NULL },
        { "MemoryHigh", unit_take_size, "limits.memory_high", NULL },
        { "MemoryLow", unit_take_size, "limits.memory_low", NULL },
        { "MemoryMin", unit_take_size, "limits.memory_low", NULL },
        { "MemorySwapMax", unit_take_size, "limits.swap", NULL },
        { "CPUQuota", unit_take_cpu_quota, "limits.cpu", NULL },
        { "CPUWeight", unit_take_weight, "limits.cpu_weight", NULL },
        { "AllowedCPUs", unit_take_cpu_list, "limits.cpus", NULL },
        { "AllowedMemoryNodes", unit_take_cpu_list, "limits.memory_nodes", NULL },
        { "CPUAffinity", unit_take_cpu_list, "limits.cpus", NULL },
        { "IOWeight", unit_take_weight, "limits.io_weight", NULL },
        { "TasksMax", unit_take_integer, "limits.tasks", NULL },
        { "DeviceAllow", unit_take_device, "devices", NULL },
        { "DevicePolicy", unit_take_no_effect, NULL, NULL },
        { "CPUAccounting", unit_take_no_effect, NULL, NULL },
        { "MemoryAccounting", unit_take_no_effect, NULL, NULL },
        { "IOAccounting", unit_take_no_effect, NULL, NULL },
        { "TasksAccounting", unit_take_no_effect, NULL, NULL },
        { "LimitNOFILE", unit_take_ulimit, NULL, NULL },
        { "LimitNPROC", unit_take_ulimit, NULL, NULL },
        { "LimitMEMLOCK", unit_take_ulimit, NULL, NULL },
        { "LimitCORE", unit_take_ulimit, NULL, NULL },
};

/* ---- [Install] ---- */

static UNIT_TAKE(wanted_by)
{
        convert_boolean(unit->conversion, "autostart", true);
}

static const struct unit_row install_rows[] = {
        { "WantedBy", unit_take_wanted_by, NULL, NULL },
        { "RequiredBy", unit_take_wanted_by, NULL, NULL },
        { "UpheldBy", unit_take_wanted_by, NULL, NULL },
        { "Alias", unit_take_lost, NULL, "machines have one name" },
        { "DefaultInstance", unit_take_lost, NULL, "instances are named when they are started" },
};

const struct unit_section unit_service_sections[] = {
        { "Unit", unit_rows, ELEMENTS_OF(unit_rows) },
        { "Service", service_rows, ELEMENTS_OF(service_rows) },
        { "Install", install_rows, ELEMENTS_OF(install_rows) },
        { NULL, NULL, 0 },
};
