/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/names_text.h"

#include <string.h>

#include "base/strings.h"

/* "ADDRESS NAME.DOMAIN NAME MACHINE ALIAS .."; the canonical name is the first (hosts(5)). */
static void write_names(FILE *file, const char *address, const struct network_lease *lease,
                        const char *aliases)
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
        fprintf(file, "%s%s\n", aliases[0] ? " " : "", aliases);
}

/* The lines of a machine, one for each family. */
void names_write_lease(FILE *file, const struct network_lease *lease, const char *aliases)
{
        char text[ADDRESS_TEXT_SIZE];

        if (address_is_set(&lease->address)) {
                write_names(file, address_format(&lease->address, text), lease, aliases);
        }
        if (address_is_set(&lease->address6)) {
                write_names(file, address_format(&lease->address6, text), lease, aliases);
        }
}

void names_write_own(FILE *file, const struct network_lease *lease, const char *aliases)
{
        if (address_is_set(&lease->address) || address_is_set(&lease->address6)) {
                names_write_lease(file, lease, aliases);
        } else {
                /* Debian's convention for a host without a permanent address. */
                write_names(file, "127.0.1.1", lease, aliases);
        }
}

/* "NAME:ADDRESS"; IPv6 addresses contain colons, names do not. */
void names_write_entries(FILE *file, char *const *entries)
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
void names_write_host(FILE *file, const struct network_session *session,
                      const struct network_state *state)
{
        bool elsewhere = session->user && !state->internal;

        write_gateway(file, elsewhere && address_is_set(&session->outside) ? &session->outside
                                                                           : &state->gateway);
        if (!elsewhere || address_is_set(&session->outside6)) {
                write_gateway(file, elsewhere ? &session->outside6 : &state->gateway6);
        }
}
