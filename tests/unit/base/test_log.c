/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

struct sink {
        int read_fd;
        struct log log;
};

static int set_up(void **state)
{
        struct sink *sink = malloc(sizeof *sink);
        int ends[2];

        if (!sink || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
                return -1;
        }
        *sink = (struct sink){
                .read_fd = ends[0],
                .log = { .fd = ends[1], .level = LOG_LEVEL_NOTICE, .started = log_now() },
        };
        *state = sink;
        return 0;
}

static int tear_down(void **state)
{
        struct sink *sink = *state;

        fd_close(sink->read_fd);
        fd_close(sink->log.fd);
        free(sink);
        return 0;
}

/* Returns the whole log, and closes its writing end. The caller frees the text. */
static char *drain(struct sink *sink)
{
        char *text = NULL;

        sink->log.fd = fd_close(sink->log.fd);
        assert_int_equal(file_read_fd(sink->read_fd, 65536, &text, NULL), 0);
        return text;
}

static void test_levels(void **state)
{
        struct sink *sink = *state;
        _cleanup_free_ char *text = NULL;

        log_line(&sink->log, LOG_LEVEL_ERROR, "a %d", 1);
        log_warning(&sink->log, "b");
        log_notice(&sink->log, "c");
        log_debug(&sink->log, "not told");
        log_line(NULL, LOG_LEVEL_ERROR, "to nobody");
        text = drain(sink);
        assert_string_equal(text, "error: a 1\nwarning: b\nc\n");
}

static void test_colour(void **state)
{
        struct sink *sink = *state;
        _cleanup_free_ char *text = NULL;

        sink->log.colour = true;
        log_line(&sink->log, LOG_LEVEL_ERROR, "a");
        log_notice(&sink->log, "b");
        text = drain(sink);
        assert_string_equal(text, "\033[1;31merror: \033[0ma\nb\n");
}

static void test_debug_shows_the_time(void **state)
{
        struct sink *sink = *state;
        _cleanup_free_ char *text = NULL;
        double milliseconds;
        char word[8];

        sink->log.level = LOG_LEVEL_DEBUG;
        sink->log.started -= 2000000;
        log_debug(&sink->log, "step");
        text = drain(sink);
        assert_int_equal(sscanf(text, "[ %lf ms] %7s", &milliseconds, word), 2);
        assert_true(milliseconds >= 2000.0 && milliseconds < 60000.0);
        assert_string_equal(word, "step");
}

static void test_hostile_text_cannot_steer_the_terminal(void **state)
{
        struct sink *sink = *state;
        _cleanup_free_ char *text = NULL;

        log_warning(&sink->log, "name \"%s\"", "\033]0;x\007\nerror: forged");
        text = drain(sink);
        assert_string_equal(text, "warning: name \"\\x1b]0;x\\x07\\x0aerror: forged\"\n");
}

static void test_whole_error(void **state)
{
        struct sink *sink = *state;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *text = NULL;

        error_set(&error, EPERM, "mount proc");
        error_step(&error, "proc");
        error_hint(&error, "run it as root");
        log_error(&sink->log, &error);
        machine_error_clear(&error);
        error.number = ENOMEM;
        log_error(&sink->log, &error);
        text = drain(sink);
        assert_string_equal(text, "error: mount proc: Operation not permitted\n  step: proc\n"
                                  "  hint: run it as root\nerror: Cannot allocate memory\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_colour, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_debug_shows_the_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_text_cannot_steer_the_terminal, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_whole_error, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
