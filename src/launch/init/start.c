/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "launch/init/message.h"

/* A hook as strings: path, time limit, number of arguments, these, number of variables, these. */

static int add_strings(char ***hooks, char *const *strings)
{
        int r = strv_take(hooks, string_format("%zu", strv_length(strings)));

        STRV_FOREACH(string, strings) {
                if (r == 0) {
                        r = strv_append(hooks, *string);
                }
        }
        return r;
}

int start_add_hook(char ***hooks, const struct hook *hook)
{
        int r = strv_append(hooks, hook->path);

        if (r == 0) {
                r = strv_take(hooks, string_format("%" PRIu64, hook->timeout));
        }
        if (r == 0) {
                r = add_strings(hooks, hook->arguments);
        }
        return r < 0 ? r : add_strings(hooks, hook->environment);
}

/* Takes a list from the strings; it ends with its count, so that it needs an array of its own. */
static char **take_strings(char *const **at)
{
        size_t count = (size_t)strtoul(*(*at)++, NULL, 10);
        char **list = calloc(count + 1, sizeof *list);

        for (size_t i = 0; list && i < count; i++) {
                list[i] = *(*at)++;
        }
        return list;
}

static int run_hooks(const struct init_plan *plan, struct machine_error *error)
{
        _cleanup_free_ char *state = NULL;
        int r = 0;

        if (!plan->hooks[0]) {
                return 0;
        }
        state = string_format("%s%d}", plan->start_state, getpid());
        for (char *const *at = plan->hooks; r == 0 && *at;) {
                _cleanup_free_ char **arguments = NULL, **environment = NULL;
                struct hook hook = { .path = *at++, .timeout = strtoull(*at++, NULL, 10) };

                arguments = take_strings(&at);
                environment = arguments ? take_strings(&at) : NULL;
                if (!state || !environment) {
                        return error_oom(error);
                }
                hook.arguments = arguments[0] ? arguments : NULL;
                hook.environment = environment;
                r = hook_run(&hook, state, error);
        }
        return r;
}

/* The creator's message means that its record is complete; without it nobody would find this
 * process again. */
void start_await_creator(void)
{
        struct message message;

        (void)prctl(PR_SET_PDEATHSIG, 0);
        (void)message_send(INIT_SOCKET_FD, MESSAGE_READY);
        if (message_receive(INIT_SOCKET_FD, &message) <= 0 || message.type != MESSAGE_PROCEED) {
                _exit(EXIT_FAILURE);
        }
}

int start_await(const struct init_plan *plan, struct machine_error *error)
{
        int starter;

        start_await_creator();
        do {
                starter = accept(INIT_MACHINE_FD, NULL, NULL);
        } while (starter < 0 && (errno == EINTR || errno == ECONNABORTED));
        if (starter < 0 || dup3(starter, INIT_SOCKET_FD, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot wait for the start of the container");
        }
        close(starter);
        close(INIT_MACHINE_FD);
        return run_hooks(plan, error);
}
