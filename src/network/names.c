/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

#define LOOPBACK_LINES          \
        "127.0.0.1 localhost\n" \
        "::1 localhost ip6-localhost ip6-loopback\n"

static bool has_name(const struct network_lease *lease)
{
        return lease->hostname && lease->hostname[0] != '\0';
}

/* "ADDRESS NAME.DOMAIN NAME MACHINE" for each family; the canonical name is the first (hosts(5)).
 */
static void write_names(FILE *file, const char *address, const struct network_lease *lease)
{
        fprintf(file, "%s", address);
        if (has_name(lease) && lease->domainname) {
                fprintf(file, " %s.%s", lease->hostname, lease->domainname);
        }
        if (has_name(lease)) {
                fprintf(file, " %s", lease->hostname);
        }
        if (!string_equal(lease->hostname, lease->machine)) {
                fprintf(file, " %s", lease->machine);
        }
        fputc('\n', file);
}

static void write_lease(FILE *file, const struct network_lease *lease)
{
        char text[ADDRESS_TEXT_SIZE];

        if (address_is_set(&lease->address)) {
                write_names(file, address_format(&lease->address, text), lease);
        }
        if (address_is_set(&lease->address6)) {
                write_names(file, address_format(&lease->address6, text), lease);
        }
}

/* "NAME:ADDRESS"; an IPv6 address has colons of its own, a name has none. */
static void write_entries(FILE *file, char *const *entries)
{
        STRV_FOREACH(entry, entries) {
                const char *colon = strchr(*entry, ':');

                if (colon) {
                        fprintf(file, "%s %.*s\n", colon + 1, (int)(colon - *entry), *entry);
                }
        }
}

static void write_gateway(FILE *file, const struct network_address *gateway)
{
        char text[ADDRESS_TEXT_SIZE];

        if (address_is_set(gateway)) {
                fprintf(file, "%s host.internal\n", address_format(gateway, text));
        }
}

static void write_all(FILE *file, const struct network_state *state,
                      const struct network_lease *lease)
{
        fputs(LOOPBACK_LINES, file);
        if (address_is_set(&lease->address) || address_is_set(&lease->address6)) {
                write_lease(file, lease);
        } else {
                /* As Debian has it for a host without an address of its own. */
                write_names(file, "127.0.1.1", lease);
        }
        write_entries(file, lease->hosts);
        if (state->bridge) {
                write_gateway(file, &state->gateway);
                write_gateway(file, &state->gateway6);
        }
        for (size_t i = 0; state->bridge && !state->isolated && i < state->lease_count; i++) {
                const struct network_lease *peer = &state->leases[i];

                if (peer->attached && !string_equal(peer->machine, lease->machine)) {
                        write_lease(file, peer);
                }
        }
}

int names_write_hosts(const struct network_state *state, const struct network_lease *lease,
                      char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        write_all(file, state, lease);
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* In place, in one write: a reader sees the old text or the new one. A shorter text is padded with
 * empty lines to the old length before the file is cut, or its end would be a piece of the old. */
static int rewrite(int fd, const char *text)
{
        size_t length = strlen(text);
        struct stat status;
        _cleanup_free_ char *padded = NULL;
        size_t whole;

        if (fstat(fd, &status) < 0) {
                return -errno;
        }
        whole = (size_t)status.st_size > length ? (size_t)status.st_size : length;
        padded = malloc(whole + 1);
        if (!padded) {
                return -ENOMEM;
        }
        memset(padded, '\n', whole);
        memcpy(padded, text, length);
        if (pwrite(fd, padded, whole, 0) != (ssize_t)whole) {
                return errno > 0 ? -errno : -EIO;
        }
        return whole > length && ftruncate(fd, (off_t)length) < 0 ? -errno : 0;
}

int names_update(const struct network_room *room, const struct network_state *state,
                 const struct network_lease *lease, struct machine_error *error)
{
        _cleanup_free_ char *path = room_hosts_path(room, lease->machine);
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r = path ? names_write_hosts(state, lease, &text) : -ENOMEM;

        if (r < 0) {
                return error_oom(error);
        }
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        r = fd < 0 ? -errno : rewrite(fd, text);
        return r == 0 ? 0 : error_set(error, r, "cannot write the hosts file %s", path);
}

int names_update_all(const struct network_room *room, const struct network_state *state,
                     struct machine_error *error)
{
        for (size_t i = 0; i < state->lease_count; i++) {
                int r = 0;

                if (state->leases[i].owner.pid > 0) {
                        r = names_update(room, state, &state->leases[i], error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}
