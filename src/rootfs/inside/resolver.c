/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "rootfs/common/internal.h"
#include "rootfs/inside/names.h"

/* The machine's /etc/resolv.conf. If it has the host's servers, the parent keeps the file open and
 * rewrites it when they change. */

#define RESOLVER_MAXIMUM (64 * 1024)

static int read_host(const struct rootfs *rootfs, const char *path, struct names_resolver *ret)
{
        const struct machine_network *network = &rootfs->machine->network;
        _cleanup_free_ char *host = NULL;
        const struct names_source source = {
                .servers = network->dns,
                .search = network->search,
                .reach = rootfs->reach,
        };
        struct names_source with_host = source;
        int r = file_read(AT_FDCWD, path, RESOLVER_MAXIMUM, &host, NULL);

        if (r == -ENOMEM) {
                return r;
        }
        with_host.host = host;
        return names_resolver(&with_host, ret);
}

/* The host's file, or the one with the upstream servers of its local resolver. */
static int make_text(const struct rootfs *rootfs, struct names_resolver *ret)
{
        _cleanup_names_resolver_ struct names_resolver first = { 0 }, second = { 0 };
        int r = read_host(rootfs, ROOTFS_RESOLVER, &first);

        if (r == 0 && first.servers == 0) {
                r = read_host(rootfs, ROOTFS_RESOLVED_SERVERS, &second);
        }
        if (r == 0) {
                struct names_resolver *chosen = second.servers > 0 ? &second : &first;

                if (chosen->servers == 0 && rootfs->reach.forwarder &&
                    strv_length(rootfs->machine->network.dns) == 0) {
                        r = names_add(chosen, rootfs->reach.forwarder);
                }
                if (r == 0) {
                        *ret = *chosen;
                        *chosen = (struct names_resolver){ 0 };
                }
        }
        return r;
}

/* Without a server the machine could only report that names cannot be resolved. */
static int replace_servers(const struct rootfs *rootfs, struct names_resolver *resolver,
                           void (*warn)(void *data, const char *message), void *data)
{
        const struct names_source source = { .reach = rootfs->reach };
        _cleanup_free_ char *left_out = NULL, *message = NULL;
        int r = rootfs->reach.outside ? names_add_public(&source, resolver) : 0;

        left_out = resolver->left_out ? strv_join(resolver->left_out, ", ") : strdup("none");
        message = string_format(
                "the host has no name server that the machine can reach (it has: %s); %s: name "
                "servers with network.dns, or --set 'network.dns=[\"ADDRESS\"]'",
                left_out ? left_out : "",
                resolver->servers > 0 ? "the public ones 8.8.8.8, 8.8.4.4 or 2001:4860:4860::8888 "
                                        "are asked instead"
                                      : "it will resolve no names");
        if (r < 0 || !left_out || !message) {
                return -ENOMEM;
        }
        if (warn) {
                warn(data, message);
        }
        return 0;
}

static int keep_open(struct rootfs *rootfs, int etc_fd, struct names_resolver *resolver,
                     struct machine_error *error)
{
        rootfs->resolver_fd = openat(etc_fd, "resolv.conf", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (rootfs->resolver_fd < 0) {
                return error_set(error, errno, "cannot open the machine's /etc/resolv.conf");
        }
        rootfs->resolver_text = TAKE_PTR(resolver->text);
        return 0;
}

int resolver_stage(struct rootfs *rootfs, const struct rootfs_parameters *parameters, int etc_fd,
                   struct machine_error *error)
{
        const struct machine_network *network = &rootfs->machine->network;
        bool follows = strv_length(network->dns) == 0;
        _cleanup_names_resolver_ struct names_resolver resolver = { 0 };
        int r;

        /* A machine without a network has no servers unless the definition sets some. */
        if (network->mode == MACHINE_NETWORK_NONE && follows) {
                return 0;
        }
        r = make_text(rootfs, &resolver);
        if (r == 0 && resolver.servers == 0) {
                r = replace_servers(rootfs, &resolver, parameters->warn, parameters->note_data);
        }
        if (r < 0) {
                return error_oom(error);
        }
        r = rootfs_write_file(etc_fd, "resolv.conf", resolver.text, strlen(resolver.text), 0644);
        if (r < 0) {
                return error_set(error, r, "cannot write the machine's /etc/resolv.conf");
        }
        return follows ? keep_open(rootfs, etc_fd, &resolver, error) : 0;
}

bool rootfs_follows_resolver(const struct rootfs *rootfs)
{
        return rootfs->resolver_fd >= 0;
}

int rootfs_update_resolver(struct rootfs *rootfs)
{
        _cleanup_names_resolver_ struct names_resolver resolver = { 0 };
        _cleanup_free_ char *present = NULL;
        int r = make_text(rootfs, &resolver);

        /* No servers at the moment: keep those that the machine has. */
        if (r < 0 || resolver.servers == 0 || string_equal(resolver.text, rootfs->resolver_text)) {
                return r;
        }
        if (lseek(rootfs->resolver_fd, 0, SEEK_SET) < 0) {
                return -errno;
        }
        r = file_read_fd(rootfs->resolver_fd, RESOLVER_MAXIMUM, &present, NULL);
        if (r < 0 && r != -EFBIG) {
                return r;
        }
        if (r == -EFBIG || !string_equal(present, rootfs->resolver_text)) {
                return 0;
        }
        r = file_rewrite(rootfs->resolver_fd, resolver.text);
        if (r < 0) {
                return r;
        }
        free(rootfs->resolver_text);
        rootfs->resolver_text = TAKE_PTR(resolver.text);
        return 1;
}
