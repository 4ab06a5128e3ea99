/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/paragraph.h"

#include <stdio.h>
#include <string.h>

#include "base/strings.h"

#define LINE_WIDTH 80

/* Characters, not bytes. */
static int width_of(const char *word, size_t length)
{
        int width = 0;

        for (size_t i = 0; i < length; i++) {
                width += ((unsigned char)word[i] & 0xc0) != 0x80;
        }
        return width;
}

void paragraph_print(const char *label, int indent, const char *text)
{
        _cleanup_free_ char *printable = text && *text ? string_printable(text) : NULL;
        int column = indent;

        if (!printable) {
                return;
        }
        printf("%-*s", indent, label);
        for (const char *word = printable; *word;) {
                size_t length = strcspn(word, " ");
                int width = width_of(word, length);

                if (column > indent && column + 1 + width > LINE_WIDTH) {
                        printf("\n%*s", indent, "");
                        column = indent;
                } else if (column > indent) {
                        putchar(' ');
                        column++;
                }
                printf("%.*s", (int)length, word);
                column += width;
                word += length;
                word += strspn(word, " ");
        }
        putchar('\n');
}
