/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/kinds/kind.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <machine/volume.h>

#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "config/read/name.h"

/* __NEW_UTS_LEN of the kernel: the limit of sethostname(2). */
#define HOSTNAME_MAXIMUM 64

static int keep(const char *text, char **ret)
{
        char *copy = strdup(text);

        if (!copy) {
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static bool all_of(const char *text, const char *others)
{
        for (; *text; text++) {
                if (!isalnum((unsigned char)*text) && !strchr(others, *text)) {
                        return false;
                }
        }
        return true;
}

/* Labels of letters, digits, "-" and "_", separated by dots (RFC 1123, and "_", which is in common
 * use). */
static bool hostname_is_valid(const char *text)
{
        size_t length = strlen(text);

        if (length == 0 || length > HOSTNAME_MAXIMUM || !all_of(text, "._-")) {
                return false;
        }
        for (const char *label = text;; label++) {
                size_t n = strcspn(label, ".");

                if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-') {
                        return false;
                }
                label += n;
                if (!*label) {
                        return true;
                }
        }
}

static int check_hostname(const struct config_value *value, const struct config_node *node,
                          const char *text, char **ret)
{
        return hostname_is_valid(text) ? keep(text, ret)
                                       : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXT_KIND(config_kind_hostname, check_hostname, "^[A-Za-z0-9_]([A-Za-z0-9._-]*)$",
                 "letters, digits, \"-\" and \".\", at most 64");
CONFIG_TEXTS_KIND(config_kind_domains, check_hostname, "^[A-Za-z0-9_]([A-Za-z0-9._-]*)$",
                  "domains: letters, digits, \"-\" and \".\"");

static int check_name(const struct config_value *value, const struct config_node *node,
                      const char *text, char **ret)
{
        return config_name_is_valid(text) ? keep(text, ret)
                                          : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXT_KIND(config_kind_name, check_name, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                 "a name: letters, digits, \"_\", \"-\" and \".\", at most 64");

static int check_machine_name(const struct config_value *value, const struct config_node *node,
                              const char *text, char **ret)
{
        return config_machine_name_is_valid(text) ? keep(text, ret)
                                                  : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXTS_KIND(config_kind_machine_names, check_machine_name,
                  "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[A-Za-z0-9][A-Za-z0-9._-]*)?$",
                  "names of machines: letters, digits, \"_\", \"-\" and \".\"");

static int check_timezone(const struct config_value *value, const struct config_node *node,
                          const char *text, char **ret)
{
        bool good = text[0] && strlen(text) < 256 && all_of(text, "/_+-");

        for (const char *part = text; good; part++) {
                size_t n = strcspn(part, "/");

                good = n > 0;
                part += n;
                if (!*part) {
                        break;
                }
        }
        return good ? keep(text, ret) : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXT_KIND(config_kind_timezone, check_timezone, "^[A-Za-z0-9_+/-]+$",
                 "a time zone name such as \"Europe/Berlin\"");

static int check_machine_id(const struct config_value *value, const struct config_node *node,
                            const char *text, char **ret)
{
        char *copy;

        /* An id of all zeros means "uninitialized" (machine-id(5)). */
        if (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32 ||
            strspn(text, "0") == 32) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        copy = strdup(text);
        if (!copy) {
                return -ENOMEM;
        }
        for (char *s = copy; *s; s++) {
                *s = (char)tolower((unsigned char)*s);
        }
        *ret = copy;
        return 0;
}

CONFIG_TEXT_KIND(config_kind_machine_id, check_machine_id, "^[0-9a-fA-F]{32}$",
                 "32 hexadecimal digits, not all zero");

/* ---- Users ---- */

/* A number, or a name that useradd(8) accepts. A number that is not a valid uid must not be taken
 * for a name, or become uid 0 by accident. */
static bool user_part_is_valid(const char *text)
{
        uint64_t number;

        if (isdigit((unsigned char)text[0])) {
                return quantity_parse_number(text, &number) == 0 && number < UINT32_MAX;
        }
        return (isalpha((unsigned char)text[0]) || text[0] == '_') && strlen(text) <= 256 &&
               all_of(text, "._-$");
}

static int check_user(const struct config_value *value, const struct config_node *node,
                      const char *text, char **ret)
{
        const char *colon = strchrnul(text, ':');
        _cleanup_free_ char *user = strndup(text, (size_t)(colon - text));

        if (!user) {
                return -ENOMEM;
        }
        if (!user_part_is_valid(user) || (*colon && !user_part_is_valid(colon + 1))) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXT_KIND(config_kind_user, check_user, "^[A-Za-z0-9_][^:]*(:[A-Za-z0-9_][^:]*)?$",
                 "\"NAME\", \"UID\", \"UID:GID\" or \"NAME:GROUP\"");

static int check_group_name(const struct config_value *value, const struct config_node *node,
                            const char *text, char **ret)
{
        return user_part_is_valid(text) ? keep(text, ret)
                                        : config_value_refuse(value, node, NULL, NULL);
}

CONFIG_TEXTS_KIND(config_kind_group_names, check_group_name, "^[A-Za-z0-9_][^:]*$",
                  "names and numbers of groups: [ \"video\", \"1500\" ]");

/* UID:GID, numbers in the machine. */
static int parse_owner(const struct config_value *value)
{
        struct machine_owner *owner = CONFIG_PLACE(value->base, value->key->offset);
        const char *text = value->node->string, *colon = strchr(text, ':');
        _cleanup_free_ char *user = colon ? strndup(text, (size_t)(colon - text)) : NULL;
        uint64_t uid, gid;

        if (colon && !user) {
                return -ENOMEM;
        }
        if (!colon || quantity_parse_number(user, &uid) < 0 ||
            quantity_parse_number(colon + 1, &gid) < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX) {
                return config_value_refuse(value, value->node, NULL, NULL);
        }
        *owner = (struct machine_owner){ true, (uint32_t)uid, (uint32_t)gid };
        return 0;
}

static int emit_owner(const struct config_key *key, const void *base, json_t **ret)
{
        const struct machine_owner *owner = CONFIG_PLACE_CONST(base, key->offset);

        *ret = NULL;
        return owner->set ? config_emit_value(json_sprintf("%u:%u", owner->uid, owner->gid), ret)
                          : 0;
}

const struct config_kind config_kind_owner = {
        .shape = CONFIG_SHAPE_STRING,
        .accepted = "\"UID:GID\", numbers in the machine such as \"999:999\"",
        .pattern = "^[0-9]+:[0-9]+$",
        .parse = parse_owner,
        .emit = emit_owner,
};

/* ---- Images ---- */

/* Checks the shape only; the image program parses references. */
static int check_image(const struct config_value *value, const struct config_node *node,
                       const char *text, char **ret)
{
        if (!text[0] || strlen(text) > 512 || !isalnum((unsigned char)text[0]) ||
            !all_of(text, "._-/:@+")) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXT_KIND(config_kind_image, check_image, "^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$",
                 "a reference such as \"docker.io/library/nginx:1.27\"");

/* ---- Credentials ---- */

static int check_credential_name(const struct config_value *value, const struct config_node *node,
                                 const char *text, char **ret)
{
        if (!path_is_component(text) || !all_of(text, "._-")) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXT_KIND(config_kind_credential_name, check_credential_name, "^[A-Za-z0-9._-]+$",
                 "a file name of letters, digits, \".\", \"_\" and \"-\"");

/* ---- KEY=VALUE ---- */

static int check_environment(const struct config_value *value, const struct config_node *node,
                             const char *text, char **ret)
{
        size_t length = strcspn(text, "=");

        if (length == 0 || !text[length]) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        for (size_t i = 0; i < length; i++) {
                if (isspace((unsigned char)text[i]) || iscntrl((unsigned char)text[i])) {
                        return config_value_refuse(value, node, strdup("blank in a variable name"),
                                                   NULL);
                }
        }
        return keep(text, ret);
}

CONFIG_TEXTS_KIND(config_kind_environment, check_environment,
                  "^[^=\\s]+=", "variables: [ \"NAME=VALUE\" ]");

static int check_label(const struct config_value *value, const struct config_node *node,
                       const char *text, char **ret)
{
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL;

        if (equals && !name) {
                return -ENOMEM;
        }
        if (!name || !isalnum((unsigned char)name[0]) || !all_of(name, "._-/")) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXTS_KIND(config_kind_labels, check_label,
                  "^[A-Za-z0-9][A-Za-z0-9._/-]*=", "labels: [ \"NAME=VALUE\" ]");

/* ---- Hosts ---- */

/* A label of hosts, or a shell pattern of their names (fnmatch(3)). */
static int check_host_choice(const struct config_value *value, const struct config_node *node,
                             const char *text, char **ret)
{
        if (strchr(text, '=')) {
                return check_label(value, node, text, ret);
        }
        if (!text[0] || !all_of(text, "._-*?[]!^")) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        return keep(text, ret);
}

CONFIG_TEXTS_KIND(config_kind_host_choices, check_host_choice, "^[A-Za-z0-9._*?\\[\\]!^/=-]+",
                  "names, patterns or labels of hosts: [ \"web-*\", \"role=edge\" ]");

/* ---- Kernel settings ---- */

/* Parameters of the IPC and network namespaces (Documentation/admin-guide/sysctl): all others apply
 * to the whole host. */
static const char *const namespaced[] = {
        "kernel.msgmax",      "kernel.msgmnb",      "kernel.msgmni",          "kernel.sem",
        "kernel.shmall",      "kernel.shmmax",      "kernel.shmmni",          "kernel.msg_next_id",
        "kernel.sem_next_id", "kernel.shm_next_id", "kernel.shm_rmid_forced", "kernel.auto_msgmni",
};

static bool sysctl_is_namespaced(const char *name)
{
        if (string_after(name, "net.") || string_after(name, "fs.mqueue.")) {
                return true;
        }
        for (size_t i = 0; i < ELEMENTS_OF(namespaced); i++) {
                if (strcmp(name, namespaced[i]) == 0) {
                        return true;
                }
        }
        return false;
}

/* sysctl(8) writes a dot in an interface's name as a slash, "net.ipv4.conf.eth0/1.x". No other part
 * may contain a slash or be empty, because the name becomes a path below /proc/sys. */
static bool sysctl_name_is_valid(const char *name)
{
        if (!name[0] || !all_of(name, "._-/") || name[0] == '.' || strstr(name, "..") ||
            strstr(name, "//") || strstr(name, "./") || strstr(name, "/.")) {
                return false;
        }
        return name[0] != '/' && !strchr("./", name[strlen(name) - 1]);
}

static int check_sysctl(const struct config_value *value, const struct config_node *node,
                        const char *text, char **ret)
{
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL;

        if (equals && !name) {
                return -ENOMEM;
        }
        if (!name || !sysctl_name_is_valid(name) || strpbrk(equals, "\n\r")) {
                return config_value_refuse(value, node, NULL, NULL);
        }
        if (strcmp(name, "kernel.hostname") == 0 || strcmp(name, "kernel.domainname") == 0) {
                return config_value_refuse(
                        value, node, string_format("\"%s\" has a key of its own", name),
                        string_format("write %s = \"%s\";", name + 7, equals + 1));
        }
        if (!sysctl_is_namespaced(name)) {
                return config_value_refuse(
                        value, node,
                        string_format("\"%s\" is the whole host's setting, not a machine's", name),
                        strdup("a machine has net.*, fs.mqueue.* and kernel.{msg*,sem,shm*}"));
        }
        return keep(text, ret);
}

CONFIG_TEXTS_KIND(config_kind_sysctl, check_sysctl, "^[A-Za-z0-9][A-Za-z0-9._/-]*=",
                  "kernel settings: [ \"net.core.somaxconn=1024\" ]");
