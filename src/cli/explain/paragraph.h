/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CLI_EXPLAIN_PARAGRAPH_H
#define CLI_EXPLAIN_PARAGRAPH_H

/** Prints text in lines of at most 80 columns, behind a label that fills `indent` columns in the
 * first. Control characters are escaped. Prints nothing for NULL or "". */
void paragraph_print(const char *label, int indent, const char *text);

#endif
