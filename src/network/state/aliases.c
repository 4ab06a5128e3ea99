/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/aliases.h"

#include <errno.h>
#include <string.h>

#include "base/strings.h"

static struct network_aliases *next(const struct network_table *table,
                                    const struct network_aliases *aliases)
{
        return (void *)leases_next(table, RECORD_ALIASES, aliases);
}

const char *aliases_of(const struct network_table *table, const struct network_lease *lease)
{
        const struct network_aliases *aliases = lease->aliased ? next(table, NULL) : NULL;

        for (; aliases; aliases = next(table, aliases)) {
                /* An earlier program may have ended a lease without its aliases. */
                if (aliases->lease == leases_number(table, lease) &&
                    string_equal(aliases->machine, lease->machine)) {
                        return aliases->names;
                }
        }
        return "";
}

int aliases_set(struct network_table *table, struct network_lease *lease, char *const *names)
{
        _cleanup_free_ char *text = strv_length(names) > 0 ? strv_join(names, " ") : NULL;
        struct network_aliases *aliases;

        leases_remove_aliases(table, lease);
        if (strv_length(names) == 0) {
                return 0;
        }
        /* Also what an earlier program has left. */
        lease->aliased = true;
        leases_remove_aliases(table, lease);
        if (!text) {
                return -ENOMEM;
        }
        if (strlen(text) >= sizeof(aliases->names)) {
                return -ENAMETOOLONG;
        }
        aliases = (void *)leases_add(table, RECORD_ALIASES);
        if (!aliases) {
                return -ENOSPC;
        }
        aliases->lease = leases_number(table, lease);
        strcpy(aliases->machine, lease->machine);
        strcpy(aliases->names, text);
        lease->aliased = true;
        return 0;
}
