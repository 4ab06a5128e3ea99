/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/events/observer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "state/event_log.h"
#include "state/health.h"

struct observer {
        const struct state_store *store;
        occurrence_handler handler;
        void *data;
        uint64_t since;
        uint64_t time; /* of the line that is read */
        struct event_stream stream;
        struct event_loop *loop; /* NULL until the log is followed */
        struct observation **observations;
        size_t count;
};

/* ---- what is known of machines ---- */

static void unwatch(struct observation *observation)
{
        event_remove(TAKE_PTR(observation->source));
        observation->watch = fd_close(observation->watch);
}

static void observation_free(struct observation *observation)
{
        unwatch(observation);
        machine_record_clear(&observation->record);
        free(observation->health);
        free(observation);
}

static struct observation **find(const struct observer *observer, const char *name)
{
        for (size_t i = 0; i < observer->count; i++) {
                if (strcmp(observer->observations[i]->record.name, name) == 0) {
                        return &observer->observations[i];
                }
        }
        return NULL;
}

/* Takes the record, even on failure. Returns NULL if out of memory. */
static struct observation *add(struct observer *observer, struct machine_record *record)
{
        size_t size = (observer->count + 1) * sizeof *observer->observations;
        struct observation **list = realloc(observer->observations, size);
        struct observation *observation = calloc(1, sizeof *observation);

        observer->observations = list ? list : observer->observations;
        if (!list || !observation) {
                machine_record_clear(record);
                free(observation);
                return NULL;
        }
        *observation = (struct observation){ .record = *record, .watch = -EBADF };
        *record = (struct machine_record){ 0 };
        list[observer->count++] = observation;
        return observation;
}

static void forget(struct observer *observer, struct observation **place)
{
        observation_free(*place);
        *place = observer->observations[--observer->count];
}

/* ---- lines of the log ---- */

static int report(const char *event, const struct observation *after, void *data)
{
        struct observer *observer = data;
        const struct occurrence occurrence = { event, observer->time, after };

        return observer->time < observer->since ? 0
                                                : observer->handler(&occurrence, observer->data);
}

static int watch_supervisor(struct observer *observer, struct observation *observation);

/* The first line of a machine whose earlier ones were dropped is no event, unless it begins one. */
static int take_new(struct observer *observer, struct machine_record *record)
{
        bool begins =
                record->state == MACHINE_STATE_CREATED || record->state == MACHINE_STATE_STARTING;
        struct observation *observation = add(observer, record);
        int r = observation ? 0 : -ENOMEM;

        if (r == 0 && begins) {
                r = change_report(NULL, observation, report, observer);
        }
        return r < 0 ? r : watch_supervisor(observer, observation);
}

static int take_record(struct observer *observer, const json_t *value)
{
        _cleanup_record_ struct machine_record record = { 0 }, before = { 0 };
        struct observation **known;
        int r = machine_record_take(value, EVENT_LOG, &record, NULL);

        if (r < 0) {
                return r == -EBADMSG ? 0 : r;
        }
        known = find(observer, record.name);
        if (!known) {
                return take_new(observer, &record);
        }
        before = (*known)->record;
        (*known)->record = record;
        record = (struct machine_record){ 0 };
        r = change_report(&before, *known, report, observer);
        return r < 0 ? r : watch_supervisor(observer, *known);
}

/* "starting" is what a check of health begins with. */
static int take_health(struct observer *observer, struct observation *observation,
                       const char *status)
{
        if (!status || string_equal(observation->health, status)) {
                return 0;
        }
        if (string_replace(&observation->health, status) < 0) {
                return -ENOMEM;
        }
        return strcmp(status, health_status_name(HEALTH_STATUS_STARTING)) == 0
                       ? 0
                       : report(observation->health, observation, observer);
}

static int take_line(struct observer *observer, const char *line)
{
        _cleanup_json_ json_t *object = json_parse(line, strlen(line), &(json_error_t){ 0 });
        const json_t *record = json_object_get(object, "record");
        const char *name = json_get_string(object, "name");
        struct observation **known = name ? find(observer, name) : NULL;
        int r;

        if (json_get_number(object, "time", &observer->time) < 0) {
                return 0;
        }
        if (record) {
                return take_record(observer, record);
        }
        if (!known) {
                return 0;
        }
        if (json_object_get(object, "health")) {
                return take_health(observer, *known,
                                   json_get_string(json_object_get(object, "health"), "status"));
        }
        r = report("delete", *known, observer);
        forget(observer, known);
        return r;
}

static int read_lines(struct observer *observer)
{
        char *line;
        int r;

        while ((r = event_stream_next(&observer->stream, &line)) > 0) {
                r = take_line(observer, line);
                if (r < 0) {
                        return r;
                }
        }
        return r;
}

/* ---- following ---- */

static int finish(struct observer *observer, int r)
{
        if (r < 0) {
                event_exit(observer->loop, r);
        }
        return 0;
}

/* A supervisor that was killed logs nothing. What one logs last may be read after its death. */
static int on_supervisor_died(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct observer *observer = data;
        _cleanup_record_ struct machine_record now = { 0 }, before = { 0 };
        _cleanup_free_ char *name = NULL;
        struct observation **known = NULL;
        int r = 0;

        for (size_t i = 0; !name && i < observer->count; i++) {
                if (observer->observations[i]->source == source) {
                        name = strdup(observer->observations[i]->record.name);
                        unwatch(observer->observations[i]);
                }
        }
        if (!name) {
                return finish(observer, -ENOMEM);
        }
        if (state_query(observer->store, name, &now, NULL) == 0) {
                r = read_lines(observer);
                known = find(observer, name);
        }
        if (r == 0 && known && machine_state_is_live((*known)->record.state) &&
            now.state == MACHINE_STATE_FAILED) {
                before = (*known)->record;
                (*known)->record = now;
                now = (struct machine_record){ 0 };
                observer->time = clock_realtime();
                r = change_report(&before, *known, report, observer);
        }
        return finish(observer, r);
}

static int watch_supervisor(struct observer *observer, struct observation *observation)
{
        if (!machine_state_is_live(observation->record.state)) {
                unwatch(observation);
                return 0;
        }
        if (!observer->loop || observation->watch >= 0) {
                return 0;
        }
        observation->watch = process_open(&observation->record.supervisor);
        /* It died between its last line and now: the next line about the machine tells. */
        return observation->watch < 0
                       ? 0
                       : event_add_fd(observer->loop, observation->watch, EPOLLIN,
                                      on_supervisor_died, observer, &observation->source);
}

static int on_logged(struct event_source *source, int fd, uint32_t events, void *data)
{
        struct observer *observer = data;

        event_stream_acknowledge(&observer->stream);
        return finish(observer, read_lines(observer));
}

static int on_signal(struct event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct observer *observer = data;

        event_exit(observer->loop, 0);
        return 0;
}

/* Machines that the log does not mention any more are as their records say. */
static int take_current(struct observer *observer, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = state_list(observer->store, &names, error);

        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                _cleanup_record_ struct machine_record record = { 0 };

                if (!find(observer, names[i]) &&
                    state_load(observer->store, names[i], &record, NULL) == 0 &&
                    !add(observer, &record)) {
                        r = error_oom(error);
                }
        }
        return r;
}

/* The error of a handler is its own. */
static int explain(const struct observer *observer, int r, struct machine_error *error)
{
        return r < 0 && r != -EPIPE
                       ? error_set(error, r, "cannot read the log of events, %s/" EVENT_LOG,
                                   observer->store->path)
                       : r;
}

int observer_new(const struct state_store *store, uint64_t since, occurrence_handler handler,
                 void *data, struct observer **ret, struct machine_error *error)
{
        _cleanup_observer_ struct observer *observer = calloc(1, sizeof *observer);
        int r;

        if (!observer) {
                return error_oom(error);
        }
        *observer = (struct observer){
                .store = store,
                .handler = handler,
                .data = data,
                .since = since,
                .stream = EVENT_STREAM_INIT,
        };
        r = event_stream_open(&observer->stream, store, error);
        if (r < 0) {
                return r;
        }
        r = explain(observer, read_lines(observer), error);
        if (r == 0) {
                r = take_current(observer, error);
        }
        if (r == 0) {
                *ret = TAKE_PTR(observer);
        }
        return r;
}

int observer_follow(struct observer *observer, struct machine_error *error)
{
        sigset_t signals;
        int r = event_loop_new(&observer->loop);

        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        if (r == 0) {
                r = event_add_signals(observer->loop, &signals, on_signal, observer, NULL);
        }
        if (r == 0) {
                r = event_add_fd(observer->loop, observer->stream.inotify, EPOLLIN, on_logged,
                                 observer, NULL);
        }
        for (size_t i = 0; r == 0 && i < observer->count; i++) {
                r = watch_supervisor(observer, observer->observations[i]);
        }
        if (r == 0) {
                r = read_lines(observer);
        }
        return explain(observer, r < 0 ? r : event_run(observer->loop), error);
}

void observer_free(struct observer *observer)
{
        if (!observer) {
                return;
        }
        for (size_t i = 0; i < observer->count; i++) {
                observation_free(observer->observations[i]);
        }
        free(observer->observations);
        event_stream_close(&observer->stream);
        event_loop_free(observer->loop);
        free(observer);
}
