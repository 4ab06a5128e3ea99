/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/ending.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/strings.h"
#include "network/firewall/conntrack.h"
#include "network/firewall/set_elements.h"

#define TURN_FILE "turn"

void ending_add(struct network_session *session, struct network_lease *lease)
{
        struct network_lease *ending;
        struct lease_details details = { 0 };

        if (lease->shared || (lease->link[0] == '\0' && !lease->ruled)) {
                details_remove(session->directory_fd, &session->leases, lease);
                return;
        }
        ending = (void *)leases_add(&session->leases, RECORD_ENDING);
        if (!ending || details_load(session->directory_fd, &session->leases, lease, &details) < 0) {
                /* Its tag still identifies the link. */
                leases_host(&session->leases)->sweep = true;
                leases_host(&session->leases)->stale = true;
        }
        if (ending) {
                *ending = *lease;
                ending->kind = RECORD_ENDING;
                ending->detailed = ending->ports = false;
        }
        if (ending && lease->ports && lease->ruled) {
                strv_free(TAKE_PTR(details.hosts));
                if (details_save(session->directory_fd, &session->leases, ending, &details) < 0) {
                        leases_host(&session->leases)->stale = true;
                }
        }
        details_clear(&details);
        details_remove(session->directory_fd, &session->leases, lease);
}

bool ending_is_needed(const struct network_session *session)
{
        return leases_next(&session->leases, RECORD_ENDING, NULL) != NULL;
}

int ending_take_turn(const struct network_session *session)
{
        return file_lock(session->directory_fd, TURN_FILE, LOCK_EX | LOCK_NB);
}

/* ---- links ---- */

/* Links that the kernel has removed with the namespace of their machine need no request. */
static int remove_links(const struct network_table *table, struct nl_sock *socket)
{
        bool any = false;

        TABLE_FOREACH_ENDING(ending, table)
        {
                int index = ending->link[0] ? (int)if_nametoindex(ending->link) : 0;

                any = any || (index > 0 && interface_condemn(socket, index) == 0);
        }
        return any ? interface_delete_condemned(socket) : 0;
}

void ending_remove_links(const char *runtime_directory)
{
        _cleanup_network_session_ struct network_session session = NETWORK_SESSION_INIT;

        if (network_session_look(runtime_directory, &session, NULL) == 0 && session.socket) {
                (void)remove_links(&session.leases, session.socket);
        }
}

/* ---- rules ---- */

static int load_elements(const struct network_session *session, struct set_elements **ret,
                         size_t *ret_count)
{
        struct set_elements *items = NULL;
        size_t count = 0;
        int r = 0;

        TABLE_FOREACH_ENDING(ending, &session->leases)
        {
                struct set_elements *grown;

                if (r < 0 || !ending->ruled) {
                        continue;
                }
                grown = reallocarray(items, count + 1, sizeof(*items));
                if (!grown) {
                        r = -ENOMEM;
                        continue;
                }
                items = grown;
                items[count] = (struct set_elements){ .lease = ending };
                r = details_load(session->directory_fd, &session->leases, ending,
                                 &items[count].details);
                count += r == 0;
        }
        *ret = items;
        *ret_count = count;
        return r;
}

static int flush_flows(const struct set_elements *items, size_t count)
{
        int r = 0;

        for (size_t i = 0; i < count; i++) {
                int q = conntrack_flush(items[i].details.ports, items[i].details.port_count, NULL);

                r = r == 0 ? q : r;
        }
        return r;
}

int ending_process(struct network_session *session, struct machine_error *error)
{
        struct set_elements *items = NULL;
        size_t count = 0;
        int r = remove_links(&session->leases, session->socket);

        if (r < 0) {
                return error_set(error, r, "cannot remove the links of machines that have ended");
        }
        r = load_elements(session, &items, &count);
        /* Stale rules are written anew. */
        if (r < 0 || (!leases_host(&session->leases)->stale &&
                      set_elements_change(session->table, items, count, false) < 0)) {
                leases_host(&session->leases)->stale = true;
        }
        (void)flush_flows(items, count);
        for (size_t i = 0; i < count; i++) {
                details_clear(&items[i].details);
        }
        free(items);
        TABLE_FOREACH_ENDING(ending, &session->leases)
        {
                details_remove(session->directory_fd, &session->leases, ending);
                leases_remove(&session->leases, ending);
        }
        network_session_save(session);
        return 0;
}

/* ---- ports that are published again ---- */

static bool have_common_ports(const struct lease_details *a, const struct lease_details *b)
{
        for (size_t i = 0; i < a->port_count; i++) {
                for (size_t j = 0; j < b->port_count; j++) {
                        const struct machine_port *one = &a->ports[i], *other = &b->ports[j];

                        if (one->protocol == other->protocol &&
                            one->host_first <= other->host_last &&
                            other->host_first <= one->host_last) {
                                return true;
                        }
                }
        }
        return false;
}

/* The elements of an unchanged machine stay; those of another are removed now. */
static int yield(struct network_session *session, struct network_lease *ending,
                 const struct network_lease *lease, const struct lease_details *details)
{
        struct set_elements old = { .lease = ending };
        struct network_lease ports_only = *ending;
        int r = details_load(session->directory_fd, &session->leases, ending, &old.details);
        bool same = r == 0 && details_have_same_ports(&old.details, details) &&
                    address_equal(&ending->address, &lease->address) &&
                    address_equal(&ending->address6, &lease->address6);

        if (r == 0 && have_common_ports(&old.details, details)) {
                ports_only.guarded = false;
                old.lease = &ports_only;
                if (!same && set_elements_change(session->table, &old, 1, false) < 0) {
                        leases_host(&session->leases)->stale = true;
                }
                r = conntrack_flush(old.details.ports, old.details.port_count, NULL);
                details_remove(session->directory_fd, &session->leases, ending);
        }
        details_clear(&old.details);
        return r;
}

int ending_yield_ports(struct network_session *session, const struct network_lease *lease,
                       const struct lease_details *details)
{
        int r = 0;

        TABLE_FOREACH_ENDING(ending, &session->leases)
        {
                if (r == 0 && ending->ports && details->port_count > 0) {
                        r = yield(session, ending, lease, details);
                }
        }
        return r;
}
