/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests and answers, with the numbers of CRIU's rpc.proto. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "criu/session.h"

enum request_field {
        REQUEST_TYPE = 1,
        REQUEST_OPTIONS = 2,
        REQUEST_NOTIFY_SUCCESS = 3,
};

#define TYPE_NOTIFY 6

enum option {
        OPTION_IMAGES_FD = 1,
        OPTION_PID = 2,
        OPTION_LEAVE_RUNNING = 3,
        OPTION_EXTERNAL_SOCKETS = 4,
        OPTION_TCP_ESTABLISHED = 5,
        OPTION_FILE_LOCKS = 8,
        OPTION_LOG_LEVEL = 9,
        OPTION_LOG_FILE = 10,
        OPTION_NOTIFY = 12,
        OPTION_ROOT = 13,
        OPTION_LINK_REMAP = 18,
        OPTION_SIBLING = 26,
        OPTION_INHERIT = 27,
        OPTION_GROUPS = 34,
        OPTION_GHOST_LIMIT = 35,
        OPTION_EXTERNAL = 37,
        OPTION_EMPTY = 38,
        OPTION_FREEZE = 44,
        OPTION_TCP_CLOSE = 52,
        OPTION_NETWORK_LOCK = 64,
        OPTION_LEAVE_STOPPED = 69,
};

/* Groups are the caller's to make. */
#define GROUPS_IGNORED 0
/* By the library, which needs no program; without connections nothing has to be locked. */
#define LOCK_NFTABLES 2
#define LOCK_SKIPPED  3

#define GHOST_LIMIT (64 << 20) /* of a file that was removed and is still open */

#define LOG_LEVEL 4

#define LOG_MAXIMUM (64U << 20)

enum response_field {
        RESPONSE_SUCCESS = 2,
        RESPONSE_RESTORE = 4,
        RESPONSE_NOTIFY = 5,
        RESPONSE_ERRNO = 7,
        RESPONSE_MESSAGE = 9,
};

/* ---- the request ---- */

static void add_inherited(struct wire *options, const struct criu_start *start)
{
        for (int i = 0; i < CRIU_INHERITED_MAXIMUM && start->inherited[i].key; i++) {
                struct wire inherited = { 0 };

                wire_add_string(&inherited, 1, start->inherited[i].key);
                wire_add_number(&inherited, 2, CRIU_INHERITED_FIRST + i);
                wire_add_message(options, OPTION_INHERIT, &inherited);
                wire_clear(&inherited);
        }
}

static void fill_for_action(struct wire *options, const struct criu_request *request)
{
        if (request->action == CRIU_DUMP) {
                wire_add_number(options, OPTION_PID, request->pid);
                wire_add_number(
                        options,
                        request->leave_running ? OPTION_LEAVE_RUNNING : OPTION_LEAVE_STOPPED, 1);
                wire_add_number(options, OPTION_LINK_REMAP, 1);
                wire_add_number(options, OPTION_GHOST_LIMIT, GHOST_LIMIT);
                if (request->freeze) {
                        wire_add_string(options, OPTION_FREEZE, request->freeze);
                }
        } else {
                wire_add_string(options, OPTION_ROOT, request->root);
                /* The restored process is the caller's child. */
                wire_add_number(options, OPTION_SIBLING, 1);
        }
}

/* CRIU opens the directory of images among the descriptors of this process. */
static void fill_options(struct wire *options, const struct criu_request *request,
                         const struct criu_start *start, int images)
{
        const struct {
                enum option option;
                bool wanted;
        } flags[] = {
                { OPTION_EXTERNAL_SOCKETS, request->external_sockets },
                { OPTION_TCP_ESTABLISHED, request->tcp_established },
                { OPTION_FILE_LOCKS, request->file_locks },
                { OPTION_TCP_CLOSE, request->tcp_close },
                { OPTION_NOTIFY, true },
        };

        wire_add_number(options, OPTION_IMAGES_FD, images);
        wire_add_number(options, OPTION_LOG_LEVEL, LOG_LEVEL);
        wire_add_string(options, OPTION_LOG_FILE, request->log);
        wire_add_number(options, OPTION_GROUPS, GROUPS_IGNORED);
        wire_add_number(options, OPTION_NETWORK_LOCK,
                        request->tcp_established ? LOCK_NFTABLES : LOCK_SKIPPED);
        if (request->empty_network) {
                wire_add_number(options, OPTION_EMPTY, CLONE_NEWNET);
        }
        for (size_t i = 0; i < ELEMENTS_OF(flags); i++) {
                if (flags[i].wanted) {
                        wire_add_number(options, flags[i].option, 1);
                }
        }
        STRV_FOREACH(external, request->external) {
                wire_add_string(options, OPTION_EXTERNAL, *external);
        }
        add_inherited(options, start);
        fill_for_action(options, request);
}

/* ---- the answer ---- */

/* The first error in its log: later ones are of what followed from it. */
static char *find_reason(const struct criu_request *request)
{
        _cleanup_free_ char *path = string_format("%s/%s", request->images, request->log);
        _cleanup_free_ char *text = NULL;
        const char *at, *reason = NULL;

        if (!path || file_read(AT_FDCWD, path, LOG_MAXIMUM, &text, NULL) < 0) {
                return NULL;
        }
        for (at = text; (at = strstr(at, " Error (criu/")); at++) {
                const char *colon = strstr(at, "): ");
                size_t length = colon ? strcspn(colon, "\n") : 0;

                /* Of a limit that it only tries to raise. */
                if (length > 3 && !memmem(colon, length, "rlimit: ", 8)) {
                        reason = colon + 3;
                        break;
                }
        }
        return reason ? strndup(reason, strcspn(reason, "\n")) : NULL;
}

/* What users can do about messages that they are likely to meet. */
static void give_hint(const char *reason, struct machine_error *error)
{
        static const struct {
                const char *part, *hint;
        } hints[] = {
                { "opt: Operation not supported",
                  "on Linux 6.16 and later CRIU writes sockets down from version 4.2 on" },
                { "Connected TCP socket",
                  "--tcp-established keeps connections, --tcp-close closes them" },
                { "file lock", "--file-locks keeps locks on files" },
                { "No mapping for", "the machine has mounted something that a start does not" },
                { "External socket is used",
                  "--ext-unix keeps sockets whose peers are outside the machine" },
        };

        for (size_t i = 0; reason && i < ELEMENTS_OF(hints); i++) {
                if (strstr(reason, hints[i].part)) {
                        error_hint(error, "%s", hints[i].hint);
                }
        }
}

static int failed(const struct criu_request *request, struct wire_reader response,
                  struct machine_error *error)
{
        _cleanup_free_ char *reason = find_reason(request);
        _cleanup_free_ char *shown = reason ? string_printable(reason) : NULL;
        struct wire_field number, message;
        const char *what = request->action == CRIU_DUMP ? "write the processes to files"
                                                        : "make the processes from their files";
        int r = EIO;

        if (wire_find(response, RESPONSE_ERRNO, &number) > 0 && number.value > 0 &&
            number.value < 4096) {
                r = (int)number.value;
        }
        if (!shown && wire_find(response, RESPONSE_MESSAGE, &message) > 0) {
                shown = string_format("%.*s", (int)(message.nested.end - message.nested.at),
                                      message.nested.at);
        }
        r = shown ? error_say(error, r, "CRIU could not %s: %s", what, shown)
                  : error_set(error, r, "CRIU could not %s", what);
        give_hint(shown, error);
        return r;
}

static int read_answer(const struct criu_request *request, struct wire_reader response,
                       struct criu_answer *ret, struct machine_error *error)
{
        struct wire_field success, notify, field;
        int r = wire_find(response, RESPONSE_SUCCESS, &success);

        *ret = (struct criu_answer){ 0 };
        if (r <= 0) {
                return error_say(error, EBADMSG, "CRIU sent a message that is none");
        }
        if (!success.value) {
                return failed(request, response, error);
        }
        if (wire_find(response, RESPONSE_NOTIFY, &notify) > 0) {
                if (wire_find(notify.nested, 1, &field) > 0) {
                        (void)snprintf(ret->point, sizeof ret->point, "%.*s",
                                       (int)(field.nested.end - field.nested.at), field.nested.at);
                }
                if (wire_find(notify.nested, 2, &field) > 0) {
                        ret->pid = (pid_t)field.value;
                }
                return 0;
        }
        ret->finished = true;
        if (wire_find(response, RESPONSE_RESTORE, &notify) > 0 &&
            wire_find(notify.nested, 1, &field) > 0) {
                ret->pid = (pid_t)field.value;
        }
        return 0;
}

static int converse(struct criu *criu, const struct criu_request *request, struct wire *message,
                    struct criu_answer *ret, struct machine_error *error)
{
        _cleanup_free_ uint8_t *buffer = malloc(CRIU_MESSAGE_MAXIMUM);
        struct wire_reader response;
        int r = buffer ? criu_send(criu, message, error) : error_oom(error);

        r = r < 0 ? r : criu_receive(criu, buffer, &response, error);
        return r < 0 ? r : read_answer(request, response, ret, error);
}

int criu_ask(struct criu *criu, const struct criu_start *start, const struct criu_request *request,
             struct criu_answer *ret, struct machine_error *error)
{
        _cleanup_close_ int images =
                open(request->images, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct wire options = { 0 }, message = { 0 };
        int r;

        if (images < 0) {
                return error_set(error, errno, "cannot open %s", request->images);
        }
        fill_options(&options, request, start, images);
        wire_add_number(&message, REQUEST_TYPE, request->action);
        wire_add_message(&message, REQUEST_OPTIONS, &options);
        r = converse(criu, request, &message, ret, error);
        wire_clear(&options);
        wire_clear(&message);
        return r;
}

int criu_proceed(struct criu *criu, const struct criu_request *request, bool success,
                 struct criu_answer *ret, struct machine_error *error)
{
        struct wire message = { 0 };
        int r;

        wire_add_number(&message, REQUEST_TYPE, TYPE_NOTIFY);
        wire_add_number(&message, REQUEST_NOTIFY_SUCCESS, success);
        r = converse(criu, request, &message, ret, error);
        wire_clear(&message);
        return r;
}
