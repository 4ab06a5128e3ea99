/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/firewalld.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/library.h"
#include "base/quantity.h"

#define LIBRARY "libsystemd.so.0"

#define NAME      "org.fedoraproject.FirewallD1"
#define OBJECT    "/org/fedoraproject/FirewallD1"
#define INTERFACE "org.fedoraproject.FirewallD1"

/* A firewall that does not answer must not hold up starts for the usual 25 seconds. */
#define TIMEOUT (3 * USEC_PER_SEC)

/* How long it may take to load its rules when it is started. */
#define READY_TIMEOUT (90 * USEC_PER_SEC)

/* Loaded when it is needed: few hosts have firewalld. */
struct bus_library {
        __typeof__(sd_bus_open_system) *open_system;
        __typeof__(sd_bus_set_method_call_timeout) *set_timeout;
        __typeof__(sd_bus_call_method) *call_method;
        __typeof__(sd_bus_match_signal) *match_signal;
        __typeof__(sd_bus_process) *process;
        __typeof__(sd_bus_wait) *wait;
        __typeof__(sd_bus_flush_close_unref) *close;
};

static const struct library_function functions[] = {
        { "sd_bus_open_system", offsetof(struct bus_library, open_system) },
        { "sd_bus_set_method_call_timeout", offsetof(struct bus_library, set_timeout) },
        { "sd_bus_call_method", offsetof(struct bus_library, call_method) },
        { "sd_bus_match_signal", offsetof(struct bus_library, match_signal) },
        { "sd_bus_process", offsetof(struct bus_library, process) },
        { "sd_bus_wait", offsetof(struct bus_library, wait) },
        { "sd_bus_flush_close_unref", offsetof(struct bus_library, close) },
};

int firewalld_trust(const char *interface)
{
        struct bus_library library;
        sd_bus *bus = NULL;
        int r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), &library, NULL);

        if (r == 0) {
                r = library.open_system(&bus);
        }
        if (r < 0) {
                return r;
        }
        (void)library.set_timeout(bus, TIMEOUT);
        /* Says yes also where the interface is in the zone already. */
        r = library.call_method(bus, NAME, OBJECT, INTERFACE ".zone", "changeZoneOfInterface", NULL,
                                NULL, "ss", "trusted", interface);
        (void)library.close(bus);
        return r < 0 ? r : 0;
}

static int note_signal(sd_bus_message *message, void *data, sd_bus_error *error)
{
        *(bool *)data = true;
        return 0;
}

/* Handles what has come. */
static int handle(const struct bus_library *library, sd_bus *bus)
{
        int r;

        do {
                r = library->process(bus, NULL);
        } while (r > 0);
        return r;
}

/* firewalld has its name on the bus before it has loaded its rules, and answers only afterwards.
 * What it answers, if anything, does not matter. */
static void wait_until_ready(const struct bus_library *library, sd_bus *bus)
{
        (void)library->set_timeout(bus, READY_TIMEOUT);
        (void)library->call_method(bus, NAME, OBJECT, "org.freedesktop.DBus.Properties", "Get",
                                   NULL, NULL, "ss", INTERFACE, "state");
}

int firewalld_follow(void (*reloaded)(void *data), void *data)
{
        struct bus_library library;
        sd_bus *bus = NULL;
        bool signalled = false;
        int r = library_load(LIBRARY, functions, ELEMENTS_OF(functions), &library, NULL);

        if (r == 0) {
                r = library.open_system(&bus);
        }
        if (r < 0) {
                return r;
        }
        r = library.match_signal(bus, NULL, NAME, OBJECT, INTERFACE, "Reloaded", note_signal,
                                 &signalled);
        if (r >= 0) {
                wait_until_ready(&library, bus);
                reloaded(data);
        }
        while (r >= 0) {
                r = handle(&library, bus);
                if (signalled) {
                        signalled = false;
                        reloaded(data);
                } else if (r >= 0) {
                        r = library.wait(bus, UINT64_MAX);
                }
        }
        (void)library.close(bus);
        return r;
}
