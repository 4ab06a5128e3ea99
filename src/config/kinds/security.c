/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <machine/machine.h>

#include "base/strings.h"
#include "base/suggest.h"
#include "base/syscalls/syscall_groups.h"
#include "base/syscalls/syscall_table.h"

/* ---- Capabilities, as linux/capability.h has them up to Linux 6.12 (capabilities(7)) ---- */

static const char *const capabilities[] = {
        "AUDIT_CONTROL",   "AUDIT_READ",   "AUDIT_WRITE",
        "BLOCK_SUSPEND",   "BPF",          "CHECKPOINT_RESTORE",
        "CHOWN",           "DAC_OVERRIDE", "DAC_READ_SEARCH",
        "FOWNER",          "FSETID",       "IPC_LOCK",
        "IPC_OWNER",       "KILL",         "LEASE",
        "LINUX_IMMUTABLE", "MAC_ADMIN",    "MAC_OVERRIDE",
        "MKNOD",           "NET_ADMIN",    "NET_BIND_SERVICE",
        "NET_BROADCAST",   "NET_RAW",      "PERFMON",
        "SETFCAP",         "SETGID",       "SETPCAP",
        "SETUID",          "SYSLOG",       "SYS_ADMIN",
        "SYS_BOOT",        "SYS_CHROOT",   "SYS_MODULE",
        "SYS_NICE",        "SYS_PACCT",    "SYS_PTRACE",
        "SYS_RAWIO",       "SYS_RESOURCE", "SYS_TIME",
        "SYS_TTY_CONFIG",  "WAKE_ALARM",
};

static int refuse_capability(const struct config_value *value, const struct config_node *node,
                             const char *text)
{
        struct suggestion best = SUGGESTION_INIT;
        char *upper = strdup(text);

        if (!upper) {
                return -ENOMEM;
        }
        for (char *s = upper; *s; s++) {
                *s = (char)toupper((unsigned char)*s);
        }
        for (size_t i = 0; i < ELEMENTS_OF(capabilities); i++) {
                suggest(&best, upper, capabilities[i]);
        }
        free(upper);
        return config_value_refuse(
                value, node, string_format("\"%.80s\" is not a capability", node->string),
                best.word ? string_format("did you mean \"CAP_%s\"?", best.word) : NULL);
}

static int check_capability(const struct config_value *value, const struct config_node *node,
                            const char *text, char **ret)
{
        const char *name = strncasecmp(text, "CAP_", 4) == 0 ? text + 4 : text;

        if (strcasecmp(text, "all") == 0) {
                if (string_ends_with(value->name, "ambient")) {
                        return config_value_refuse(
                                value, node, strdup("\"all\" is for \"add\" and \"drop\" only"),
                                NULL);
                }
                *ret = strdup("all");
                return *ret ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTS_OF(capabilities); i++) {
                if (strcasecmp(name, capabilities[i]) == 0) {
                        *ret = string_format("CAP_%s", capabilities[i]);
                        return *ret ? 0 : -ENOMEM;
                }
        }
        return refuse_capability(value, node, name);
}

CONFIG_TEXTS_KIND(config_kind_capabilities, check_capability, "^[A-Za-z_]+$",
                  "capabilities such as \"CAP_NET_ADMIN\", or \"all\"");

/* ---- System calls ---- */

static void suggest_syscall(struct suggestion *best, const char *text)
{
        const char *name;

        for (size_t i = 0; text[0] == '@' && (name = syscall_group_name(i)); i++) {
                suggest(best, text, name);
        }
        for (size_t i = 0; text[0] != '@' && i < syscall_count; i++) {
                suggest(best, text, syscall_name(i));
        }
}

static int refuse_syscall(const struct config_value *value, const struct config_node *node,
                          const char *text)
{
        struct suggestion best = SUGGESTION_INIT;

        suggest_syscall(&best, text);
        return config_value_refuse(
                value, node,
                string_format(text[0] == '@' ? "\"%.80s\" is not a group of system calls"
                                             : "\"%.80s\" is not a system call",
                              text),
                best.word ? string_format("did you mean \"%s\"?", best.word)
                : text[0] == '@'
                        ? strdup("the groups are those of systemd.exec(5), SystemCallFilter=")
                        : strdup("syscalls(2) lists them"));
}

static int check_syscall(const struct config_value *value, const struct config_node *node,
                         const char *text, char **ret)
{
        if (text[0] == '@' ? !syscall_group_exists(text) : syscall_find(text, strlen(text)) < 0) {
                return refuse_syscall(value, node, text);
        }
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

CONFIG_TEXTS_KIND(config_kind_syscalls, check_syscall, "^@?[a-z0-9_-]+$",
                  "system calls or groups of them: [ \"ptrace\", \"@keyring\" ]");

/* ---- seccomp profile: a word or a file ---- */

static int parse_seccomp(const struct config_value *value)
{
        enum machine_seccomp_profile *place = CONFIG_PLACE(value->base, value->key->offset);
        char **file = CONFIG_PLACE(value->base, value->key->offset_extra);
        const char *text = value->node->string;

        if (strcmp(text, "default") == 0 || strcmp(text, "off") == 0) {
                *place = text[0] == 'd' ? MACHINE_SECCOMP_DEFAULT : MACHINE_SECCOMP_OFF;
                return 0;
        }
        if (!string_ends_with(text, ".json")) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        free(*file);
        *file = config_host_path(value->node, text);
        *place = MACHINE_SECCOMP_FILE;
        return *file ? 0 : -ENOMEM;
}

static int emit_seccomp(const struct config_key *key, const void *base, json_t **ret)
{
        const enum machine_seccomp_profile *place = CONFIG_PLACE_CONST(base, key->offset);
        char *const *file = CONFIG_PLACE_CONST(base, key->offset_extra);

        if (*place == MACHINE_SECCOMP_FILE) {
                return config_emit_value(json_string(*file), ret);
        }
        return config_emit_value(json_string(*place == MACHINE_SECCOMP_OFF ? "off" : "default"),
                                 ret);
}

const struct config_kind config_kind_seccomp = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "\"default\", \"off\" or a profile \"FILE.json\"",
        .pattern = "^(default|off|.*\\.json)$",
        .parse = parse_seccomp,
        .emit = emit_seccomp,
};
