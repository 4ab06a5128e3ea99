/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/top.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process/event.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "cli/output/bar.h"
#include "cli/screen/keys.h"
#include "cli/screen/terminal.h"
#include "cli/top/action.h"
#include "cli/top/view.h"

/* Rates need two rounds: the second is soon. */
#define FIRST_INTERVAL (250 * USEC_PER_MSEC)

struct top {
        const struct cli *cli;
        const struct top_settings *settings;
        struct arrangement arrangement;
        struct state_store store;
        struct terminal terminal;
        struct event_loop *loop;
        struct event_source *timer;
        struct survey now, before;
        struct histories histories;
        struct row *rows;
        size_t count;
        char *selected; /* machine, or NULL */
        size_t first;
        bool help;
        char *question; /* whether to stop the selected machine */
        char *message;
        struct action actions[ACTIONS_MAXIMUM];
        int ended_by; /* signal */
};

static void clear(struct top *top)
{
        terminal_release(&top->terminal);
        state_store_close(&top->store);
        event_loop_free(top->loop);
        survey_clear(&top->now);
        survey_clear(&top->before);
        histories_clear(&top->histories);
        for (size_t i = 0; i < ACTIONS_MAXIMUM; i++) {
                action_release(&top->actions[i]);
        }
        free(top->rows);
        free(top->selected);
        free(top->question);
        free(top->message);
}

/* ---- what is shown ---- */

static size_t selected_row(const struct top *top)
{
        for (size_t i = 0; i < top->count; i++) {
                if (string_equal(top->rows[i].machine->record.name, top->selected)) {
                        return i;
                }
        }
        return 0;
}

static int select_row(struct top *top, size_t row)
{
        if (top->count == 0) {
                return string_replace(&top->selected, NULL);
        }
        row = row < top->count ? row : top->count - 1;
        return string_replace(&top->selected, top->rows[row].machine->record.name);
}

/* Arranges the rows; the selection stays with its machine, or where that was. */
static int arrange(struct top *top)
{
        size_t at = selected_row(top);
        bool chosen = top->selected;
        struct row *rows;
        int count = rows_arrange(&top->arrangement, &top->now, &top->before, &rows);

        if (count < 0) {
                return count;
        }
        free(top->rows);
        top->rows = rows;
        top->count = (size_t)count;
        for (size_t i = 0; chosen && i < top->count; i++) {
                if (string_equal(rows[i].machine->record.name, top->selected)) {
                        return 0;
                }
        }
        return select_row(top, at);
}

static int draw(struct top *top)
{
        size_t rows, columns, selected = selected_row(top), page;
        _cleanup_free_ char *frame = NULL;

        terminal_size(&top->terminal, &rows, &columns);
        page = view_page(rows);
        if (selected < top->first) {
                top->first = selected;
        } else if (selected >= top->first + page) {
                top->first = selected - page + 1;
        }
        frame = view_format(
                &(struct view){
                        .arrangement = &top->arrangement,
                        .survey = &top->now,
                        .histories = &top->histories,
                        .rows = top->rows,
                        .count = top->count,
                        .selected = selected,
                        .first = top->first,
                        .help = top->help,
                        .colour = top->cli->colour,
                        .utf8 = bar_terminal_is_utf8(),
                        .cpus = (unsigned int)get_nprocs(),
                        .question = top->question,
                        .message = top->message,
                },
                rows, columns);
        return frame ? terminal_show(&top->terminal, frame) : -ENOMEM;
}

static int take_round(struct top *top, struct machine_error *error)
{
        struct survey survey = { 0 };
        int r = survey_add_all(&survey, &top->store, error);

        if (r < 0) {
                survey_clear(&survey);
                return r;
        }
        /* The rows are of the round before. */
        top->count = 0;
        survey_clear(&top->before);
        top->before = top->now;
        top->now = survey;
        return histories_add(&top->histories, &top->now, &top->before);
}

/* Failures to read the records are told on the screen: they may be over next time. */
static int refresh(struct top *top)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = take_round(top, &error);

        if (r == -ENOMEM) {
                return r;
        }
        if (r < 0 && string_replace(&top->message, error.message) < 0) {
                return -ENOMEM;
        }
        r = arrange(top);
        r = r < 0 ? r : draw(top);
        return r < 0 ? r : event_set_timer(top->timer, top->settings->interval);
}

static int on_timer(struct event_source *source, void *data)
{
        return refresh(data);
}

/* ---- actions ---- */

static int say(struct top *top, char *message)
{
        free(top->message);
        top->message = message;
        return message ? 0 : -ENOMEM;
}

static int ask_to_stop(struct top *top)
{
        if (!top->selected) {
                return 0;
        }
        free(top->question);
        top->question = string_format("Stop %s? y: yes, any other key: no", top->selected);
        return top->question ? 0 : -ENOMEM;
}

static int stop_selected(struct top *top)
{
        for (size_t i = 0; i < ACTIONS_MAXIMUM; i++) {
                struct action *action = &top->actions[i];
                int r;

                if (action->pid != 0) {
                        continue;
                }
                r = action_stop(top->cli, top->selected, action);
                return say(top, r < 0 ? string_format("cannot run stop: %s", strerror(-r))
                                      : string_format("stopping %s ..", top->selected));
        }
        return say(top, string_format("%d machines are being stopped already", ACTIONS_MAXIMUM));
}

static int answer(struct top *top, int key)
{
        free(top->question);
        top->question = NULL;
        return key == 'y' || key == 'Y' ? stop_selected(top) : say(top, strdup("not stopped"));
}

static int collect_actions(struct top *top)
{
        for (size_t i = 0; i < ACTIONS_MAXIMUM; i++) {
                char *message = NULL;
                int r = top->actions[i].pid ? action_collect(&top->actions[i], &message) : 0;

                if (r > 0) {
                        r = say(top, message);
                }
                if (r < 0) {
                        return r;
                }
        }
        return refresh(top);
}

static void end_by(struct top *top, int number)
{
        top->ended_by = number;
        event_exit(top->loop, 0);
}

/* The terminal is the shell's for as long as something else uses it. */
static int take_again(struct top *top)
{
        return terminal_take(&top->terminal) < 0 ? -EIO : refresh(top);
}

static int show_logs(struct top *top)
{
        int r;

        if (!top->selected) {
                return 0;
        }
        terminal_release(&top->terminal);
        printf("The log of %s; Ctrl-C goes back\n", top->selected);
        fflush(stdout);
        r = action_show_logs(top->cli, top->selected);
        if (r > 0) {
                end_by(top, r);
                return 0;
        }
        if (r < 0 && say(top, string_format("cannot run logs: %s", strerror(-r))) < 0) {
                return -ENOMEM;
        }
        return take_again(top);
}

/* As a shell's job, until it is continued. */
static int suspend(struct top *top)
{
        terminal_release(&top->terminal);
        (void)kill(0, SIGSTOP);
        return take_again(top);
}

/* ---- keys ---- */

static int move(struct top *top, int key)
{
        size_t at = selected_row(top), rows, columns, page;

        terminal_size(&top->terminal, &rows, &columns);
        page = view_page(rows);
        switch (key) {
        case KEY_UP:
        case 'k':
                return select_row(top, at > 0 ? at - 1 : 0);
        case KEY_DOWN:
        case 'j':
                return select_row(top, at + 1);
        case KEY_PAGE_UP:
                return select_row(top, at > page ? at - page : 0);
        case KEY_PAGE_DOWN:
                return select_row(top, at + page);
        case KEY_HOME:
                return select_row(top, 0);
        case KEY_END:
                return select_row(top, top->count);
        default:
                return 0;
        }
}

static int arrange_by(struct top *top, int key)
{
        const struct order *order = key < KEY_UP ? order_by_key(key) : NULL;

        if (order) {
                top->arrangement.order = order;
        } else if (key == 'R') {
                top->arrangement.reverse = !top->arrangement.reverse;
        } else if (key == 'a') {
                top->arrangement.all = !top->arrangement.all;
        } else {
                return move(top, key);
        }
        return arrange(top);
}

static int press(struct top *top, int key)
{
        if (top->question) {
                return answer(top, key);
        }
        if (top->help && key != 'q') {
                top->help = false;
                return 0;
        }
        switch (key) {
        case 'q':
        case KEY_ESCAPE:
        case KEY_CONTROL('C'):
                event_exit(top->loop, 0);
                return 0;
        case KEY_CONTROL('Z'):
                return suspend(top);
        case 'h':
        case '?':
                top->help = true;
                return 0;
        case 's':
                return ask_to_stop(top);
        case 'l':
        case '\r':
                return show_logs(top);
        case ' ':
        case KEY_CONTROL('L'):
                return refresh(top);
        default:
                return arrange_by(top, key);
        }
}

static int on_keys(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct top *top = data;
        char bytes[256];
        ssize_t length = read(fd, bytes, sizeof bytes);
        size_t at = 0, size;
        int key, r = 0;

        if (length <= 0) {
                /* The terminal is gone. */
                end_by(top, SIGHUP);
                return 0;
        }
        while (r == 0 && (size = key_next(bytes + at, (size_t)length - at, &key)) > 0) {
                at += size;
                r = press(top, key);
        }
        return r == 0 && top->terminal.is_taken ? draw(top) : r;
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct top *top = data;

        switch (info->ssi_signo) {
        case SIGWINCH:
                return draw(top);
        case SIGCHLD:
                return collect_actions(top);
        case SIGTSTP:
                return suspend(top);
        case SIGCONT:
                return refresh(top);
        default:
                end_by(top, (int)info->ssi_signo);
                return 0;
        }
}

/* ---- the whole ---- */

static void choose_signals(sigset_t *signals)
{
        static const int numbers[] = { SIGWINCH, SIGCHLD, SIGTSTP, SIGCONT, SIGTERM, SIGINT,
                                       SIGHUP,   SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM };

        sigemptyset(signals);
        for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
                sigaddset(signals, numbers[i]);
        }
}

static int loop(struct top *top)
{
        sigset_t signals;
        int r = event_loop_new(&top->loop);

        choose_signals(&signals);
        if (r == 0 && sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
                r = -errno;
        }
        r = r < 0 ? r : terminal_take(&top->terminal);
        r = r < 0 ? r : event_add_signals(top->loop, &signals, on_signal, top, NULL);
        r = r < 0 ? r : event_add_timer(top->loop, on_timer, top, &top->timer);
        r = r < 0 ? r : event_add_fd(top->loop, top->terminal.input, EPOLLIN, on_keys, top, NULL);
        r = r < 0 ? r : refresh(top);
        r = r < 0 ? r : event_set_timer(top->timer, FIRST_INTERVAL);
        return r < 0 ? r : event_run(top->loop);
}

/* As if nothing had caught the signal. */
static void end_as_asked(int number)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, number);
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        (void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

int top_run(const struct cli *cli, const struct top_settings *settings, struct machine_error *error)
{
        struct top top = {
                .cli = cli,
                .settings = settings,
                .arrangement = settings->arrangement,
                .store = STATE_STORE_INIT,
                .terminal = { .input = STDIN_FILENO, .output = STDOUT_FILENO },
        };
        int r = cli_open_store(cli, &top.store, error), ended_by;

        for (size_t i = 0; i < ACTIONS_MAXIMUM; i++) {
                top.actions[i].output = -EBADF;
        }
        r = r < 0 ? r : loop(&top);
        ended_by = top.ended_by;
        clear(&top);
        if (ended_by) {
                end_as_asked(ended_by);
        }
        if (r == -ENOTTY) {
                error_say(error, r, "top fills the screen of a terminal, and there is none");
                error_hint(error, "\"machinectl-lite stats\" prints the same figures");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return r < 0 && !error_is_set(error) ? error_set(error, r, "top cannot go on") : r;
}
