/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewall/nftables.h"

#include "base/process/program.h"
#include "base/strings.h"
#include "machinectl-lite-settings.h"

/* The dynamic loader's exit status if a library is missing. */
#define STATUS_NO_LIBRARY 127

static const struct program rules = {
        .name = "machinectl-lite-rules",
        .purpose = "which sets up firewall rules",
        .places = (const char *const[]){ LIBEXEC_FROM_BINDIR "/machinectl-lite-rules",
                                         "../network/machinectl-lite-rules", NULL },
};

int nftables_run(const char *commands, struct machine_error *error)
{
        static const char *const none[] = { NULL };
        _cleanup_free_ char *output = NULL;
        int r = program_run(&rules, none, commands, &output, error);

        if (r <= 0) {
                return r;
        }
        if (r == STATUS_NO_LIBRARY) {
                error_say(error, ENOENT,
                          "cannot set up firewall rules: libnftables is not installed");
                error_hint(error, "install it (Debian: libnftables1, Fedora: nftables), or use "
                                  "network mode \"host\" or \"none\"");
                return -ENOENT;
        }
        return error_say(error, EIO, "cannot change the firewall rules: nft reports \"%s\"",
                         output ? output : "");
}

bool nftables_has_bridges(void)
{
        /* A single transaction: the table is never visible. */
        return nftables_run("add table bridge machinectl-lite-probe\n"
                            "delete table bridge machinectl-lite-probe\n",
                            NULL) == 0;
}

bool nftables_has_transparent_sockets(void)
{
        return nftables_run("table inet machinectl-lite-probe {\n"
                            "  chain probe {\n"
                            "    type filter hook prerouting priority -150\n"
                            "    socket transparent 1 meta mark set 1\n"
                            "  }\n"
                            "}\n"
                            "delete table inet machinectl-lite-probe\n",
                            NULL) == 0;
}

int nftables_explain_transparent(struct machine_error *error)
{
        error_say(error, EOPNOTSUPP,
                  "this kernel has no nftables rules for transparent sockets "
                  "(CONFIG_NFT_SOCKET), by which answers of your machines reach their callers");
        error_hint(error, "as root: modprobe nft_socket; or use network mode \"host\" or "
                          "\"none\"");
        return -EOPNOTSUPP;
}
