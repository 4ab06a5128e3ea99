/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/explain/paragraph.h"
#include "security/capabilities/capabilities.h"

#define STATUS_MAXIMUM (64 * 1024)

/* The number after "NAME:\t" in the text of /proc/PID/status (proc_pid_status(5)). */
static uint64_t field_of(const char *status, const char *name, int base)
{
        _cleanup_free_ char *start = string_format("\n%s:\t", name);
        const char *at = start ? strstr(status, start) : NULL;

        return at ? strtoull(at + strlen(start), NULL, base) : 0;
}

static json_t *capability_json(int number)
{
        _cleanup_json_ json_t *object = json_object();
        char name[32];

        capability_name(number, name);
        return json_set_string(object, "name", name) < 0 ||
                               json_set_string(object, "allows", capability_allows(number)) < 0
                       ? NULL
                       : TAKE_PTR(object);
}

static json_t *capabilities_json(uint64_t set)
{
        _cleanup_json_ json_t *array = json_array();

        for (int number = 0; number < 64; number++) {
                if ((set & CAPABILITY_BIT(number)) &&
                    (!array || json_array_append_new(array, capability_json(number)) < 0)) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

/* The AppArmor or SELinux label, or null. */
static json_t *label_json(pid_t pid)
{
        _cleanup_free_ char *path = string_format("/proc/%d/attr/current", pid);
        _cleanup_free_ char *text = NULL, *printable = NULL;

        if (!path || file_read(AT_FDCWD, path, STATUS_MAXIMUM, &text, NULL) < 0 || !*text) {
                return json_null();
        }
        text[strcspn(text, "\n")] = '\0';
        printable = string_printable(text);
        return printable ? json_string(printable) : NULL;
}

json_t *explain_rights(const struct subject *subject)
{
        _cleanup_free_ char *path = string_format("/proc/%d/status", subject->payload);
        _cleanup_free_ char *status = NULL;
        _cleanup_json_ json_t *object = json_object();

        if (!path || file_read(AT_FDCWD, path, STATUS_MAXIMUM, &status, NULL) < 0) {
                return json_null();
        }
        if (json_set_value(object, "effective", capabilities_json(field_of(status, "CapEff", 16))) <
                    0 ||
            json_set_value(object, "bounding", capabilities_json(field_of(status, "CapBnd", 16))) <
                    0 ||
            json_set_number(object, "filters", field_of(status, "Seccomp_filters", 10)) < 0 ||
            json_set_boolean(object, "filtered", field_of(status, "Seccomp", 10) == 2) < 0 ||
            json_set_boolean(object, "no_new_privileges", field_of(status, "NoNewPrivs", 10) != 0) <
                    0 ||
            json_set_value(object, "label", label_json(subject->payload)) < 0 ||
            json_set_value(object, "settings",
                           settings_of_keys(&subject->settings,
                                            "user capabilities seccomp apparmor selinux", true)) <
                    0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

/* ---- for people ---- */

#define NAME_WIDTH 26

static bool has_capability(const json_t *array, const char *name)
{
        const json_t *capability;
        size_t i;

        json_array_foreach(array, i, capability)
        {
                if (string_equal(json_get_string(capability, "name"), name)) {
                        return true;
                }
        }
        return false;
}

/* What the payload has, and then what a program that it executes could still get. */
static void print_capabilities(const json_t *rights)
{
        const json_t *effective = json_object_get(rights, "effective"), *capability;
        size_t i;

        puts("\nCapabilities: the parts of root's rights that it may use (capabilities(7))");
        json_array_foreach(json_object_get(rights, "bounding"), i, capability)
        {
                const char *name = json_get_string(capability, "name");
                bool held = has_capability(effective, name);
                _cleanup_free_ char *label = string_format("%s %s", held ? " " : " -", name);

                paragraph_print(label ? label : name, NAME_WIDTH,
                                json_get_string(capability, "allows"));
        }
        if (i == 0) {
                puts("  none");
        } else if (json_array_size(effective) < i) {
                puts("  (-: not in use now; a set-user-ID program can get it, without "
                     "no_new_privileges)");
        }
}

void explain_print_rights(const json_t *rights)
{
        const json_t *setting;
        const char *label;
        uint64_t filters = 0;
        size_t i;

        if (!json_is_object(rights)) {
                puts("\nCapabilities and filter: not shown to you");
                return;
        }
        print_capabilities(rights);
        (void)json_get_number(rights, "filters", &filters);
        label = json_get_string(rights, "label");
        puts("\nFilter and other confinement (seccomp(2))");
        if (json_is_true(json_object_get(rights, "filtered"))) {
                printf("  system calls are checked by %llu filter%s\n", (unsigned long long)filters,
                       filters == 1 ? "" : "s");
        } else {
                puts("  system calls are not filtered");
        }
        puts(json_is_true(json_object_get(rights, "no_new_privileges"))
                     ? "  no new privileges: set-user-ID programs have no effect"
                     : "  set-user-ID programs have an effect");
        printf("  label: %s\n", label ? label : "none");
        json_array_foreach(json_object_get(rights, "settings"), i, setting)
        {
                printf("  %s = %s", json_get_string(setting, "key"),
                       json_get_string(setting, "value"));
                if (json_object_get(setting, "line")) {
                        explain_print_place(setting);
                } else {
                        fputs("  (default)", stdout);
                }
                putchar('\n');
        }
}
