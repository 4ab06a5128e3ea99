/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree/directory.h"
#include "network/state/port.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"

/* Finds the user of a port: procfs shows each socket's inode (proc(5)), and the links in
 * /proc/PID/fd show which process has it open. */

#define STATE_TIME_WAIT 6 /* TCP_TIME_WAIT in /proc/net/tcp */

struct table {
        enum machine_protocol protocol;
        const char *path;
};

/* Local port, state, inode. */
#define LINE "%*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %" SCNu64

static const struct table tables[] = {
        { MACHINE_PROTOCOL_TCP, "/proc/self/net/tcp" },
        { MACHINE_PROTOCOL_TCP, "/proc/self/net/tcp6" },
        { MACHINE_PROTOCOL_UDP, "/proc/self/net/udp" },
        { MACHINE_PROTOCOL_UDP, "/proc/self/net/udp6" },
};

/* The inode of a socket that uses the port, or 0. */
static uint64_t find_inode(const struct table *table, unsigned int number)
{
        _cleanup_fclose_ FILE *file = fopen(table->path, "re");
        char line[512];

        while (file && fgets(line, sizeof(line), file)) {
                unsigned int port;
                unsigned int state;
                uint64_t inode;

                if (sscanf(line, LINE, &port, &state, &inode) == 3 && port == number &&
                    state != STATE_TIME_WAIT && inode != 0) {
                        return inode;
                }
        }
        return 0;
}

/* Whether the process has the socket open. */
static bool has_socket(const char *pid, const char *socket)
{
        _cleanup_free_ char *path = string_format("/proc/%s/fd", pid);
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;

        if (!path || directory_open_at(AT_FDCWD, path, &directory) < 0) {
                return false;
        }
        while ((entry = directory_next(directory))) {
                char target[64];
                ssize_t length =
                        readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

                if (length > 0) {
                        target[length] = '\0';
                        if (strcmp(target, socket) == 0) {
                                return true;
                        }
                }
        }
        return false;
}

static int describe_process(const char *pid, char **ret)
{
        _cleanup_free_ char *path = string_format("/proc/%s/comm", pid);
        _cleanup_free_ char *name = NULL;
        _cleanup_free_ char *clean = NULL;

        if (!path || file_read(AT_FDCWD, path, 64, &name, NULL) < 0) {
                return -ENOENT;
        }
        name[strcspn(name, "\n")] = '\0';
        clean = string_printable(name);
        if (!clean) {
                return -ENOMEM;
        }
        *ret = string_format("%s (process %s)", clean, pid);
        return *ret ? 0 : -ENOMEM;
}

static int find_process(uint64_t inode, char **ret)
{
        _cleanup_closedir_ DIR *directory = NULL;
        char socket[64];
        const struct dirent *entry;

        (void)directory_open_at(AT_FDCWD, "/proc", &directory);
        (void)snprintf(socket, sizeof(socket), "socket:[%" PRIu64 "]", inode);
        while ((entry = directory_next(directory))) {
                uint64_t pid;

                if (quantity_parse_number(entry->d_name, &pid) == 0 &&
                    has_socket(entry->d_name, socket)) {
                        return describe_process(entry->d_name, ret);
                }
        }
        *ret = strdup("an unknown process");
        return *ret ? 0 : -ENOMEM;
}

int port_find_process(enum machine_protocol protocol, unsigned int number, char **ret)
{
        for (size_t i = 0; i < ELEMENTS_OF(tables); i++) {
                uint64_t inode =
                        tables[i].protocol == protocol ? find_inode(&tables[i], number) : 0;

                if (inode != 0) {
                        return find_process(inode, ret);
                }
        }
        return -ENOENT;
}
