/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/process/event.h"
#include "base/quantity.h"

/* What the handlers of a test recorded. */
struct record {
        struct event_loop *loop;
        struct event_source *other;
        int ends[2];
        int calls;
        int result; /* what a handler returns */
};

static int set_up(void **state)
{
        struct record *record = calloc(1, sizeof *record);

        *state = record;
        return record && event_loop_new(&record->loop) == 0 &&
                               pipe2(record->ends, O_CLOEXEC | O_NONBLOCK) == 0
                       ? 0
                       : -1;
}

static int tear_down(void **state)
{
        struct record *record = *state;

        event_loop_free(record->loop);
        fd_close(record->ends[0]);
        fd_close(record->ends[1]);
        free(record);
        return 0;
}

static int on_readable(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct record *record = data;
        char byte;

        assert_int_equal(events & EPOLLIN, EPOLLIN);
        assert_int_equal(read(fd, &byte, 1), 1);
        record->calls++;
        event_exit(record->loop, byte);
        return record->result;
}

static int on_timer(struct event_source *source, void *data)
{
        struct record *record = data;

        record->calls++;
        event_exit(record->loop, 7);
        return record->result;
}

static void test_descriptor(void **state)
{
        struct record *record = *state;

        assert_int_equal(
                event_add_fd(record->loop, record->ends[0], EPOLLIN, on_readable, record, NULL), 0);
        assert_int_equal(write(record->ends[1], "\x05", 1), 1);
        assert_int_equal(event_run(record->loop), 5);
        assert_int_equal(record->calls, 1);
        assert_int_equal(
                event_add_fd(record->loop, record->ends[0], EPOLLIN, on_readable, record, NULL),
                -EEXIST);
        assert_int_equal(event_add_fd(record->loop, -1, EPOLLIN, on_readable, record, NULL),
                         -EBADF);
}

static void test_handler_error_ends_the_loop(void **state)
{
        struct record *record = *state;

        record->result = -EPIPE;
        event_add_fd(record->loop, record->ends[0], EPOLLIN, on_readable, record, NULL);
        assert_int_equal(write(record->ends[1], "x", 1), 1);
        assert_int_equal(event_run(record->loop), -EPIPE);
}

static void test_resting_descriptor(void **state)
{
        struct record *record = *state;
        struct event_source *source, *timer;

        event_add_fd(record->loop, record->ends[0], EPOLLIN, on_readable, record, &source);
        assert_int_equal(event_set_events(source, 0), 0);
        event_add_timer(record->loop, on_timer, record, &timer);
        event_set_timer(timer, 5000);
        assert_int_equal(write(record->ends[1], "x", 1), 1);
        assert_int_equal(event_run(record->loop), 7);
        assert_int_equal(event_set_events(source, EPOLLIN), 0);
        assert_int_equal(event_run(record->loop), 'x');
}

static void test_timers(void **state)
{
        struct record *record = *state;
        struct event_source *timer, *never;
        uint64_t before = log_now();

        event_add_timer(record->loop, on_timer, record, &timer);
        event_add_timer(record->loop, on_timer, record, &never);
        assert_int_equal(event_set_timer(never, 1000), 0);
        assert_int_equal(event_set_timer(never, USEC_INFINITY), 0);
        assert_int_equal(event_set_timer(timer, 20 * USEC_PER_MSEC), 0);
        assert_int_equal(event_run(record->loop), 7);
        assert_true(log_now() - before >= 20 * USEC_PER_MSEC);
        assert_int_equal(record->calls, 1);
        /* A time of zero expires immediately, not never. */
        assert_int_equal(event_set_timer(timer, 0), 0);
        assert_int_equal(event_run(record->loop), 7);
        assert_int_equal(record->calls, 2);
}

static int remove_the_other(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct record *record = data;

        (void)fd;
        (void)events;
        record->calls++;
        event_remove(record->other);
        event_remove(source);
        event_remove(source);
        event_exit(record->loop, 0);
        return 0;
}

static int never_called(struct event_source *source, void *data)
{
        (void)source;
        (void)data;
        fail_msg("a removed source was called");
        return 0;
}

/* Both are due in one round; whichever runs first removes the other, whose memory must stay valid
 * until the end of the round. */
static void test_removing_within_a_round(void **state)
{
        struct record *record = *state;
        struct event_source *timer;

        event_add_fd(record->loop, record->ends[1], EPOLLOUT, remove_the_other, record, NULL);
        event_add_timer(record->loop, never_called, record, &record->other);
        event_set_timer(record->other, 10 * USEC_PER_SEC);
        assert_int_equal(event_run(record->loop), 0);
        assert_int_equal(record->calls, 1);
        event_add_timer(record->loop, on_timer, record, &timer);
        event_set_timer(timer, 1000);
        assert_int_equal(event_run(record->loop), 7);
        event_remove(NULL);
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct record *record = data;

        record->calls++;
        event_exit(record->loop, (int)info->ssi_signo);
        return record->result;
}

/* Two signals are pending; after event_exit() in the handler of the first, the second is not
 * handled. */
static void test_signals_one_at_a_time(void **state)
{
        struct record *record = *state;
        sigset_t signals, old;

        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        sigaddset(&signals, SIGUSR2);
        sigprocmask(SIG_BLOCK, &signals, &old);
        assert_int_equal(event_add_signals(record->loop, &signals, on_signal, record, NULL), 0);
        raise(SIGUSR2);
        raise(SIGUSR1);
        assert_int_equal(event_run(record->loop), SIGUSR1);
        assert_int_equal(record->calls, 1);
        assert_int_equal(event_run(record->loop), SIGUSR2);
        assert_int_equal(record->calls, 2);
        sigprocmask(SIG_SETMASK, &old, NULL);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_LOOP(test_descriptor),
                WITH_LOOP(test_handler_error_ends_the_loop),
                WITH_LOOP(test_resting_descriptor),
                WITH_LOOP(test_timers),
                WITH_LOOP(test_removing_within_a_round),
                WITH_LOOP(test_signals_one_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
