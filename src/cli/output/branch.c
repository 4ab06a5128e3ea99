/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output/branch.h"

#include <stdio.h>

#include "cli/output/bar.h"

enum piece {
        PIECE_LINE,
        PIECE_SPACE,
        PIECE_NODE,
        PIECE_LAST,
};

static const char *const pieces[][2] = {
        [PIECE_LINE] = { "| ", "│ " },
        [PIECE_SPACE] = { "  ", "  " },
        [PIECE_NODE] = { "|-", "├─" },
        [PIECE_LAST] = { "`-", "└─" },
};

struct branch branch_root(void)
{
        return (struct branch){ .utf8 = bar_terminal_is_utf8() };
}

static void put(const struct branch *branch, enum piece piece)
{
        fputs(pieces[piece][branch->utf8], stdout);
}

static void print_lines(const struct branch *branch)
{
        for (unsigned int i = 0; i < branch->depth; i++) {
                put(branch, branch->ended[i] ? PIECE_SPACE : PIECE_LINE);
        }
}

void branch_print(const struct branch *branch, bool last)
{
        print_lines(branch);
        put(branch, last ? PIECE_LAST : PIECE_NODE);
}

void branch_print_blank(const struct branch *branch, bool more)
{
        print_lines(branch);
        put(branch, more ? PIECE_LINE : PIECE_SPACE);
}

struct branch branch_below(const struct branch *branch, bool last)
{
        struct branch below = *branch;

        if (below.depth < BRANCH_DEPTH) {
                below.ended[below.depth++] = last;
        }
        return below;
}
