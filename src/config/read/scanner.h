/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_READ_SCANNER_H
#define CONFIG_READ_SCANNER_H

#include "config/read/source.h"

/**
 * Scans the text of a definition before libconfig parses it, for three reasons: libconfig reports
 * lines but no columns; its versions parse some texts differently and silently accept others (a
 * number of more than 32 bits, a leading zero, an unterminated comment, \x00); and its parser has
 * no limits. Text that passes is parsed alike by every libconfig since 1.5.
 */

/** The maximum nesting depth of groups, lists and arrays. */
#define CONFIG_DEPTH_MAXIMUM 32

enum config_mark_kind {
        CONFIG_MARK_KEY,
        CONFIG_MARK_VALUE, /* a scalar, or a group, list or array before its content */
        CONFIG_MARK_INCLUDE,
};

/** The place of a key or value, in the order of the text, which is the order of libconfig's tree.
 */
struct config_mark {
        enum config_mark_kind kind;
        bool bad;                  /* already reported */
        struct config_place place; /* of an include: its path, without the quotes */
        size_t previous;           /* of a key: index + 1 of the key before it in its group */
};

struct config_scan {
        char *text; /* the text for libconfig, without comments, includes and refused parts */
        struct config_mark *marks;
        size_t count;
};

/**
 * Scans a source. Errors that can be skipped (a duplicate key, a number too large) are reported and
 * blanked, so that the rest is checked in the same run; a syntax error ends the scan. Returns 0
 * (even if diagnostics holds such errors), -EINVAL after a syntax error, or -ENOMEM. The caller
 * frees the contents of ret with config_scan_clear().
 */
int config_scan(const struct config_source *source, struct diagnostics *diagnostics,
                struct config_scan *ret);

/** Frees the contents of a scan. */
void config_scan_clear(struct config_scan *scan);

#endif
