/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/common/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/json.h"
#include "base/log.h"
#include "base/quantity.h"
#include "base/strings.h"

#define REDRAW_EVERY (100 * USEC_PER_MSEC)
#define BAR_WIDTH    24

void progress_clear(struct progress *progress)
{
        for (size_t i = 0; i < progress->count; i++) {
                free(progress->items[i].label);
        }
        free(progress->items);
        *progress = (struct progress){ .mode = progress->mode };
}

int progress_add(struct progress *progress, const char *label, uint64_t total)
{
        struct progress_item *items =
                reallocarray(progress->items, progress->count + 1, sizeof *items);
        char *copy = strdup(label);

        if (items) {
                progress->items = items;
        }
        if (!items || !copy) {
                free(copy);
                return -ENOMEM;
        }
        items[progress->count] =
                (struct progress_item){ .label = copy, .state = "waiting", .total = total };
        return (int)progress->count++;
}

/* Bytes per second since the first byte of this process. */
static uint64_t rate_of(const struct progress_item *item, uint64_t now)
{
        uint64_t elapsed = item->started && now > item->started ? now - item->started : 0;

        return elapsed > 200 * USEC_PER_MSEC
                       ? (uint64_t)((double)(item->done - item->first) * 1e6 / (double)elapsed)
                       : 0;
}

static void draw_item(const struct progress_item *item, uint64_t now)
{
        char done[16], total[16], rate_text[16], left[32] = "";
        uint64_t rate = rate_of(item, now);
        unsigned int filled = item->total > 0 && item->done <= item->total
                                      ? (unsigned int)(item->done * BAR_WIDTH / item->total)
                                      : BAR_WIDTH;

        quantity_format_size(item->done, done);
        quantity_format_size(item->total, total);
        quantity_format_size(rate, rate_text);
        if (rate > 0 && item->total > item->done) {
                char time[32];

                quantity_format_time((item->total - item->done) * USEC_PER_SEC / rate, time);
                (void)snprintf(left, sizeof left, " %.20s left", time);
        }
        (void)fprintf(stderr, "%-19.19s [%.*s%*s] %7s / %-7s %-9s", item->label, (int)filled,
                      "########################", (int)(BAR_WIDTH - filled), "", done, total,
                      item->state);
        if (rate > 0 && strcmp(item->state, "fetching") == 0) {
                (void)fprintf(stderr, " %s/s%s", rate_text, left);
        }
        (void)fputs("\033[K\n", stderr);
}

/* Only the last bars are drawn: the cursor cannot return to lines above the window. */
static size_t visible_lines(const struct progress *progress)
{
        struct winsize size = { 0 };
        size_t room = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2
                              ? (size_t)size.ws_row - 1
                              : 20;

        return progress->count < room ? progress->count : room;
}

static bool is_active(const struct progress_item *item)
{
        return strcmp(item->state, "fetching") == 0 || strcmp(item->state, "unpacking") == 0;
}

static void draw(struct progress *progress, bool force)
{
        uint64_t now = log_now();
        size_t lines = visible_lines(progress), first = 0;

        if (progress->mode != PROGRESS_BARS || (!force && now - progress->last < REDRAW_EVERY)) {
                return;
        }
        progress->last = now;
        if (progress->drawn > 0) {
                (void)fprintf(stderr, "\033[%zuA\r", progress->drawn);
        }
        while (first + lines < progress->count && !is_active(&progress->items[first])) {
                first++;
        }
        for (size_t i = 0; i < lines; i++) {
                draw_item(&progress->items[first + i], now);
        }
        progress->drawn = lines;
        (void)fflush(stderr);
}

static void event(const char *name, const struct progress_item *item)
{
        _cleanup_json_ json_t *object = json_pack(
                "{s:s,s:s,s:s,s:I,s:I}", "event", name, "digest", item->label, "state", item->state,
                "bytes", (json_int_t)item->done, "total", (json_int_t)item->total);

        if (object) {
                (void)json_dumpf(object, stdout, JSON_COMPACT);
                (void)fputs("\n", stdout);
                (void)fflush(stdout);
        }
}

void progress_state(struct progress *progress, int item, const char *state)
{
        struct progress_item *place;

        if (item < 0 || progress->mode == PROGRESS_NONE || progress->items[item].state == state) {
                return;
        }
        place = &progress->items[item];
        place->state = state;
        if (strcmp(state, "done") == 0 || strcmp(state, "present") == 0) {
                place->done = place->total;
        }
        if (progress->mode == PROGRESS_LINES) {
                char size[16];

                quantity_format_size(place->total, size);
                (void)fprintf(stderr, "%.19s: %s (%s)\n", place->label, state, size);
        } else if (progress->mode == PROGRESS_JSON) {
                event("layer", place);
        } else {
                draw(progress, true);
        }
}

void progress_bytes(struct progress *progress, int item, uint64_t done)
{
        struct progress_item *place;
        uint64_t now;

        if (item < 0 || progress->mode == PROGRESS_NONE) {
                return;
        }
        place = &progress->items[item];
        now = log_now();
        if (!place->started) {
                place->started = now;
                place->first = done;
        }
        place->done = done;
        if (progress->mode == PROGRESS_JSON && now - progress->last >= REDRAW_EVERY) {
                progress->last = now;
                event("progress", place);
        }
        draw(progress, false);
}

void progress_note(struct progress *progress, const char *format, ...)
{
        _cleanup_free_ char *text = STRING_OF_ARGUMENTS(format);

        if (!text || progress->mode == PROGRESS_NONE) {
                return;
        }
        if (progress->mode == PROGRESS_JSON) {
                _cleanup_json_ json_t *object =
                        json_pack("{s:s,s:s}", "event", "note", "text", text);

                if (object) {
                        (void)json_dumpf(object, stdout, JSON_COMPACT);
                        (void)fputs("\n", stdout);
                }
                return;
        }
        (void)fprintf(stderr, "%s%s\n", text, progress->mode == PROGRESS_BARS ? "\033[K" : "");
        progress->drawn = 0;
}
