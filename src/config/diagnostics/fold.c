/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/diagnostics/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

/* Of a kind, this many findings are shown .. */
#define KIND_MAXIMUM 10
/* .. and of one with more only these, which have different messages. */
#define KIND_EXAMPLES 3

/* A finding, to be sorted by its kind. */
struct member {
        const struct diagnostic *finding;
        size_t place; /* among the findings */
        char *pattern;
};

/* Whether a word says which object is meant, and not what is wrong. */
static bool is_object(const char *word, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (word[i] == '/' || (word[i] >= '0' && word[i] <= '9')) {
                        return true;
                }
        }
        return false;
}

/* The message without what is quoted, numbers and paths: equal for all findings of a kind. NULL
 * when memory is short. */
static char *pattern_of(const char *message)
{
        char *pattern = malloc(strlen(message) + 1);
        char *end = pattern;

        for (const char *s = message; pattern && *s;) {
                const char *quoted = *s == '"' ? strchr(s + 1, '"') : NULL;
                size_t length = strcspn(s, " \"");

                if (quoted) {
                        *end++ = '"';
                        s = quoted + 1;
                        continue;
                }
                length += length == 0;
                if (!is_object(s, length)) {
                        end = mempcpy(end, s, length);
                }
                s += length;
        }
        if (pattern) {
                *end = '\0';
        }
        return pattern;
}

static int compare(const void *left, const void *right)
{
        const struct member *a = left, *b = right;
        int order = (int)a->finding->severity - (int)b->finding->severity;

        order = order != 0 ? order : strcmp(a->pattern, b->pattern);
        return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static bool is_same_kind(const struct member *a, const struct member *b)
{
        return a->finding->severity == b->finding->severity && strcmp(a->pattern, b->pattern) == 0;
}

/* Whether a member is the first with its message, and one more example is wanted. */
static bool is_example(const struct member *member, const struct member *const *examples,
                       size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(examples[i]->finding->message, member->finding->message) == 0) {
                        return false;
                }
        }
        return count < KIND_EXAMPLES;
}

/* Whether a member is in another file than the one before it and than all examples. */
static bool is_in_new_file(const struct member *member, const struct member *const *examples,
                           size_t count)
{
        const char *file = member->finding->place.file;

        for (size_t i = 0; i < count; i++) {
                if (strcmp(examples[i]->finding->place.file, file) == 0) {
                        return false;
                }
        }
        return strcmp(member[-1].finding->place.file, file) != 0;
}

static void fold_kind(const struct member *members, size_t count, struct diagnostic_repeats *places)
{
        const struct member *examples[KIND_EXAMPLES] = { members };
        size_t example_count = 1;
        struct diagnostic_repeats *told;

        for (size_t i = 1; i < count; i++) {
                if (is_example(&members[i], examples, example_count)) {
                        examples[example_count++] = &members[i];
                } else {
                        places[members[i].place].hidden = true;
                }
        }
        told = &places[examples[example_count - 1]->place];
        told->count = count - example_count;
        for (size_t i = 1; i < count; i++) {
                told->files += is_in_new_file(&members[i], examples, example_count);
        }
}

static void fold(const struct member *members, size_t count, struct diagnostic_repeats *places)
{
        for (size_t first = 0, end; first < count; first = end) {
                end = first + 1;
                while (end < count && is_same_kind(&members[first], &members[end])) {
                        end++;
                }
                if (end - first > KIND_MAXIMUM) {
                        fold_kind(&members[first], end - first, places);
                }
        }
}

/* The findings sorted by kind, within a kind as they are. */
static int sort_by_kind(const struct diagnostics *diagnostics, struct member *members)
{
        for (size_t i = 0; i < diagnostics->count; i++) {
                const struct diagnostic *finding = &diagnostics->items[i];

                members[i] = (struct member){ finding, i, pattern_of(finding->message) };
                if (!members[i].pattern) {
                        return -ENOMEM;
                }
        }
        qsort(members, diagnostics->count, sizeof *members, compare);
        return 0;
}

int diagnostics_fold(const struct diagnostics *diagnostics, struct diagnostic_repeats **ret)
{
        size_t count = diagnostics->count;
        _cleanup_free_ struct diagnostic_repeats *places = calloc(count + 1, sizeof *places);
        _cleanup_free_ struct member *members = calloc(count + 1, sizeof *members);
        int r = places && members ? sort_by_kind(diagnostics, members) : -ENOMEM;

        if (r == 0) {
                fold(members, count, places);
                *ret = TAKE_PTR(places);
        }
        for (size_t i = 0; members && i < count; i++) {
                free(members[i].pattern);
        }
        return r;
}
