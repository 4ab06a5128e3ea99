/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * machinectl-lite-rules: runs the commands of nft(8) on its standard input as one transaction.
 * Their output, or with status 1 nft's error, goes to standard output. It is a separate executable
 * because libnftables and its dependencies are larger than everything else that a start loads.
 */

#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* A thousand ports take 100 KiB. */
#define COMMANDS_MAXIMUM (64 * 1024 * 1024)

static int run(struct nft_ctx *context, const char *commands)
{
        const char *reason;

        if (nft_run_cmd_from_buffer(context, commands) == 0) {
                fputs(nft_ctx_get_output_buffer(context), stdout);
                return EXIT_SUCCESS;
        }
        reason = nft_ctx_get_error_buffer(context);
        /* The first line is the reason, the others quote the commands. */
        printf("%.*s", reason ? (int)strcspn(reason, "\n") : 0, reason ? reason : "");
        return EXIT_FAILURE;
}

int main(void)
{
        _cleanup_free_ char *commands = NULL;
        struct nft_ctx *context;
        int status;

        if (file_read_fd(STDIN_FILENO, COMMANDS_MAXIMUM, &commands, NULL) < 0) {
                fputs("cannot read the commands", stdout);
                return EXIT_FAILURE;
        }
        context = nft_ctx_new(NFT_CTX_DEFAULT);
        if (!context || nft_ctx_buffer_output(context) != 0 || nft_ctx_buffer_error(context) != 0) {
                fputs("out of memory", stdout);
                return EXIT_FAILURE;
        }
        status = run(context, commands);
        nft_ctx_free(context);
        return status;
}
