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
#include "network/host/names_match.h"
#include "network/host/names_text.h"
#include "network/state/aliases.h"

#define DIRECTORY "hosts"

/* Names that every machine has. */
static const char *const common_names[] = {
        "localhost", "ip6-localhost", "ip6-loopback", "host.internal", NULL,
};

/* ---- what a file has ---- */

int names_write_alone(const struct network_lease *lease, char *const *entries, char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        fputs(NAMES_LOOPBACK, file);
        names_write_own(file, lease, "");
        names_write_entries(file, entries);
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

/* Whether two leases are of the same machine, which has a file of its own for all its networks. */
static bool are_of_same_machine(const struct network_lease *a, const struct network_lease *b)
{
        return a == b || (a->names == LEASE_NAMES_OWN && b->names == LEASE_NAMES_OWN &&
                          b->owner.pid > 0 && string_equal(a->machine, b->machine));
}

/* The next of a machine's leases, in the order of its links. */
static const struct network_lease *next_own(const struct network_table *table,
                                            const struct network_lease *lease, int after)
{
        const struct network_lease *best = NULL;

        TABLE_FOREACH_LEASE(other, table)
        {
                if (are_of_same_machine(lease, other) && other->index > after &&
                    (!best || other->index < best->index)) {
                        best = other;
                }
        }
        return best;
}

#define FOREACH_OWN(own, table, lease)                                          \
        for (const struct network_lease *own = next_own(table, lease, -1); own; \
             own = next_own(table, lease, own->index))

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
        fputs(NAMES_LOOPBACK, file);
        if (lease->names == LEASE_NAMES_OWN) {
                FOREACH_OWN(own, &session->leases, lease)
                {
                        names_write_own(file, own, aliases_of(&session->leases, own));
                }
        }
        names_write_entries(file, entries);
        if (network_has_bridge(state)) {
                names_write_host(file, session, state);
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
static void write_peers(FILE *file, const struct network_session *session,
                        const struct network_lease *lease)
{
        static const enum lease_names order[] = { LEASE_NAMES_SHARED, LEASE_NAMES_OWN };

        for (size_t i = 0; sees_peers(session, lease) && i < ELEMENTS_OF(order); i++) {
                TABLE_FOREACH_LEASE(peer, &session->leases)
                {
                        if (peer->listed && peer->network == lease->network &&
                            peer->names == order[i] &&
                            (peer != lease || lease->names == LEASE_NAMES_SHARED)) {
                                names_write_lease(file, peer, aliases_of(&session->leases, peer));
                        }
                }
        }
}

static int write_lines(const struct network_session *session, const struct network_lease *lease,
                       char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        FOREACH_OWN(own, &session->leases, lease)
        {
                write_peers(file, session, own);
        }
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

static int format_lease(const struct network_session *session, const struct network_lease *lease,
                        char **ret)
{
        size_t length;
        FILE *file = open_memstream(ret, &length);

        if (!file) {
                return -ENOMEM;
        }
        names_write_lease(file, lease, aliases_of(&session->leases, lease));
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

/* Whether its own names have to come first because something else has one of them. */
static bool is_ambiguous(const struct network_session *session, const struct network_lease *lease,
                         char *const *entries)
{
        for (size_t i = 0; common_names[i]; i++) {
                if (names_has(session, lease, common_names[i])) {
                        return true;
                }
        }
        STRV_FOREACH(entry, entries) {
                _cleanup_free_ char *name = strndup(*entry, strcspn(*entry, ":"));

                if (!name || names_has(session, lease, name)) {
                        return true;
                }
        }
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                if (other != lease && other->owner.pid > 0 && other->network == lease->network &&
                    names_has_those_of(session, lease, other)) {
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
                bool own, struct machine_error *error)
{
        bool used = false;
        int r = 0;

        lease->entries = hash_entries(entries);
        lease->names = own || lease->shared || !sees_peers(session, lease) ||
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

int names_enter_further(struct network_session *session, struct network_lease *lease,
                        struct machine_error *error)
{
        lease->entries = 0;
        lease->names = LEASE_NAMES_OWN;
        return names_follow(session, lease, error);
}

/* Whether another machine that is listed has one of its names. */
static bool is_listed_by_another(const struct network_session *session,
                                 const struct network_lease *lease)
{
        TABLE_FOREACH_LEASE(other, &session->leases)
        {
                if (other != lease && other->listed && other->network == lease->network &&
                    names_has_those_of(session, lease, other)) {
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
        r = format_lease(session, lease, &lines);
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

        if (!lease->listed || format_lease(session, lease, &lines) < 0) {
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
                if (other != lease && other->owner.pid > 0 &&
                    (have_same_file(other, lease) || are_of_same_machine(lease, other))) {
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
        /* What precedes the peers is that of the machine's first network. */
        const struct network_lease *first = next_own(&session->leases, lease, -1);
        _cleanup_details_ struct lease_details details = { 0 };
        _cleanup_free_ char *file = file_of(session, lease), *head = NULL, *lines = NULL;
        int r = file ? details_load(session->directory_fd, &session->leases, first, &details)
                     : -ENOMEM;

        if (r == 0) {
                r = write_head(session, first, details.hosts, &head);
        }
        if (r == 0) {
                r = write_lines(session, first, &lines);
        }
        leases_set_names_busy(&session->leases, true);
        if (r == 0) {
                r = hosts_file_rewrite(session->directory_fd, file, head, lines);
                r = r == -ENOENT ? create_file(session, first, details.hosts) : r;
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
