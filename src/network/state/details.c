/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/details.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

#define DIRECTORY       "details"
#define DETAILS_MAXIMUM (16u << 20)
#define PATH_SIZE       sizeof(DIRECTORY "/4294967295")

static const char *const protocol_names[] = {
        [MACHINE_PROTOCOL_TCP] = "tcp",
        [MACHINE_PROTOCOL_UDP] = "udp",
        [MACHINE_PROTOCOL_SCTP] = "sctp",
};

void details_clear(struct lease_details *details)
{
        for (size_t i = 0; i < details->port_count; i++) {
                free(details->ports[i].address);
        }
        free(details->ports);
        strv_free(details->hosts);
        *details = (struct lease_details){ 0 };
}

static int add_port(struct lease_details *details, struct machine_port port)
{
        struct machine_port *grown =
                reallocarray(details->ports, details->port_count + 1, sizeof(*grown));
        char *address = port.address ? strdup(port.address) : NULL;

        if (grown) {
                details->ports = grown;
        }
        if (!grown || (port.address && !address)) {
                free(address);
                return -ENOMEM;
        }
        port.address = address;
        details->ports[details->port_count++] = port;
        return 0;
}

int details_copy(const struct machine_network *settings, struct lease_details *ret)
{
        _cleanup_details_ struct lease_details details = { .hosts = strv_copy(settings->hosts) };

        if (settings->hosts && !details.hosts) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < settings->port_count; i++) {
                if (add_port(&details, settings->ports[i]) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = details;
        details = (struct lease_details){ 0 };
        return 0;
}

bool details_have_same_ports(const struct lease_details *a, const struct lease_details *b)
{
        if (a->port_count != b->port_count) {
                return false;
        }
        for (size_t i = 0; i < a->port_count; i++) {
                const struct machine_port *one = &a->ports[i], *other = &b->ports[i];

                if (one->host_first != other->host_first || one->host_last != other->host_last ||
                    one->machine_first != other->machine_first ||
                    one->protocol != other->protocol ||
                    !string_equal(one->address, other->address)) {
                        return false;
                }
        }
        return true;
}

static void name_file(const struct network_table *table, const struct network_lease *lease,
                      char path[static PATH_SIZE])
{
        (void)snprintf(path, PATH_SIZE, DIRECTORY "/%u", leases_number(table, lease));
}

static int find_protocol(const char *name, enum machine_protocol *ret)
{
        for (size_t i = 0; i < ELEMENTS_OF(protocol_names); i++) {
                if (string_equal(protocol_names[i], name)) {
                        *ret = (enum machine_protocol)i;
                        return 0;
                }
        }
        return -EBADMSG;
}

/* "PROTOCOL FIRST LAST MACHINE-FIRST [ADDRESS]" */
static int take_port(struct lease_details *details, const char *line)
{
        struct machine_port port = { 0 };
        char protocol[8];
        char address[ADDRESS_TEXT_SIZE] = "";
        unsigned int first, last, machine;

        if (sscanf(line, "%7s %5u %5u %5u %49s", protocol, &first, &last, &machine, address) < 4 ||
            find_protocol(protocol, &port.protocol) < 0 || last > UINT16_MAX || first > last ||
            machine + (last - first) > UINT16_MAX) {
                return -EBADMSG;
        }
        port.host_first = (uint16_t)first;
        port.host_last = (uint16_t)last;
        port.machine_first = (uint16_t)machine;
        port.address = address[0] ? address : NULL;
        return add_port(details, port);
}

static int take_line(struct lease_details *details, const char *line)
{
        const char *entry = string_after(line, "host ");

        return entry ? strv_append(&details->hosts, entry) : take_port(details, line);
}

int details_load(int directory_fd, const struct network_table *table,
                 const struct network_lease *lease, struct lease_details *ret)
{
        _cleanup_details_ struct lease_details details = { 0 };
        _cleanup_free_ char *text = NULL;
        char path[PATH_SIZE];
        char *rest = NULL;
        int r = 0;

        name_file(table, lease, path);
        if (lease->detailed) {
                r = file_read(directory_fd, path, DETAILS_MAXIMUM, &text, NULL);
                r = r == -ENOENT ? 0 : r;
        }
        for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; r == 0 && line;
             line = strtok_r(NULL, "\n", &rest)) {
                r = take_line(&details, line);
        }
        if (r < 0) {
                return r;
        }
        *ret = details;
        details = (struct lease_details){ 0 };
        return 0;
}

static int format(const struct lease_details *details, char **ret, size_t *ret_length)
{
        FILE *file = open_memstream(ret, ret_length);

        if (!file) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < details->port_count; i++) {
                const struct machine_port *port = &details->ports[i];

                fprintf(file, "%s %u %u %u %s\n", protocol_names[port->protocol], port->host_first,
                        port->host_last, port->machine_first, port->address ? port->address : "");
        }
        STRV_FOREACH(entry, details->hosts) {
                fprintf(file, "host %s\n", *entry);
        }
        return fclose(file) == 0 ? 0 : -ENOMEM;
}

int details_save(int directory_fd, const struct network_table *table, struct network_lease *lease,
                 const struct lease_details *details)
{
        _cleanup_free_ char *text = NULL;
        char path[PATH_SIZE];
        size_t length;
        int r;

        if (details->port_count == 0 && !details->hosts) {
                details_remove(directory_fd, table, lease);
                return 0;
        }
        name_file(table, lease, path);
        r = format(details, &text, &length);
        if (r == 0) {
                r = file_replace(directory_fd, path, text, length, 0644);
        }
        if (r == -ENOENT && mkdirat(directory_fd, DIRECTORY, 0755) == 0) {
                r = file_replace(directory_fd, path, text, length, 0644);
        }
        if (r == 0) {
                lease->detailed = true;
                lease->ports = details->port_count > 0;
        }
        return r;
}

void details_remove(int directory_fd, const struct network_table *table,
                    struct network_lease *lease)
{
        char path[PATH_SIZE];

        if (lease->detailed) {
                name_file(table, lease, path);
                (void)unlinkat(directory_fd, path, 0);
        }
        lease->detailed = false;
        lease->ports = false;
}
