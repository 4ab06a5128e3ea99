/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/forwarding.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "network/state/setting.h"

#define FILE_NAME    "@host"
#define FILE_MAXIMUM (1u << 20)

void forwarding_clear(struct forwarding *forwarding)
{
        strv_free(forwarding->opened.ipv4);
        strv_free(forwarding->opened.ipv6);
        strv_free(forwarding->localnet);
        strv_free(forwarding->accept_ra);
        *forwarding = (struct forwarding){ 0 };
}

static int take_strings(const json_t *object, const char *key, char ***ret)
{
        const json_t *value;
        size_t index;

        json_array_foreach(json_object_get(object, key), index, value)
        {
                if (json_is_string(value) && strv_append(ret, json_string_value(value)) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

int forwarding_load(int directory_fd, struct forwarding *ret, struct machine_error *error)
{
        _cleanup_forwarding_ struct forwarding forwarding = { 0 };
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *object = NULL;
        int r = file_read(directory_fd, FILE_NAME, FILE_MAXIMUM, &text, NULL);

        if (r < 0 && r != -ENOENT) {
                return error_set(error, r, "cannot read the network's file " FILE_NAME);
        }
        if (r == 0) {
                object = json_loads(text, 0, NULL);
                if (!object) {
                        return error_say(error, EBADMSG, "the network's file %s is damaged",
                                         FILE_NAME);
                }
                if (take_strings(object, "ipv4", &forwarding.opened.ipv4) < 0 ||
                    take_strings(object, "ipv6", &forwarding.opened.ipv6) < 0 ||
                    take_strings(object, "localnet", &forwarding.localnet) < 0 ||
                    take_strings(object, "accept_ra", &forwarding.accept_ra) < 0) {
                        return error_oom(error);
                }
                forwarding.all_ipv6 = json_is_true(json_object_get(object, "all_ipv6"));
        }
        *ret = forwarding;
        forwarding = (struct forwarding){ 0 };
        return 0;
}

static bool is_empty(const struct forwarding *forwarding)
{
        return !forwarding->opened.ipv4 && !forwarding->opened.ipv6 && !forwarding->localnet &&
               !forwarding->accept_ra && !forwarding->all_ipv6;
}

static int write_file(int directory_fd, const struct forwarding *forwarding)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *text = NULL;

        if (!object || json_set_strings(object, "ipv4", forwarding->opened.ipv4) < 0 ||
            json_set_strings(object, "ipv6", forwarding->opened.ipv6) < 0 ||
            json_set_strings(object, "localnet", forwarding->localnet) < 0 ||
            json_set_strings(object, "accept_ra", forwarding->accept_ra) < 0 ||
            json_set_boolean(object, "all_ipv6", forwarding->all_ipv6) < 0) {
                return -ENOMEM;
        }
        text = json_dumps(object, JSON_INDENT(1));
        return text ? file_replace(directory_fd, FILE_NAME, text, strlen(text), 0644) : -ENOMEM;
}

int forwarding_save(int directory_fd, struct forwarding *forwarding, struct machine_error *error)
{
        int r = 0;

        if (!forwarding->changed) {
                return 0;
        }
        if (is_empty(forwarding)) {
                r = unlinkat(directory_fd, FILE_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
        } else {
                r = write_file(directory_fd, forwarding);
        }
        if (r < 0) {
                return error_set(error, r, "cannot write the network's file " FILE_NAME);
        }
        forwarding->changed = false;
        return 0;
}

/* Enables one setting of one interface and records that it was disabled. Succeeds if the interface
 * no longer exists or the namespace lacks the family. */
static int switch_on(struct forwarding *forwarding, sa_family_t family, const char *interface,
                     const char *key, char ***noted, struct machine_error *error)
{
        int value = 1;
        int r = setting_read(family, interface, key, &value);

        if (r == 0 && value == 0) {
                r = setting_write(family, interface, key, 1);
                if (r == 0 && noted && !strv_contains(*noted, interface)) {
                        r = strv_append(noted, interface);
                        forwarding->changed = true;
                }
        }
        return r == 0 || r == -ENOENT
                       ? 0
                       : error_set(error, r, "cannot enable %s for interface %s", key, interface);
}

/* Our own interfaces are removed with the machines, so they need no record. Ports of a bridge never
 * receive packets themselves. */
static int open_family(struct forwarding *forwarding, const struct forwarding_need *need,
                       sa_family_t family, const char *key, char ***noted,
                       struct machine_error *error)
{
        int r = switch_on(forwarding, family, need->bridge, key, need->foreign ? noted : NULL,
                          error);

        for (size_t i = 0; r == 0 && i < need->interfaces->count; i++) {
                const struct interface *item = &need->interfaces->items[i];

                if (item->master != 0 || (item->flags & IFF_LOOPBACK) || !(item->flags & IFF_UP) ||
                    (item->alias && string_after(item->alias, need->tag))) {
                        continue;
                }
                r = switch_on(forwarding, family, item->name, key, noted, error);
        }
        return r;
}

/* Without force_forwarding, only net.ipv6.conf.all.forwarding enables forwarding. An interface that
 * forwards ignores router advertisements unless accept_ra is 2 (ip-sysctl). */
static int open_all_ipv6(struct forwarding *forwarding, const struct forwarding_need *need,
                         struct machine_error *error)
{
        int r;

        for (size_t i = 0; i < need->interfaces->count; i++) {
                const struct interface *item = &need->interfaces->items[i];
                int value = 0;

                if (setting_read(AF_INET6, item->name, "accept_ra", &value) == 0 && value == 1 &&
                    setting_write(AF_INET6, item->name, "accept_ra", 2) == 0 &&
                    strv_append(&forwarding->accept_ra, item->name) < 0) {
                        return error_oom(error);
                }
                if (item->master == 0 && !(item->flags & IFF_LOOPBACK) &&
                    !(item->alias && string_after(item->alias, need->tag)) &&
                    strv_append(&forwarding->opened.ipv6, item->name) < 0) {
                        return error_oom(error);
                }
        }
        r = setting_write(AF_INET6, "all", "forwarding", 1);
        forwarding->all_ipv6 = true;
        forwarding->changed = true;
        return r == 0 ? 0 : error_set(error, r, "cannot enable IPv6 forwarding");
}

static int open_ipv6(struct forwarding *forwarding, const struct forwarding_need *need,
                     struct machine_error *error)
{
        int all = 1;
        int force;

        if (setting_read(AF_INET6, "all", "forwarding", &all) < 0 || all != 0) {
                return 0;
        }
        if (setting_read(AF_INET6, "all", "force_forwarding", &force) < 0) {
                return open_all_ipv6(forwarding, need, error);
        }
        return open_family(forwarding, need, AF_INET6, "force_forwarding", &forwarding->opened.ipv6,
                           error);
}

int forwarding_open(struct forwarding *forwarding, const struct forwarding_need *need,
                    struct machine_error *error)
{
        int all = 0;
        int r = 0;

        if (need->ipv4 && setting_read(AF_INET, "all", "forwarding", &all) == 0 && all == 0) {
                r = open_family(forwarding, need, AF_INET, "forwarding", &forwarding->opened.ipv4,
                                error);
        }
        if (r == 0 && need->ipv6) {
                r = open_ipv6(forwarding, need, error);
        }
        return r;
}

int forwarding_open_localnet(struct forwarding *forwarding, const char *bridge, bool foreign,
                             struct machine_error *error)
{
        return switch_on(forwarding, AF_INET, bridge, "route_localnet",
                         foreign ? &forwarding->localnet : NULL, error);
}

static void switch_off(sa_family_t family, const char *key, char *const *interfaces, int value)
{
        STRV_FOREACH(name, interfaces) {
                (void)setting_write(family, *name, key, value);
        }
}

void forwarding_undo(struct forwarding *forwarding)
{
        int all;

        /* If it was enabled for the whole host in the meantime, it stays enabled on every
         * interface. */
        if (setting_read(AF_INET, "all", "forwarding", &all) == 0 && all == 0) {
                switch_off(AF_INET, "forwarding", forwarding->opened.ipv4, 0);
        }
        if (forwarding->all_ipv6) {
                (void)setting_write(AF_INET6, "all", "forwarding", 0);
                switch_off(AF_INET6, "accept_ra", forwarding->accept_ra, 1);
        } else {
                switch_off(AF_INET6, "force_forwarding", forwarding->opened.ipv6, 0);
        }
        switch_off(AF_INET, "route_localnet", forwarding->localnet, 0);
        if (!is_empty(forwarding)) {
                forwarding_clear(forwarding);
                forwarding->changed = true;
        }
}
