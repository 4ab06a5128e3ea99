/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "base/tree/directory.h"
#include "network/host/hosts_file.h"

#define DIRECTORY "hosts"

#define LOOPBACK_LINES          \
        "127.0.0.1 localhost\n" \
        "::1 localhost ip6-localhost ip6-loopback\n"

/* Names that every machine has. */
static const char *const common_names[] = {
        "localhost", "ip6-localhost", "ip6-loopback", "host.internal", NULL,
};

/* ---- text ---- */

/* "ADDRESS NAME.DOMAIN NAME MACHINE"; the canonical name is the first (hosts(5)). */
static void write_names(FILE *file, const char *address, const struct network_lease *lease)
{
        fprintf(file, "%s", address);
        if (lease->hostname[0] && lease->domainname[0]) {
                fprintf(file, " %s.%s", lease->hostname, lease->domainname);
        }
        if (lease->hostname[0]) {
                fprintf(file, " %s", lease->hostname);
        }
        if (!string_equal(lease->hostname, lease->machine)) {
                fprintf(file, " %s", lease->machine);
        }
        fputc('\n', file);
}

/* The lines of a machine, one for each family. */
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

static void write_own(FILE *file, const struct network_lease *lease)
{
        if (address_is_set(&lease->address) || address_is_set(&lease->address6)) {
                write_lease(file, lease);
        } else {
                /* Debian's convention for a host without a permanent address. */
                write_names(file, "127.0.1.1", lease);
        }
}

/* "NAME:ADDRESS"; IPv6 addresses contain colons, names do not. */
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

/* The host is at the gateway; for a user's machines the gateway is in a namespace of their own, and
 * the host is elsewhere, if it is connected. */
static void write_host(FILE *file, const struct network_session *session,
                       const struct network_state *state)
{
        bool elsewhere = session->user && !state->internal;

        write_gateway(file, elsewhere && address_is_set(&session->outside) ? &session->outside
                                                                           : &state->gateway);
        if (!elsewhere || address_is_set(&session->outside6)) {
                write_gateway(file, elsewhere ? &session->outside6 : &state->gateway6);
        }
}

int names_write_alone(const struct network_lease *lease, char *const *entries, char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        fputs(LOOPBACK_LINES, file);
        write_own(file, lease);
        write_entries(file, entries);
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* What precedes the machines of the network in the file of a lease. */
static int write_head(const struct network_session *session, const struct network_lease *lease,
                      char *const *entries, char **ret)
{
        const struct network_state *state = leases_network_of(&session->leases, lease);
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        fputs(LOOPBACK_LINES, file);
        if (lease->names == LEASE_NAMES_OWN) {
                write_own(file, lease);
        }
        write_entries(file, entries);
        if (network_has_bridge(state)) {
                write_host(file, session, state);
        }
        fputs(HOSTS_FILE_END_OF_HEAD, file);
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

static bool sees_peers(const struct network_session *session, const struct network_lease *lease)
{
        const struct network_state *state = leases_network_of(&session->leases, lease);

        return network_has_bridge(state) && !state->isolated;
}

/* The lines of the machines that a lease sees. Of those with the same name one at most uses a
 * shared file: it must find itself first. */
static int write_lines(const struct network_session *session, const struct network_lease *lease,
                       char **ret)
{
        static const enum lease_names order[] = { LEASE_NAMES_SHARED, LEASE_NAMES_OWN };
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        for (size_t i = 0; sees_peers(session, lease) && i < ELEMENTS_OF(order); i++) {
                TABLE_FOREACH_LEASE(peer, &session->leases)
                {
                        if (peer->listed && peer->network == lease->network &&
                            peer->names == order[i] &&
                            (peer != lease || lease->names == LEASE_NAMES_SHARED)) {
                                write_lease(file, peer);
                        }
                }
        }
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

static int format_lease(const struct network_lease *lease, char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        write_lease(file, lease);
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* ---- which file ---- */

/* Below the network directory. No machine's name begins with "@". */
static char *file_of(const struct network_session *session, const struct network_lease *lease)
{
        const struct network_state *state = leases_network_of(&session->leases, lease);

        if (lease->names == LEASE_NAMES_OWN) {
                return string_format(DIRECTORY "/%s", lease->machine);
        }
        return lease->entries
                       ? string_format(DIRECTORY "/@%s.%016" PRIx64, state->name, lease->entries)
                       : string_format(DIRECTORY "/@%s", state->name);
}

char *names_path(const struct network_session *session, const struct network_lease *lease)
{
        _cleanup_free_ char *file = file_of(session, lease);

        return file ? string_format("%s/%s", session->path, file) : NULL;
}

static bool have_same_file(const struct network_lease *a, const struct network_lease *b)
{
        return a->network == b->network && a->names == LEASE_NAMES_SHARED &&
               b->names == LEASE_NAMES_SHARED && a->entries == b->entries;
}

/* The first lease with the same file, so that each file is visited once. */
static const struct network_lease *first_of_file(const struct network_table *table,
                                                 const struct network_lease *lease)
{
        TABLE_FOREACH_LEASE(other, table)
        {
                if (other == lease || (other->owner.pid > 0 && have_same_file(other, lease))) {
                        return other;
                }
        }
        return lease;
}

/* The next file of a network that lists its machines, as the lease that stands for it. */
static struct network_lease *next_file(const struct network_session *session, uint32_t network,
                                       struct network_lease *after)
{
        const struct network_table *table = &session->leases;
        struct network_lease *lease = after;

        while ((lease = (void *)leases_next(table, RECORD_LEASE, lease))) {
                if (lease->owner.pid > 0 && lease->network == network &&
                    sees_peers(session, lease) && first_of_file(table, lease) == lease) {
                        return lease;
                }
        }
        return NULL;
}

/* A name is that of the host, of the domain, or of the machine. */
static bool has_name(const struct network_lease *lease, const char *name)
{
        size_t length = strlen(lease->hostname);

        return strcasecmp(lease->machine, name) == 0 || strcasecmp(lease->hostname, name) == 0 ||
               (length > 0 && lease->domainname[0] &&
                strncasecmp(lease->hostname, name, length) == 0 && name[length] == '.' &&
                strcasecmp(lease->domainname, name + length + 1) == 0);
}

static bool has_name_of(const struct network_lease *lease, const struct network_lease *other)
{
        char full[2 * NETWORK_NAME_SIZE];

        (void)snprintf(full, sizeof full, "%s.%s", other->hostname, other->domainname);
        return has_name(lease, other->machine) ||
               (other->hostname[0] && has_name(lease, other->hostname)) ||
               (other->hostname[0] && other->domainname[0] && has_name(lease, full));
}

/* Whether its own names have to come first because something else has one of them. */
static bool is_ambiguous(const struct network_session *session, const struct network_lease *lease,
                         char *const *entries)
{
        for (size_t i = 0; common_names[i]; i++) {
                if (has_name(lease, common_names[i])) {
                        return true;
                }
        }
        STRV_FOREACH(entry, entries) {
                _cleanup_free_ char *name = strndup(*entry, strcspn(*entry, ":"));

                if (!name || has_name(lease, name)) {
                        return true;
                }
        }
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                if (other != lease && other->owner.pid > 0 && other->network == lease->network &&
                    has_name_of(lease, other)) {
                        return true;
                }
        }
        return false;
}

/* ---- operations ---- */

static int make_directory(const struct network_session *session)
{
        return mkdirat(session->directory_fd, DIRECTORY, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static uint64_t hash_entries(char *const *entries)
{
        _cleanup_free_ char *text = strv_join(entries, "\n");

        return entries && text ? string_hash(text, strlen(text)) | 1 : 0;
}

static int create_file(const struct network_session *session, const struct network_lease *lease,
                       char *const *entries)
{
        _cleanup_free_ char *file = file_of(session, lease), *head = NULL, *lines = NULL;
        int r = file ? write_head(session, lease, entries, &head) : -ENOMEM;

        if (r == 0) {
                r = write_lines(session, lease, &lines);
        }
        if (r == 0) {
                r = hosts_file_create(session->directory_fd, file, head, lines);
        }
        if (r == -ENOENT) {
                r = make_directory(session);
                r = r < 0 ? r : hosts_file_create(session->directory_fd, file, head, lines);
        }
        return r;
}

static int fail(const struct network_session *session, const struct network_lease *lease, int r,
                struct machine_error *error)
{
        return error_set(error, r, "cannot write the hosts file of machine \"%s\" in %s/" DIRECTORY,
                         lease->machine, session->path);
}

int names_enter(struct network_session *session, struct network_lease *lease, char *const *entries,
                struct machine_error *error)
{
        bool used = false;
        int r = 0;

        lease->entries = hash_entries(entries);
        lease->names = lease->shared || !sees_peers(session, lease) ||
                                       is_ambiguous(session, lease, entries)
                               ? LEASE_NAMES_OWN
                               : LEASE_NAMES_SHARED;
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                used = used ||
                       (other != lease && other->owner.pid > 0 && have_same_file(other, lease));
        }
        leases_set_names_busy(&session->leases, true);
        if (!used) {
                r = create_file(session, lease, entries);
        }
        return r == 0 ? 0 : fail(session, lease, r, error);
}

/* Whether another machine that is listed has one of its names. */
static bool is_listed_by_another(const struct network_session *session,
                                 const struct network_lease *lease)
{
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                if (other != lease && other->listed && other->network == lease->network &&
                    has_name_of(lease, other)) {
                        return true;
                }
        }
        return false;
}

static int list_in(const struct network_session *session, const struct network_lease *lease,
                   const struct network_lease *reader, const char *lines)
{
        _cleanup_free_ char *file = file_of(session, reader);
        bool own = reader == lease || have_same_file(lease, reader);
        int r;

        if (reader == lease && lease->names == LEASE_NAMES_OWN) {
                return 0;
        }
        r = file ? hosts_file_add(session->directory_fd, file, lines,
                                  own && is_listed_by_another(session, lease))
                 : -ENOMEM;
        /* A file that somebody has removed is not seen by any new machine either. */
        return r == -ENOENT ? 0 : r;
}

int names_list(struct network_session *session, struct network_lease *lease,
               struct machine_error *error)
{
        _cleanup_free_ char *lines = NULL;
        struct network_lease *reader = NULL;
        int r;

        if (!sees_peers(session, lease) || lease->listed) {
                return 0;
        }
        r = format_lease(lease, &lines);
        leases_set_names_busy(&session->leases, true);
        while (r == 0 && (reader = next_file(session, lease->network, reader))) {
                r = list_in(session, lease, reader, lines);
        }
        lease->listed = r == 0;
        return r == 0 ? 0 : fail(session, lease, r, error);
}

void names_unlist(struct network_session *session, struct network_lease *lease)
{
        _cleanup_free_ char *lines = NULL;
        struct network_lease *reader = NULL;

        if (!lease->listed || format_lease(lease, &lines) < 0) {
                return;
        }
        leases_set_names_busy(&session->leases, true);
        while ((reader = next_file(session, lease->network, reader))) {
                _cleanup_free_ char *file = file_of(session, reader);

                if (file) {
                        (void)hosts_file_drop(session->directory_fd, file, lines);
                }
        }
        lease->listed = false;
}

void names_leave(struct network_session *session, struct network_lease *lease)
{
        _cleanup_free_ char *file = file_of(session, lease);

        names_unlist(session, lease);
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                if (other != lease && other->owner.pid > 0 && have_same_file(other, lease)) {
                        return;
                }
        }
        if (file) {
                (void)unlinkat(session->directory_fd, file, 0);
        }
}

int names_follow(struct network_session *session, struct network_lease *lease,
                 struct machine_error *error)
{
        _cleanup_details_ struct lease_details details = { 0 };
        _cleanup_free_ char *file = file_of(session, lease), *head = NULL, *lines = NULL;
        int r = file ? details_load(session->directory_fd, &session->leases, lease, &details)
                     : -ENOMEM;

        if (r == 0) {
                r = write_head(session, lease, details.hosts, &head);
        }
        if (r == 0) {
                r = write_lines(session, lease, &lines);
        }
        leases_set_names_busy(&session->leases, true);
        if (r == 0) {
                r = hosts_file_rewrite(session->directory_fd, file, head, lines);
                r = r == -ENOENT ? create_file(session, lease, details.hosts) : r;
        }
        return r == 0 ? 0 : fail(session, lease, r, error);
}

static bool is_used(const struct network_session *session, const char *path)
{
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                _cleanup_free_ char *file = lease->owner.pid > 0 ? file_of(session, lease) : NULL;

                if (string_equal(file, path)) {
                        return true;
                }
        }
        return false;
}

static int remove_unused(const struct network_session *session)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(session->directory_fd, DIRECTORY, "", &names);

        STRV_FOREACH(name, names) {
                _cleanup_free_ char *file = string_format(DIRECTORY "/%s", *name);

                if (file && !is_used(session, file)) {
                        (void)unlinkat(session->directory_fd, file, 0);
                }
        }
        return r == -ENOENT ? 0 : r;
}

int names_rebuild(struct network_session *session, struct machine_error *error)
{
        int r = remove_unused(session);

        if (r < 0) {
                return error_set(error, r, "cannot read %s/" DIRECTORY, session->path);
        }
        TABLE_FOREACH_LEASE(lease, &session->leases)
        {
                if (r == 0 && lease->owner.pid > 0 &&
                    first_of_file(&session->leases, lease) == lease) {
                        r = names_follow(session, lease, error);
                }
        }
        if (r == 0) {
                leases_set_names_busy(&session->leases, false);
        }
        return r;
}
