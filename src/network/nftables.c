/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/nftables.h"

#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "base/library.h"
#include "base/strings.h"

#define LIBRARY "libnftables.so.1"

struct nftables {
        struct nft_ctx *context;
        __typeof__(nft_ctx_new) *context_new;
        __typeof__(nft_ctx_free) *context_free;
        __typeof__(nft_ctx_buffer_output) *buffer_output;
        __typeof__(nft_ctx_buffer_error) *buffer_error;
        __typeof__(nft_ctx_get_error_buffer) *error_text;
        __typeof__(nft_run_cmd_from_buffer) *run;
};

static const struct library_function functions[] = {
        { "nft_ctx_new", offsetof(struct nftables, context_new) },
        { "nft_ctx_free", offsetof(struct nftables, context_free) },
        { "nft_ctx_buffer_output", offsetof(struct nftables, buffer_output) },
        { "nft_ctx_buffer_error", offsetof(struct nftables, buffer_error) },
        { "nft_ctx_get_error_buffer", offsetof(struct nftables, error_text) },
        { "nft_run_cmd_from_buffer", offsetof(struct nftables, run) },
};

void nftables_close(struct nftables *nftables)
{
        if (!nftables) {
                return;
        }
        if (nftables->context) {
                nftables->context_free(nftables->context);
        }
        free(nftables);
}

/* libnftables waits with select(2), which writes beyond its set for a descriptor of FD_SETSIZE or
 * more. Its socket gets the lowest free number. */
static int check_descriptors(struct machine_error *error)
{
        _cleanup_close_ int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (probe < 0) {
                return error_set(error, errno, "cannot open /dev/null");
        }
        if (probe >= FD_SETSIZE - 1) {
                return error_say(error, EMFILE,
                                 "cannot use %s: more than %d files are open in this process",
                                 LIBRARY, FD_SETSIZE);
        }
        return 0;
}

int nftables_open(struct nftables **ret, struct machine_error *error)
{
        _cleanup_nftables_ struct nftables *nftables = calloc(1, sizeof(*nftables));
        int r;

        if (!nftables) {
                return error_oom(error);
        }
        r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), nftables, error);
        if (r < 0) {
                error_prefix(error, "cannot set up firewall rules");
                error_hint(error, "install libnftables (Debian: libnftables1, Fedora: "
                                  "nftables), or use network mode \"host\" or \"none\"");
                return r;
        }
        r = check_descriptors(error);
        if (r < 0) {
                return r;
        }
        nftables->context = nftables->context_new(NFT_CTX_DEFAULT);
        if (!nftables->context || nftables->buffer_output(nftables->context) != 0 ||
            nftables->buffer_error(nftables->context) != 0) {
                return error_say(error, ENOMEM, "cannot set up %s", LIBRARY);
        }
        *ret = TAKE_PTR(nftables);
        return 0;
}

int nftables_run(struct nftables *nftables, const char *commands, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        const char *words;

        if (nftables->run(nftables->context, commands) == 0) {
                return 0;
        }
        words = nftables->error_text(nftables->context);
        /* The first line names the reason, the others quote the commands. */
        text = words ? strndup(words, strcspn(words, "\n")) : NULL;
        return error_say(error, EIO, "cannot change the firewall rules: nft says \"%s\"",
                         text ? text : "");
}
