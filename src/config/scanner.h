/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_SCANNER_H
#define CONFIG_SCANNER_H

#include "config/source.h"

/**
 * Looks over the raw text of a definition before libconfig reads it, for three reasons: libconfig
 * tells a line and no column; its versions read some texts differently and swallow others silently
 * (a number past 32 bits, a leading zero, an unterminated comment, \x00); and its parser has no
 * bounds. What passes is understood alike by every libconfig from 1.5 on.
 */

/** How deep groups, lists and arrays may be nested. */
#define CONFIG_DEPTH_MAXIMUM 32

enum config_mark_kind {
        CONFIG_MARK_KEY,
        CONFIG_MARK_VALUE, /* a scalar, or a group, list or array before its content */
        CONFIG_MARK_INCLUDE,
};

/** Where something stands, in the order of the text: the order in which libconfig's tree is walked.
 */
struct config_mark {
        enum config_mark_kind kind;
        bool bad;                  /* reported already: not worth a second finding */
        struct config_place place; /* of an include: its path, without the quotes */
        size_t previous;           /* of a key: index + 1 of the key before it in its group */
};

struct config_scan {
        char *text; /* what libconfig may read: without comments, includes and what is refused */
        struct config_mark *marks;
        size_t count;
};

/**
 * Scans a source. What can be skipped (a repeated key, a number too large) is reported and blanked,
 * so that the rest is checked in the same run; a syntax error ends it. Returns 0 (diagnostics may
 * hold errors all the same), -EINVAL after a syntax error or -ENOMEM. The caller frees what ret
 * holds with config_scan_clear().
 */
int config_scan(const struct config_source *source, struct diagnostics *diagnostics,
                struct config_scan *ret);

/** Frees what a scan holds. */
void config_scan_clear(struct config_scan *scan);

#endif
