/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * machinectl-lite-firewalld: requests to firewalld over D-Bus. "trust INTERFACE" adds an interface
 * to the zone "trusted" until firewalld is reloaded; "follow" writes a line when firewalld is ready
 * and after each of its reloads, and exits when it no longer can.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>

#include "base/quantity.h"

#define NAME      "org.fedoraproject.FirewallD1"
#define OBJECT    "/org/fedoraproject/FirewallD1"
#define INTERFACE "org.fedoraproject.FirewallD1"

/* A firewall that does not answer must not delay starts for the default 25 seconds. */
#define TIMEOUT (3 * USEC_PER_SEC)

/* How long firewalld may take to load its rules when it starts. */
#define READY_TIMEOUT (90 * USEC_PER_SEC)

static int trust(const char *interface)
{
        sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        if (r < 0) {
                return r;
        }
        (void)sd_bus_set_method_call_timeout(bus, TIMEOUT);
        /* Succeeds also if the interface is already in the zone. */
        r = sd_bus_call_method(bus, NAME, OBJECT, INTERFACE ".zone", "changeZoneOfInterface", NULL,
                               NULL, "ss", "trusted", interface);
        (void)sd_bus_flush_close_unref(bus);
        return r < 0 ? r : 0;
}

static int note_signal(sd_bus_message *message, void *data, sd_bus_error *error)
{
        *(bool *)data = true;
        return 0;
}

/* Processes pending messages. */
static int handle(sd_bus *bus)
{
        int r;

        do {
                r = sd_bus_process(bus, NULL);
        } while (r > 0);
        return r;
}

/* firewalld owns its bus name before it has loaded its rules, and answers only afterwards. Any
 * answer, even an error, means that it is ready. */
static void wait_until_ready(sd_bus *bus)
{
        (void)sd_bus_set_method_call_timeout(bus, READY_TIMEOUT);
        (void)sd_bus_call_method(bus, NAME, OBJECT, "org.freedesktop.DBus.Properties", "Get", NULL,
                                 NULL, "ss", INTERFACE, "state");
}

static void report_reloaded(void)
{
        (void)puts("reloaded");
        (void)fflush(stdout);
}

static int follow(void)
{
        sd_bus *bus = NULL;
        bool signalled = false;
        int r;

        /* The reader has exited. */
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        r = sd_bus_open_system(&bus);
        if (r < 0) {
                return r;
        }
        r = sd_bus_match_signal(bus, NULL, NAME, OBJECT, INTERFACE, "Reloaded", note_signal,
                                &signalled);
        if (r >= 0) {
                wait_until_ready(bus);
                report_reloaded();
        }
        while (r >= 0) {
                r = handle(bus);
                if (signalled) {
                        signalled = false;
                        report_reloaded();
                } else if (r >= 0) {
                        r = sd_bus_wait(bus, UINT64_MAX);
                }
        }
        (void)sd_bus_flush_close_unref(bus);
        return r;
}

int main(int argc, char **argv)
{
        int r = -EINVAL;

        if (argc == 3 && strcmp(argv[1], "trust") == 0) {
                r = trust(argv[2]);
        } else if (argc == 2 && strcmp(argv[1], "follow") == 0) {
                r = follow();
                fprintf(stderr, "machinectl-lite-firewalld: the system bus: %s\n", strerror(-r));
        }
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
