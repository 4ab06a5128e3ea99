/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/screen/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

/* Control sequences that every terminal of today has (ECMA-48, xterm): another screen, without a
 * cursor. */
#define TAKE    "\033[?1049h\033[?25l"
#define RELEASE "\033[?25h\033[?1049l"

static bool is_capable(void)
{
        const char *kind = getenv("TERM");

        return kind && *kind && strcmp(kind, "dumb") != 0;
}

int terminal_take(struct terminal *terminal)
{
        struct termios modes;

        if (!isatty(terminal->input) || !isatty(terminal->output) || !is_capable() ||
            tcgetattr(terminal->input, &terminal->before) < 0) {
                return -ENOTTY;
        }
        modes = terminal->before;
        modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
        modes.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
        modes.c_cc[VMIN] = 1;
        modes.c_cc[VTIME] = 0;
        if (tcsetattr(terminal->input, TCSADRAIN, &modes) < 0) {
                return -ENOTTY;
        }
        terminal->is_taken = true;
        return file_write_all(terminal->output, TAKE, strlen(TAKE));
}

void terminal_release(struct terminal *terminal)
{
        if (!terminal->is_taken) {
                return;
        }
        terminal->is_taken = false;
        (void)file_write_all(terminal->output, RELEASE, strlen(RELEASE));
        (void)tcsetattr(terminal->input, TCSADRAIN, &terminal->before);
}

void terminal_size(const struct terminal *terminal, size_t *ret_rows, size_t *ret_columns)
{
        struct winsize size;
        bool known = ioctl(terminal->output, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
                     size.ws_col > 0;

        *ret_rows = known ? size.ws_row : 24;
        *ret_columns = known ? size.ws_col : 80;
}

/* Each line clears what the one before left behind it, so that nothing flickers. The last one does
 * not end: the screen would scroll. */
int terminal_show(const struct terminal *terminal, const char *frame)
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0, rows, columns;
        FILE *out = open_memstream(&text, &length);

        if (!out) {
                return -ENOMEM;
        }
        terminal_size(terminal, &rows, &columns);
        fputs("\033[H", out);
        for (const char *c = frame; *c && rows > 0; c++) {
                if (*c == '\n') {
                        rows--;
                        fputs(c[1] && rows > 0 ? "\033[K\n" : "\033[K", out);
                } else {
                        fputc(*c, out);
                }
        }
        fputs("\033[J", out);
        if (fclose(out) != 0) {
                return -ENOMEM;
        }
        return file_write_all(terminal->output, text, length);
}
