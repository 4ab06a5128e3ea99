/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/process/signal_name.h"

static void test_names_are_read_back(void **state)
{
        (void)state;
        for (int signal = 1; signal <= SIGRTMAX; signal++) {
                char name[16];

                signal_name(signal, name);
                assert_int_equal(signal_parse(name), signal);
        }
}

static void test_spellings(void **state)
{
        static const struct {
                const char *text;
                int signal;
        } cases[] = {
                { "SIGTERM", SIGTERM },
                { "TERM", SIGTERM },
                { "15", SIGTERM },
                { "RTMIN", -1 },
                { "SIGRTMIN+3", -4 },
                { "RTMIN+0", -1 },
                { "", 0 },
                { "0", 0 },
                { "65", 0 },
                { "-1", 0 },
                { "term", 0 },
                { "SIG", 0 },
                { "SIGSIGTERM", 0 },
                { "SIG15", 0 },
                { "RTMIN+99", 0 },
                { "RTMIN-1", 0 },
                { "RTMIN+", 0 },
                { "TERM ", 0 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
                /* Negative: this far above SIGRTMIN, which is only known at run time. */
                int expected = cases[i].signal > 0   ? cases[i].signal
                               : cases[i].signal < 0 ? SIGRTMIN - cases[i].signal - 1
                                                     : -EINVAL;

                assert_int_equal(signal_parse(cases[i].text), expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_read_back),
                cmocka_unit_test(test_spellings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
