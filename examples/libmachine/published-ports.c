/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lists the ports that definitions publish, as a firewall's generator would want them:
 *
 *     $ published-ports /etc/machines/web.machine
 *     web 0.0.0.0 8080 80
 *
 * Built with: cc $(pkg-config --cflags machine) published-ports.c $(pkg-config --libs machine)
 */

#include <stdio.h>
#include <stdlib.h>

#include <machine/load.h>
#include <machine/machine.h>

static void print_ports(const struct machine *machine)
{
        for (size_t i = 0; i < machine->network.port_count; i++) {
                const struct machine_port *port = &machine->network.ports[i];

                for (unsigned int n = 0; n <= (unsigned int)(port->host_last - port->host_first);
                     n++) {
                        printf("%s %s %u %u\n", machine->name,
                               port->address ? port->address : "0.0.0.0", port->host_first + n,
                               port->machine_first + n);
                }
        }
}

/* Findings say file and line; warnings come also with a definition that is valid. */
static int list(const char *name_or_path)
{
        struct machine_error error = MACHINE_ERROR_INIT;
        struct machine *machine = NULL;
        char *findings = NULL;
        int r = machine_load(name_or_path, NULL, &machine, &findings, &error);

        if (findings) {
                fputs(findings, stderr);
        }
        if (r < 0) {
                fprintf(stderr, "published-ports: %s\n", error.message);
        } else {
                print_ports(machine);
        }
        free(findings);
        machine_free(machine);
        machine_error_clear(&error);
        return r;
}

int main(int argc, char **argv)
{
        int status = EXIT_SUCCESS;

        for (int i = 1; i < argc; i++) {
                if (list(argv[i]) < 0) {
                        status = EXIT_FAILURE;
                }
        }
        return status;
}
