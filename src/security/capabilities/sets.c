/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The five sets as a bundle gives them. */

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "security/capabilities/capabilities.h"

static const char *const set_names[MACHINE_CAPABILITY_SETS] = {
        [MACHINE_CAPABILITY_BOUNDING] = "bounding",
        [MACHINE_CAPABILITY_EFFECTIVE] = "effective",
        [MACHINE_CAPABILITY_INHERITABLE] = "inheritable",
        [MACHINE_CAPABILITY_PERMITTED] = "permitted",
        [MACHINE_CAPABILITY_AMBIENT] = "ambient",
};

static int warn(char ***warnings, const char *set, const char *name, const char *reason,
                struct machine_error *error)
{
        return strv_take(warnings,
                         string_format("%s is not given to the payload (process.capabilities.%s): "
                                       "%s",
                                       name, set, reason)) < 0
                       ? error_oom(error)
                       : 0;
}

/* Drops from a mask what is not allowed, with a warning for each capability. */
static int reduce(uint64_t *mask, uint64_t allowed, const char *set, const char *reason,
                  char ***warnings, struct machine_error *error)
{
        int r = 0;

        for (uint64_t rest = *mask & ~allowed; rest && r == 0; rest &= rest - 1) {
                char name[32];

                capability_name(__builtin_ctzll(rest), name);
                r = warn(warnings, set, name, reason, error);
        }
        *mask &= allowed;
        return r;
}

static int read_set(char *const *names, const char *set, uint64_t available, uint64_t *ret,
                    char ***warnings, struct machine_error *error)
{
        uint64_t mask = 0;

        STRV_FOREACH(name, names) {
                int number = capability_parse(*name);

                if (number < 0) {
                        int r = warn(warnings, set, *name, "there is no such capability", error);

                        if (r < 0) {
                                return r;
                        }
                        continue;
                }
                mask |= CAPABILITY_BIT(number);
        }
        *ret = mask;
        return reduce(ret, available, set,
                      "neither the kernel nor the process that starts it has it", warnings, error);
}

int capabilities_take_sets(const struct machine *machine, struct capability_sets *ret,
                           char ***warnings, struct machine_error *error)
{
        bool own_namespace = machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE;
        uint64_t available = own_namespace ? capabilities_of_kernel() : capabilities_of_process();
        uint64_t sets[MACHINE_CAPABILITY_SETS];
        int r = 0;

        for (size_t i = 0; i < MACHINE_CAPABILITY_SETS && r == 0; i++) {
                r = read_set(machine->security.capabilities.sets[i], set_names[i], available,
                             &sets[i], warnings, error);
        }
        /* Rules of the kernel (capset(2), PR_CAP_AMBIENT). */
        if (r == 0) {
                r = reduce(&sets[MACHINE_CAPABILITY_EFFECTIVE], sets[MACHINE_CAPABILITY_PERMITTED],
                           "effective", "it is not in the permitted set", warnings, error);
        }
        if (r == 0) {
                r = reduce(&sets[MACHINE_CAPABILITY_INHERITABLE], sets[MACHINE_CAPABILITY_BOUNDING],
                           "inheritable", "it is not in the bounding set", warnings, error);
        }
        if (r == 0) {
                r = reduce(&sets[MACHINE_CAPABILITY_AMBIENT],
                           sets[MACHINE_CAPABILITY_PERMITTED] &
                                   sets[MACHINE_CAPABILITY_INHERITABLE],
                           "ambient", "it is not in the permitted and the inheritable set",
                           warnings, error);
        }
        if (r < 0) {
                return r;
        }
        *ret = (struct capability_sets){
                .exact = true,
                .bounding = sets[MACHINE_CAPABILITY_BOUNDING],
                .permitted = sets[MACHINE_CAPABILITY_PERMITTED],
                .effective = sets[MACHINE_CAPABILITY_EFFECTIVE],
                .inheritable = sets[MACHINE_CAPABILITY_INHERITABLE],
                .ambient = sets[MACHINE_CAPABILITY_AMBIENT],
        };
        return 0;
}
