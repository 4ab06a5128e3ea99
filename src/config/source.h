/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/diagnostics.h"

/** No definition is longer: whoever needs more has generated it by mistake. */
#define CONFIG_SOURCE_MAXIMUM (1024 * 1024)

/** One text that says something about a machine: a file, standard input or an option. */
struct config_source {
        char *name;      /* as shown in messages */
        char *directory; /* absolute; relative paths of the text start here */
        char *text;
        size_t length;
        uint64_t device; /* of a file, to notice a file that includes itself; else 0 */
        uint64_t inode;
};

/** A stretch of a source. */
struct config_place {
        const struct config_source *source; /* NULL: nowhere */
        uint32_t line;                      /* from 1; 0: the source as a whole */
        uint32_t line_start;                /* byte offset of the line */
        uint32_t offset;                    /* byte offset of the stretch */
        uint32_t length;                    /* bytes */
};

/**
 * Reads a file; name is how messages call it. A file that was `named` on the command line may be a
 * pipe, else it is a regular one. 0 or -errno, with the error filled.
 */
int config_source_open(const char *path, const char *name, bool named, struct config_source **ret,
                       struct machine_error *error);

/** Reads standard input to its end. 0 or -errno, with the error filled. */
int config_source_read_input(struct config_source **ret, struct machine_error *error);

/** A source of text that is at hand (copied); relative paths start at the working directory. NULL
 * when memory is short. */
struct config_source *config_source_new(const char *name, const char *text);

/** Makes an absolute path plain in place: "//", "/./" and a slash at the end go. ".." stays: what
 * it means depends on links. */
void config_tidy_path(char *path);

/** Frees a source. NULL is allowed. */
void config_source_free(struct config_source *source);

DEFINE_CLEANUP(struct config_source *, config_source_free, cleanup_config_source)
#define _cleanup_config_source_ _cleanup_(cleanup_config_source)

/**
 * Adds a finding about a place. hint and related may be NULL. Returns 0 or -ENOMEM.
 */
int config_report(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                  const struct config_place *place, char *message, char *hint);

/** The same with a second place, of which related_message tells why it matters. */
int config_report_related(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                          const struct config_place *place, char *message,
                          const struct config_place *related, const char *related_message);

#endif
