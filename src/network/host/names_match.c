/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/host/names_match.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/strings.h"
#include "network/state/aliases.h"

/* Whether a text of words separated by spaces has one. */
static bool words_have(const char *words, const char *word)
{
        size_t length = strlen(word);

        for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ') {
                if (strcspn(at, " ") == length && strncasecmp(at, word, length) == 0) {
                        return true;
                }
        }
        return false;
}

bool names_has(const struct network_session *session, const struct network_lease *lease,
               const char *name)
{
        size_t length = strlen(lease->hostname);

        return strcasecmp(lease->machine, name) == 0 || strcasecmp(lease->hostname, name) == 0 ||
               (length > 0 && lease->domainname[0] &&
                strncasecmp(lease->hostname, name, length) == 0 && name[length] == '.' &&
                strcasecmp(lease->domainname, name + length + 1) == 0) ||
               (lease->aliased && words_have(aliases_of(&session->leases, lease), name));
}

static bool has_alias_of(const struct network_session *session, const struct network_lease *lease,
                         const struct network_lease *other)
{
        const char *aliases = aliases_of(&session->leases, other);
        bool found = false;

        for (size_t length; !found && *aliases; aliases += length + (aliases[length] == ' ')) {
                _cleanup_free_ char *name = strndup(aliases, length = strcspn(aliases, " "));

                found = !name || names_has(session, lease, name);
        }
        return found;
}

bool names_has_those_of(const struct network_session *session, const struct network_lease *lease,
                        const struct network_lease *other)
{
        char full[2 * NETWORK_NAME_SIZE];

        (void)snprintf(full, sizeof full, "%s.%s", other->hostname, other->domainname);
        return names_has(session, lease, other->machine) ||
               (other->hostname[0] && names_has(session, lease, other->hostname)) ||
               (other->hostname[0] && other->domainname[0] && names_has(session, lease, full)) ||
               (other->aliased && has_alias_of(session, lease, other));
}
