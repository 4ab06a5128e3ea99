/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_DIAGNOSTICS_DIAGNOSTICS_H
#define CONFIG_DIAGNOSTICS_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/cleanup.h"

/**
 * Errors and warnings about definitions with their places. All findings of a run are collected,
 * sorted and shown together.
 */

enum diagnostic_severity {
        DIAGNOSTIC_ERROR,
        DIAGNOSTIC_WARNING,
};

/** A place in a definition. Lines and columns count from 1; line 0: the file as a whole. */
struct diagnostic_place {
        char *file;
        unsigned int line;
        unsigned int column; /* in characters, not bytes; 0: the line as a whole */
        unsigned int length; /* characters to mark */
        char *text; /* the line itself, or the part around the place of a long one; or NULL */
        unsigned int text_column; /* where the marks begin in text, from 1 */
};

struct diagnostic {
        enum diagnostic_severity severity;
        struct diagnostic_place place;
        char *message;
        char *hint;                      /* shown next to the marks, or NULL */
        struct diagnostic_place related; /* a second place, if related_message is not NULL */
        char *related_message;
        size_t sequence; /* in which it was added; set by diagnostics_add() */
};

struct diagnostics {
        struct diagnostic *items;
        size_t count;
        size_t errors;
        size_t warnings;
        size_t begun; /* findings before the present definition */
        bool strict;  /* warnings are errors; set by the caller before loading */
};

/** Frees the findings and makes the collection empty again; `strict` stays. */
void diagnostics_clear(struct diagnostics *diagnostics);
#define _cleanup_diagnostics_ _cleanup_(diagnostics_clear)

/** Begins a definition, or a comparison of several: what is kept of its findings is bounded. */
void diagnostics_begin(struct diagnostics *diagnostics);

/**
 * Adds a finding and takes ownership of all its strings, even on failure. The number of findings
 * kept is bounded, so that hostile files cannot exhaust memory; `errors` counts all. 0 or -ENOMEM
 * (also for a NULL message or file).
 */
int diagnostics_add(struct diagnostics *diagnostics, struct diagnostic *finding);

/** Whether no more findings of the present definition are kept, so that callers can skip expensive
 * ones. */
bool diagnostics_is_full(const struct diagnostics *diagnostics);

/** Frees the strings of a finding. */
void diagnostic_clear(struct diagnostic *finding);

/** Sorts by file, line and column; findings at the same place keep their order. */
void diagnostics_sort(struct diagnostics *diagnostics);

/**
 * All findings as text, sorted: place and message, the line with the place marked, and a hint.
 * Of findings that repeat (diagnostics_fold()) only the first are shown, with the number of the
 * others. Control characters of the definition are escaped. NULL when memory is short, "" without
 * findings; the caller frees it.
 */
char *diagnostics_format(struct diagnostics *diagnostics, bool colour);

/**
 * All findings, sorted, as an array of objects: severity, file, line, column, length, message,
 * hint, related {file, line, column, message}. NULL when memory is short.
 */
json_t *diagnostics_json(struct diagnostics *diagnostics);

#endif
