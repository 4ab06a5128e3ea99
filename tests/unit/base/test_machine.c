/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <machine/machine.h>

/* The documented defaults. */
static void test_defaults_are_the_safe_ones(void **state)
{
        struct machine *machine = machine_new("web");

        (void)state;
        assert_string_equal(machine->name, "web");
        assert_string_equal(machine->hostname, "web");
        assert_int_equal(machine->namespaces.user, MACHINE_USER_NAMESPACE_AUTO);
        assert_true(machine->namespaces.ipc && machine->namespaces.uts);
        assert_true(machine->namespaces.cgroup && machine->namespaces.time);
        assert_true(machine->security.no_new_privileges);
        assert_int_equal(machine->security.seccomp.profile, MACHINE_SECCOMP_DEFAULT);
        assert_int_equal(machine->security.capabilities.profile, MACHINE_CAPABILITIES_SERVICE);
        assert_int_equal(machine->network.mode, MACHINE_NETWORK_BRIDGE);
        assert_true(machine->process.init);
        assert_true(machine->limits.memory == MACHINE_UNSET);
        assert_true(machine->limits.tasks == MACHINE_UNSET);
        machine_free(machine);
        machine_free(NULL);
}

static void test_origins(void **state)
{
        struct machine *machine = machine_new("web");

        (void)state;
        assert_null(machine_origin_of(machine, "hostname"));
        machine->origins = calloc(1, sizeof *machine->origins);
        machine->origins[0] = (struct machine_origin){ strdup("limits.memory"), strdup("a"), 14 };
        machine->origin_count = 1;
        assert_int_equal(machine_origin_of(machine, "limits.memory")->line, 14);
        assert_null(machine_origin_of(machine, "limits"));
        machine_free(machine);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_are_the_safe_ones),
                cmocka_unit_test(test_origins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
