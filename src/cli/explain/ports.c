/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/explain/paragraph.h"
#include "network/network.h"

#define SOCKETS_MAXIMUM (16 * 1024 * 1024)

/* States in /proc/PID/net (proc_pid_net(5)): TCP_LISTEN, and a UDP socket that is not connected. */
#define STATE_TCP_LISTEN 0x0A
#define STATE_UDP_OPEN   0x07

static bool lists_port(const char *text, unsigned int port, unsigned int state)
{
        for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
                unsigned int local, status;

                if (sscanf(line + 1, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local,
                           &status) == 2 &&
                    local == port && status == state) {
                        return true;
                }
        }
        return false;
}

/* Whether a program in the machine listens: 1, 0, or -errno if the caller may not see it. */
static int is_listening(pid_t pid, const char *protocol, unsigned int port)
{
        static const char *const versions[] = { "", "6" };
        unsigned int state = strcmp(protocol, "tcp") == 0 ? STATE_TCP_LISTEN : STATE_UDP_OPEN;

        for (size_t i = 0; i < ELEMENTS_OF(versions); i++) {
                _cleanup_free_ char *path =
                        string_format("/proc/%d/net/%s%s", pid, protocol, versions[i]);
                _cleanup_free_ char *text = NULL;
                int r = path ? file_read(AT_FDCWD, path, SOCKETS_MAXIMUM, &text, NULL) : -ENOMEM;

                if (r == 0 && lists_port(text, port, state)) {
                        return 1;
                }
                if (r < 0 && r != -ENOENT) {
                        return r;
                }
        }
        return 0;
}

/* The network of a machine in the report, and its lease there. Borrowed. */
static const json_t *find_lease(const json_t *networks, const char *name, const json_t **ret_lease)
{
        const json_t *network, *lease;
        size_t i, j;

        json_array_foreach(networks, i, network)
        {
                json_array_foreach(json_object_get(network, "machines"), j, lease)
                {
                        if (string_equal(json_get_string(lease, "name"), name)) {
                                *ret_lease = lease;
                                return network;
                        }
                }
        }
        return NULL;
}

/* "[HOST:]PORT:INSIDE/PROTOCOL" as network_list_ports() writes it. */
struct published {
        const char *text;
        unsigned int inside; /* the first of a range */
        const char *protocol;
};

static bool read_published(const char *text, struct published *ret)
{
        const char *slash = strrchr(text, '/');
        const char *colon = slash ? memrchr(text, ':', (size_t)(slash - text)) : NULL;

        if (!colon) {
                return false;
        }
        *ret = (struct published){ text, (unsigned int)strtoul(colon + 1, NULL, 10), slash + 1 };
        return true;
}

static bool is_missing(const json_t *lease, const char *port)
{
        const json_t *missing;
        size_t i;

        json_array_foreach(json_object_get(lease, "ports_missing"), i, missing)
        {
                if (string_equal(json_string_value(missing), port)) {
                        return true;
                }
        }
        return false;
}

static char *entry_text(const struct subject *subject, const struct published *port,
                        const json_t *lease)
{
        if (!caller_is_root()) {
                return string_format("the supervisor, process %d of the host, listens; a thread of "
                                     "it connects to the machine from the client's address",
                                     subject->record->supervisor.pid);
        }
        return string_format("nftables rewrites the destination of what arrives at %.*s: %s",
                             (int)(strrchr(port->text, ':') - port->text), port->text,
                             is_missing(lease, port->text)
                                     ? "THE RULE IS MISSING, \"machinectl-lite network reload\" "
                                       "restores it"
                                     : "the rule is there");
}

static char *end_text(const struct subject *subject, const struct published *port)
{
        int r = is_listening(subject->record->init.pid, port->protocol, port->inside);
        const char *address =
                subject->record->address ? subject->record->address : subject->record->address6;

        return string_format("%s, port %u of the machine: %s", address ? address : "no address",
                             port->inside,
                             r < 0    ? "who listens is not shown to you"
                             : r == 0 ? "NOTHING LISTENS, connections are refused"
                                      : "a program listens");
}

/* The places that a packet passes, one after the other. */
static int list_way(const struct subject *subject, const struct published *port,
                    const json_t *networks, char ***ret)
{
        const json_t *lease = NULL;
        const json_t *network = find_lease(networks, subject->record->name, &lease);
        const char *link = json_get_string(lease, "link");

        if (!network) {
                return strv_take(ret, end_text(subject, port));
        }
        if (strv_take(ret, entry_text(subject, port, lease)) < 0 ||
            strv_take(ret, string_format("bridge %s of network \"%s\": %s",
                                         json_get_string(network, "bridge"),
                                         json_get_string(network, "name"),
                                         json_is_true(json_object_get(network, "bridge_up"))
                                                 ? "up"
                                                 : "DOWN")) < 0) {
                return -ENOMEM;
        }
        if (link &&
            strv_take(ret, string_format(
                                   "link %s, whose other end is eth0 in the machine: %s", link,
                                   json_is_true(json_object_get(lease, "link_up")) ? "up"
                                                                                   : "DOWN")) < 0) {
                return -ENOMEM;
        }
        return strv_take(ret, end_text(subject, port));
}

static json_t *port_json(const struct subject *subject, const char *text, const json_t *networks)
{
        _cleanup_json_ json_t *object = json_object();
        _cleanup_strv_ char **way = NULL;
        struct published port;

        if (read_published(text, &port) && list_way(subject, &port, networks, &way) < 0) {
                return NULL;
        }
        return json_set_string(object, "port", text) < 0 || json_set_strings(object, "way", way) < 0
                       ? NULL
                       : TAKE_PTR(object);
}

json_t *explain_ports(const struct subject *subject, struct machine_error *error)
{
        _cleanup_json_ json_t *array = json_array(), *networks = NULL;
        int r = 0;

        if (subject->record->ports && subject->record->ports[0]) {
                r = network_report(subject->cli->directories.runtime, &networks, error);
        }
        STRV_FOREACH(port, subject->record->ports) {
                if (r == 0 &&
                    json_array_append_new(array, port_json(subject, *port, networks)) < 0) {
                        r = error_oom(error);
                }
        }
        return r < 0 ? NULL : TAKE_PTR(array);
}

/* ---- for people ---- */

static void print_port(const json_t *port)
{
        const json_t *place;
        size_t i;

        printf("  %s\n", json_get_string(port, "port"));
        json_array_foreach(json_object_get(port, "way"), i, place)
        {
                char label[32];

                (void)snprintf(label, sizeof label, "    %zu.", i + 1);
                paragraph_print(label, 7, json_string_value(place));
        }
}

void explain_print_ports(const json_t *ports)
{
        const json_t *port;
        size_t i;

        puts("\nPublished ports: the way of a packet from outside");
        if (json_array_size(ports) == 0) {
                puts("  none");
        }
        json_array_foreach(ports, i, port)
        {
                print_port(port);
        }
}
