/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rights/caller.h"
#include "base/rights/subordinate_ids.h"
#include "base/strings.h"
#include "config/check/check.h"
#include "config/kinds/key.h"
#include "config/kinds/kind.h"

/* What a user who is not root asks for and cannot have. Only here, before the start enters his user
 * namespace, do files have the owners that the host knows. */

int user_check_refuse(struct config_definition *definition, struct user_finding at, char *message,
                      char *hint)
{
        struct config_place place = config_definition_place(definition, at.key, at.index);

        return config_report(definition->diagnostics,
                             definition->loader.trust.required ? DIAGNOSTIC_ERROR
                                                               : DIAGNOSTIC_WARNING,
                             &place, message, hint);
}

/* ---- ids ---- */

static bool is_root_alone(const char *user)
{
        static const char *const names[] = { "0", "root", "0:0", "root:root" };

        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                if (string_equal(user, names[i])) {
                        return true;
                }
        }
        return false;
}

/* Whoever starts it: a machine with one id has no other user. */
static int check_single_id(struct config_definition *definition)
{
        const struct machine *machine = definition->machine;
        bool several_users = machine->process.user && !is_root_alone(machine->process.user);
        const char *key = machine->process.boot     ? "boot"
                          : several_users           ? "user"
                          : machine->process.groups ? "groups"
                                                    : NULL;

        if (machine->namespaces.user != MACHINE_USER_NAMESPACE_SELF || !key) {
                return 0;
        }
        return user_check_refuse(
                definition, (struct user_finding){ key, SIZE_MAX },
                string_format("\"%s\" needs more ids than user_namespace = \"self\" gives", key),
                strdup("leave user_namespace at \"auto\", which uses the subordinate ids of "
                       "/etc/subuid"));
}

static int check_ids_of_user(struct config_definition *definition)
{
        if (definition->machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE) {
                return 0;
        }
        return user_check_refuse(
                definition, (struct user_finding){ "user_namespace", SIZE_MAX },
                strdup("\"none\" gives the machine the host's ids, which needs root"),
                strdup("remove it, or run the machine as root"));
}

static int check_ids_of_root(struct config_definition *definition)
{
        if (definition->machine->namespaces.user != MACHINE_USER_NAMESPACE_SELF) {
                return 0;
        }
        return user_check_refuse(
                definition, (struct user_finding){ "user_namespace", SIZE_MAX },
                strdup("\"self\" is the own id of a user; as root it would be root of the "
                       "host"),
                strdup("use \"auto\", or run the machine as a user"));
}

/* ---- owners of files ---- */

/* Subordinate ids have no account. */
static const struct passwd *foreign_owner(const char *path)
{
        struct stat status;

        return path && stat(path, &status) == 0 && status.st_uid != geteuid()
                       ? getpwuid(status.st_uid)
                       : NULL;
}

static int check_tree(struct config_definition *definition, const char *path,
                      struct user_finding at)
{
        const struct passwd *owner = foreign_owner(path);
        _cleanup_free_ char *quoted = owner ? string_shell_quoted(path) : NULL;

        if (!owner) {
                return 0;
        }
        return user_check_refuse(
                definition, at,
                string_format("%s belongs to %s (user %u): the machine could neither change "
                              "nor remove its files",
                              path, owner->pw_name, owner->pw_uid),
                string_format("write read_only = true; or use a copy of your own: cp -r %s "
                              "~/NAME",
                              quoted ? quoted : path));
}

static int check_trees(struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        size_t index = 0;
        int r = 0;

        if (root->read_only || root->upper == MACHINE_UPPER_NONE) {
                return 0;
        }
        if (root->source == MACHINE_ROOT_DIRECTORY && root->directory) {
                return check_tree(definition, root->directory,
                                  (struct user_finding){ "rootfs", SIZE_MAX });
        }
        if (root->source == MACHINE_ROOT_OVERLAY) {
                STRV_FOREACH(layer, root->layers) {
                        if (r == 0) {
                                r = check_tree(definition, *layer,
                                               (struct user_finding){ "overlay", index++ });
                        }
                }
        }
        return r;
}

/* ---- devices ---- */

static int access_mode(const struct machine_device *device)
{
        return (strchr(device->access, 'r') ? R_OK : 0) | (strchr(device->access, 'w') ? W_OK : 0);
}

static char *group_way_out(const struct machine *machine, const struct stat *status,
                           const char *path)
{
        _cleanup_free_ char *name = user_find_name();

        return machine->namespaces.user == MACHINE_USER_NAMESPACE_SELF || !name
                       ? string_format("root gives your user alone access: setfacl -m u:%u:rw %s",
                                       geteuid(), path)
                       : string_format(
                                 "root lets your machines keep it with the line \"%s:%u:1\" in "
                                 "/etc/subgid, or gives your user alone access: setfacl -m "
                                 "u:%u:rw %s",
                                 name, status->st_gid, geteuid(), path);
}

static int check_device(struct config_definition *definition, size_t index)
{
        const struct machine_device *device = &definition->machine->devices[index];
        const struct user_finding at = { "devices", index };
        const struct group *group;
        struct stat status;

        /* One that is missing is an error of the start, for root as well. */
        if (stat(device->source, &status) < 0) {
                return 0;
        }
        if (access(device->source, access_mode(device)) < 0) {
                return user_check_refuse(
                        definition, at,
                        string_format("you may not open %s, and so the machine cannot either "
                                      "(owner %u:%u, mode %04o)",
                                      device->source, status.st_uid, status.st_gid,
                                      status.st_mode & 07777),
                        strdup("remove it, or run the machine as root"));
        }
        if (!group_decides(device->source, &status) ||
            (definition->machine->namespaces.user != MACHINE_USER_NAMESPACE_SELF &&
             subordinate_ids_keep(status.st_gid))) {
                return 0;
        }
        group = getgrgid(status.st_gid);
        return user_check_refuse(
                definition, at,
                string_format("you may open %s as a member of the group %s (%u), which the "
                              "machine does not have",
                              device->source, group ? group->gr_name : "?", status.st_gid),
                group_way_out(definition->machine, &status, device->source));
}

static int check_devices(struct config_definition *definition)
{
        int r = 0;

        for (size_t i = 0; i < definition->machine->device_count && r == 0; i++) {
                r = check_device(definition, i);
        }
        return r;
}

/* ---- limits ---- */

/* The lowest nice value that the caller may set (getrlimit(2), RLIMIT_NICE). */
static int nice_minimum(void)
{
        struct rlimit limit;
        int own = getpriority(PRIO_PROCESS, 0);
        int floor = getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur > 0
                            ? 20 - (int)(limit.rlim_cur > 40 ? 40 : limit.rlim_cur)
                            : own;

        return floor < own ? floor : own;
}

static int check_nice(struct config_definition *definition)
{
        const struct machine_limits *limits = &definition->machine->limits;
        int minimum = nice_minimum();

        if (!limits->nice_set || limits->nice >= minimum) {
                return 0;
        }
        return user_check_refuse(
                definition, (struct user_finding){ "limits.nice", SIZE_MAX },
                string_format("%d is below the lowest nice value that you may set, %d",
                              limits->nice, minimum),
                strdup("root allows less with \"nice\" in /etc/security/limits.conf"));
}

static int check_oom_score(struct config_definition *definition)
{
        const struct machine_limits *limits = &definition->machine->limits;
        _cleanup_free_ char *text = NULL;
        int own;

        if (!limits->oom_score_adjust_set ||
            file_read(AT_FDCWD, "/proc/self/oom_score_adj", 16, &text, NULL) < 0) {
                return 0;
        }
        own = atoi(text);
        if (limits->oom_score_adjust >= own) {
                return 0;
        }
        return user_check_refuse(
                definition, (struct user_finding){ "limits.oom_score_adjust", SIZE_MAX },
                string_format("%d is below your own value, %d, and lowering it needs root",
                              limits->oom_score_adjust, own),
                string_format("set it to at least %d", own));
}

static void limit_text(rlim_t value, char text[static 24])
{
        if (value == RLIM_INFINITY) {
                (void)snprintf(text, 24, "unlimited");
        } else {
                (void)snprintf(text, 24, "%" PRIu64, (uint64_t)value);
        }
}

static int check_resource(struct config_definition *definition, const struct config_key *key)
{
        size_t place = offsetof(struct machine, limits.resources);
        int number = (int)((key->offset - place) / sizeof(struct machine_resource_limit));
        const struct machine_resource_limit *asked = &definition->machine->limits.resources[number];
        rlim_t hard = asked->hard == MACHINE_UNLIMITED ? RLIM_INFINITY : (rlim_t)asked->hard;
        struct rlimit own;
        char from[24], to[24];

        if (!asked->set || prlimit(0, number, NULL, &own) < 0 || hard <= own.rlim_max) {
                return 0;
        }
        limit_text(own.rlim_max, from);
        limit_text(hard, to);
        return user_check_refuse(definition, (struct user_finding){ key->name, SIZE_MAX },
                                 string_format("%s is above your own hard limit, %s", to, from),
                                 string_format("set it to at most %s; root raises it in "
                                               "/etc/security/limits.conf",
                                               from));
}

static int check_resources(struct config_definition *definition)
{
        int r = 0;

        for (size_t i = 0; i < config_machine_table.count && r == 0; i++) {
                const struct config_key *key = &config_machine_table.keys[i];

                if (key->kind == &config_kind_resource || key->kind == &config_kind_resource_size) {
                        r = check_resource(definition, key);
                }
        }
        return r;
}

static int (*const checks[])(struct config_definition *definition) = {
        check_ids_of_user, check_trees,     check_devices,      check_nice,
        check_oom_score,   check_resources, user_check_network,
};

int config_check_user(struct config_definition *definition)
{
        int r = 0;

        if (!definition->machine) {
                return 0;
        }
        r = check_single_id(definition);
        if (caller_is_root()) {
                return r < 0 ? r : check_ids_of_root(definition);
        }
        for (size_t i = 0; i < ELEMENTS_OF(checks) && r == 0; i++) {
                r = checks[i](definition);
        }
        return r;
}
