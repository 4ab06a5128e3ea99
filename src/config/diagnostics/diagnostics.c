/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/diagnostics/diagnostics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A hostile file could cause millions, .. */
#define DEFINITION_MAXIMUM 1000
/* .. and a tree of them even more. */
#define FINDINGS_MAXIMUM 20000

static void place_clear(struct diagnostic_place *place)
{
        free(place->file);
        free(place->text);
}

void diagnostic_clear(struct diagnostic *finding)
{
        place_clear(&finding->place);
        place_clear(&finding->related);
        free(finding->message);
        free(finding->hint);
        free(finding->related_message);
        *finding = (struct diagnostic){ 0 };
}

void diagnostics_clear(struct diagnostics *diagnostics)
{
        for (size_t i = 0; i < diagnostics->count; i++) {
                diagnostic_clear(&diagnostics->items[i]);
        }
        free(diagnostics->items);
        *diagnostics = (struct diagnostics){ .strict = diagnostics->strict };
}

void diagnostics_begin(struct diagnostics *diagnostics)
{
        diagnostics->begun = diagnostics->count;
}

bool diagnostics_is_full(const struct diagnostics *diagnostics)
{
        return diagnostics->count >= FINDINGS_MAXIMUM ||
               diagnostics->count - diagnostics->begun >= DEFINITION_MAXIMUM;
}

int diagnostics_add(struct diagnostics *diagnostics, struct diagnostic *finding)
{
        struct diagnostic *grown;

        if (diagnostics->strict) {
                finding->severity = DIAGNOSTIC_ERROR;
        }
        if (finding->severity == DIAGNOSTIC_ERROR) {
                diagnostics->errors++;
        } else {
                diagnostics->warnings++;
        }
        if (diagnostics_is_full(diagnostics)) {
                diagnostic_clear(finding);
                return 0;
        }
        grown = reallocarray(diagnostics->items, diagnostics->count + 1, sizeof *grown);
        if (!grown || !finding->message || !finding->place.file) {
                diagnostics->items = grown ? grown : diagnostics->items;
                diagnostic_clear(finding);
                return -ENOMEM;
        }
        finding->sequence = diagnostics->count;
        grown[diagnostics->count++] = *finding;
        diagnostics->items = grown;
        *finding = (struct diagnostic){ 0 };
        return 0;
}

static int compare(const void *left, const void *right)
{
        const struct diagnostic *a = left, *b = right;
        int order = strcmp(a->place.file, b->place.file);

        if (order != 0) {
                return order;
        }
        if (a->place.line != b->place.line) {
                return a->place.line < b->place.line ? -1 : 1;
        }
        if (a->place.column != b->place.column) {
                return a->place.column < b->place.column ? -1 : 1;
        }
        return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

void diagnostics_sort(struct diagnostics *diagnostics)
{
        if (diagnostics->count > 0) {
                qsort(diagnostics->items, diagnostics->count, sizeof *diagnostics->items, compare);
        }
}
