/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/capabilities/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/error.h"
#include "base/strings.h"
#include "security/capabilities/definition_error.h"
#include "security/capabilities/profiles.h"

#define CAPABILITY_NUMBERS 64

static const uint64_t profiles[] = CAPABILITY_PROFILES;

int capability_parse(const char *name)
{
        int number;

        if (strncasecmp(name, "CAP_", 4) == 0) {
                name += 4;
        }
        number = capng_name_to_capability(name);
        return number < 0 ? -EINVAL : number;
}

void capability_name(int number, char text[static 32])
{
        const char *name = capng_capability_to_name((unsigned int)number);

        if (!name) {
                snprintf(text, 32, "CAP_%d", number);
                return;
        }
        snprintf(text, 32, "CAP_%s", name);
        for (char *at = text; *at; at++) {
                if (*at >= 'a' && *at <= 'z') {
                        *at = (char)(*at - 'a' + 'A');
                }
        }
}

/* The capabilities that the kernel has, and of these the ones that this process may get. The kernel
 * numbers them without gaps and returns EINVAL from the first unknown one on: this is cheaper than
 * opening /proc/sys/kernel/cap_last_cap. */
static void read_bounding_set(uint64_t *ret_known, uint64_t *ret_mine)
{
        *ret_known = *ret_mine = 0;
        for (int number = 0; number < CAPABILITY_NUMBERS; number++) {
                int held = prctl(PR_CAPBSET_READ, number, 0, 0, 0);

                if (held < 0) {
                        return;
                }
                *ret_known |= CAPABILITY_BIT(number);
                *ret_mine |= held ? CAPABILITY_BIT(number) : 0;
        }
}

uint64_t capabilities_of_kernel(void)
{
        uint64_t known, mine;

        read_bounding_set(&known, &mine);
        return known;
}

uint64_t capabilities_of_process(void)
{
        uint64_t known, mine;

        read_bounding_set(&known, &mine);
        return mine;
}

/* The mask of a list of names, with `all` for "all". */
static int parse_list(const struct machine *machine, const char *key, char *const *names,
                      uint64_t known, uint64_t all, uint64_t *ret, struct machine_error *error)
{
        uint64_t mask = 0;

        STRV_FOREACH(name, names) {
                int number;

                if (strcasecmp(*name, "all") == 0) {
                        mask |= all;
                        continue;
                }
                number = capability_parse(*name);
                if (number < 0) {
                        definition_error(error, machine, key, "unknown capability \"%s\"", *name);
                        error_hint(error, "capabilities(7) lists them, for example "
                                          "\"CAP_NET_ADMIN\"");
                        return -EINVAL;
                }
                if (!(known & CAPABILITY_BIT(number))) {
                        return definition_error(error, machine, key,
                                                "this kernel does not know \"%s\"", *name);
                }
                mask |= CAPABILITY_BIT(number);
        }
        *ret = mask;
        return 0;
}

/* In its own user namespace a process has every capability, whatever its creator lacks. In the
 * host's it can have no more than its creator. */
static int check_available(const struct machine *machine, uint64_t wanted, uint64_t available,
                           struct machine_error *error)
{
        uint64_t missing = wanted & ~available;
        char name[32];

        if (!missing) {
                return 0;
        }
        capability_name(__builtin_ctzll(missing), name);
        error_say(error, EPERM,
                  "%s cannot be given to %s: this process lacks it itself, and without a user "
                  "namespace a machine cannot have more",
                  name, machine->name);
        error_hint(error, "use user_namespace = \"auto\", or capabilities = { drop = [ \"%s\" ]; }",
                   name);
        return -EPERM;
}

static bool has_own_network(const struct machine *machine)
{
        switch (machine->network.mode) {
        case MACHINE_NETWORK_BRIDGE:
        case MACHINE_NETWORK_NONE:
        case MACHINE_NETWORK_MACVLAN:
        case MACHINE_NETWORK_IPVLAN:
                return true;
        case MACHINE_NETWORK_HOST:
        case MACHINE_NETWORK_MACHINE:
        case MACHINE_NETWORK_PATH:
                break;
        }
        return false;
}

static int resolve_ambient(const struct machine *machine, uint64_t known, uint64_t set,
                           uint64_t *ret, struct machine_error *error)
{
        uint64_t ambient;
        int r = parse_list(machine, "capabilities.ambient", machine->security.capabilities.ambient,
                           known, set, &ambient, error);

        if (r < 0) {
                return r;
        }
        if (ambient & ~set) {
                char name[32];

                capability_name(__builtin_ctzll(ambient & ~set), name);
                definition_error(error, machine, "capabilities.ambient",
                                 "%s is not among the machine's capabilities", name);
                error_hint(error, "add it to \"add\" as well");
                return -EINVAL;
        }
        *ret = ambient;
        return 0;
}

int capabilities_resolve(const struct machine *machine, struct capability_sets *ret,
                         struct machine_error *error)
{
        const struct machine_capabilities *asked = &machine->security.capabilities;
        bool own_namespace = machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE;
        uint64_t known = capabilities_of_kernel();
        uint64_t available = own_namespace ? known : capabilities_of_process();
        uint64_t set = profiles[asked->profile], add, drop, ambient;
        int r;

        if (asked->profile == MACHINE_CAPABILITIES_SYSTEM && has_own_network(machine)) {
                set |= CAPABILITY_BIT(CAP_NET_ADMIN);
        }
        r = parse_list(machine, "capabilities.add", asked->add, known, available, &add, error);
        if (r == 0) {
                r = parse_list(machine, "capabilities.drop", asked->drop, known, known, &drop,
                               error);
        }
        if (r < 0) {
                return r;
        }
        set = (set & ~drop) | add;
        r = resolve_ambient(machine, known, set, &ambient, error);
        if (r == 0) {
                r = check_available(machine, set, available, error);
        }
        if (r == 0) {
                *ret = (struct capability_sets){
                        .bounding = set,
                        .permitted = set,
                        .effective = set,
                        .ambient = ambient,
                };
        }
        return r;
}
