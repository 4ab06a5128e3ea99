/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every step of a start has its words. */

#include "unit.h"

#include <stddef.h>
#include <string.h>

#include "base/strings.h"
#include "base/syscalls/syscall_table.h"
#include "config/config.h"
#include "config/kinds/key.h"
#include "launch/context.h"

static const struct launch_step *const tables[] = { launch_parent_steps, launch_child_steps };

/* Calls back for each word of a list, for each step. */
static void for_each_word(size_t offset,
                          void (*check)(const struct launch_step *step, const char *word))
{
        for (size_t i = 0; i < ELEMENTS_OF(tables); i++) {
                for (const struct launch_step *step = tables[i]; step->name; step++) {
                        const char *list =
                                *(const char *const *)((const char *)&step->words + offset);
                        _cleanup_strv_ char **words = NULL;

                        if (list && *list) {
                                assert_int_equal(strv_split(list, ' ', &words), 0);
                        }
                        STRV_FOREACH(word, words) {
                                check(step, *word);
                        }
                }
        }
}

static void check_sentence(const struct launch_step *step, const char *text)
{
        size_t length = text ? strlen(text) : 0;

        if (length < 10 || text[length - 1] != '.') {
                fail_msg("step %s: \"%s\" is no sentence", step->name, text ? text : "(none)");
        }
}

static void every_step_is_explained(void **state)
{
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTS_OF(tables); i++) {
                for (const struct launch_step *step = tables[i]; step->name; step++) {
                        check_sentence(step, step->words.what);
                        check_sentence(step, step->words.rule);
                        check_sentence(step, step->words.without);
                        assert_non_null(step->words.calls);
                        count++;
                }
        }
        assert_true(count > 50);
}

static void check_call(const struct launch_step *step, const char *word)
{
        if (syscall_find(word, strlen(word)) < 0) {
                fail_msg("step %s: no system call \"%s\"", step->name, word);
        }
}

static void calls_exist(void **state)
{
        for_each_word(offsetof(struct launch_words, calls), check_call);
}

static void check_key(const struct launch_step *step, const char *word)
{
        for (size_t i = 0; i < config_machine_table.count; i++) {
                if (strcmp(config_machine_table.keys[i].name, word) == 0) {
                        return;
                }
        }
        fail_msg("step %s: no key \"%s\"", step->name, word);
}

static void keys_exist(void **state)
{
        for_each_word(offsetof(struct launch_words, keys), check_key);
}

static void places_are_found(void **state)
{
        static const struct {
                const char *point;
                const char *step;
        } known[] = {
                { "/", "enter-root" },
                { "/proc", "proc" },
                { "/proc/sys", "protect" },
                { "/sys/fs/cgroup", "sys" },
                { "/sys/firmware", "protect" },
                { "/dev/pts", "dev" },
                { "/dev/console", "terminal" },
                { "/run/host", "run-host" },
                { "/run/host/credentials", "credentials" },
                { "/etc/hosts", "files" },
                { "/etcetera", NULL },
                { "/srv", NULL },
        };

        for (size_t i = 0; i < ELEMENTS_OF(known); i++) {
                const char *step = launch_step_that_mounts(known[i].point);

                if (known[i].step) {
                        assert_non_null(step);
                        assert_string_equal(step, known[i].step);
                } else {
                        assert_null(step);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_step_is_explained),
                cmocka_unit_test(calls_exist),
                cmocka_unit_test(keys_exist),
                cmocka_unit_test(places_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
