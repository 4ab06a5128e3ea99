/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

/* What it means as far as a machine can have it. */
TAKE(privileged)
{
        struct conversion *conversion = container->conversion;

        if (value && !value_is_true(value)) {
                return;
        }
        convert_add(conversion, "capabilities.add", "all");
        convert_text(conversion, "seccomp.profile", "off");
        convert_boolean(conversion, "no_new_privileges", false);
        convert_lost(conversion, "the machine has all capabilities of its user namespace and all "
                                 "system calls, but neither the host's devices nor its kernel "
                                 "files: list what it needs in \"devices\" and \"mounts\"");
}

/* ---- Namespaces ---- */

/* Sharing with another container is what pods are for. */
TAKE(namespace)
{
        struct conversion *conversion = container->conversion;

        if (strcmp(value, "private") == 0 || strcmp(value, "shareable") == 0 || !*value) {
                return;
        }
        if (!option->key) {
                convert_lost(conversion, "a machine has its own processes%s",
                             strcmp(value, "host") == 0
                                     ? "; the host's /proc can be bound to another path"
                                     : "");
        } else if (strcmp(value, "host") == 0) {
                convert_text(conversion, option->key, "host");
        } else {
                convert_lost(conversion, "a namespace is shared with the host or with a pod");
        }
}

TAKE(user_namespace)
{
        struct conversion *conversion = container->conversion;

        if (strcmp(value, "host") == 0) {
                convert_text(conversion, option->key, "none");
        } else if (strcmp(value, "auto") == 0 || strcmp(value, "private") == 0 || !*value) {
                convert_text(conversion, option->key, "auto");
        } else if (string_after(value, "auto:") || string_after(value, "keep-id") ||
                   strcmp(value, "nomap") == 0) {
                convert_text(conversion, option->key, "auto");
                convert_lost(conversion, "the ids are mapped as in user_namespace = \"auto\"");
        } else {
                convert_lost(conversion, "see user_namespace in machine(5)");
        }
}

/* ---- --security-opt ---- */

struct rule {
        const char *prefix;
        void (*apply)(struct container *container, const char *value);
};

static void no_new_privileges(struct container *container, const char *value)
{
        convert_boolean(container->conversion, "no_new_privileges",
                        !value[0] || value_is_true(value + 1));
}

static void seccomp(struct container *container, const char *value)
{
        _cleanup_free_ char *path = value_host_path(container->directory, value);

        if (strcmp(value, "unconfined") == 0) {
                convert_text(container->conversion, "seccomp.profile", "off");
        } else if (strcmp(value, "default") != 0 && strcmp(value, "builtin") != 0) {
                convert_text(container->conversion, "seccomp.profile", path ? path : value);
        }
}

static void apparmor(struct container *container, const char *value)
{
        if (strcmp(value, "unconfined") == 0) {
                convert_differs(container->conversion, NULL,
                                "a machine has no AppArmor profile unless one is set");
        } else {
                convert_text(container->conversion, "apparmor", value);
        }
}

static void paths(struct container *container, const char *key, const char *value)
{
        _cleanup_strv_ char **parts = NULL;

        if (strv_split(value, ':', &parts) < 0) {
                container->conversion->failed = -ENOMEM;
        }
        convert_add_words(container->conversion, key, parts);
}

static void mask(struct container *container, const char *value)
{
        paths(container, "masked_paths", value);
}

static void unmask(struct container *container, const char *value)
{
        convert_lost(container->conversion,
                     "the kernel's files stay masked; %s can be bound to "
                     "another path",
                     value);
}

static void label(struct container *container, const char *value)
{
        if (strcmp(value, "disable") == 0 || strcmp(value, "nested") == 0) {
                convert_differs(container->conversion, NULL,
                                "a machine has no SELinux label unless \"selinux\" is set");
        } else {
                convert_lost(container->conversion, "set the whole context in \"selinux\"");
        }
}

static const struct rule rules[] = {
        { "no-new-privileges", no_new_privileges },
        { "seccomp=", seccomp },
        { "seccomp:", seccomp },
        { "apparmor=", apparmor },
        { "apparmor:", apparmor },
        { "mask=", mask },
        { "unmask=", unmask },
        { "systempaths=", unmask },
        { "label=", label },
        { "label:", label },
};

TAKE(security)
{
        for (size_t i = 0; i < ELEMENTS_OF(rules); i++) {
                const char *rest = string_after(value, rules[i].prefix);

                if (rest) {
                        rules[i].apply(container, rest);
                        return;
                }
        }
        convert_lost(container->conversion, "there is no equivalent");
}
