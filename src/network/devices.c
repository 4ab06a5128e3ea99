/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Interfaces of the host that a bare machine gets (runtime specification, "Network Devices"). */

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/strings.h"
#include "network/host/namespace.h"
#include "network/netlink/interface.h"
#include "network/network.h"

/* An interface on its way. */
struct moved {
        const struct machine_network_device *device;
        int index;                                 /* on the host */
        const struct interface_address *addresses; /* of all interfaces of the host */
        size_t address_count;
};

static int device_error(const struct machine_network_device *device, int number,
                        const struct netlink_reason *reason, const char *what,
                        struct machine_error *error)
{
        error_set(error, number, "linux.netDevices[\"%s\"]: %s%s%s", device->host, what,
                  reason && reason->text[0] ? ": " : "", reason ? reason->text : "");
        return number;
}

/* ---- in the machine's namespace ---- */

/* The interface that was not there before: its name may be the kernel's choice. */
static const struct interface *find_new(const struct interface_list *before,
                                        const struct interface_list *after)
{
        for (size_t i = 0; i < after->count; i++) {
                if (!interface_by_index(before, after->items[i].index)) {
                        return &after->items[i];
                }
        }
        return NULL;
}

static int configure(struct nl_sock *socket, const struct moved *moved, int index,
                     struct machine_error *error)
{
        struct netlink_reason reason = { "" };
        int r;

        for (size_t i = 0; i < moved->address_count; i++) {
                const struct interface_address *address = &moved->addresses[i];

                if (address->index != moved->index || !address->permanent ||
                    address->scope != RT_SCOPE_UNIVERSE) {
                        continue;
                }
                r = interface_add_address(socket, index, &address->address, address->length,
                                          &reason);
                if (r < 0) {
                        return device_error(moved->device, r, &reason, "cannot keep its address",
                                            error);
                }
        }
        r = interface_up(socket, index, &reason);
        return r < 0 ? device_error(moved->device, r, &reason, "cannot set it up", error) : 0;
}

static int move_one(struct nl_sock *host, struct nl_sock *inside, int namespace_fd,
                    const struct moved *moved, struct machine_error *error)
{
        _cleanup_interface_list_ struct interface_list before = { 0 }, after = { 0 };
        struct netlink_reason reason = { "" };
        const struct interface *interface;
        int r = interface_list_load(inside, INTERFACE_ALL, &before);

        if (r == 0) {
                r = interface_move(host, moved->index, namespace_fd, moved->device->name, &reason);
        }
        if (r == -EEXIST) {
                return error_say(error, r,
                                 "linux.netDevices[\"%s\"]: the container has an interface \"%s\" "
                                 "already",
                                 moved->device->host,
                                 moved->device->name ? moved->device->name : moved->device->host);
        }
        if (r < 0) {
                return device_error(moved->device, r, &reason, "cannot move it", error);
        }
        r = interface_list_load(inside, INTERFACE_ALL, &after);
        interface = r == 0 ? find_new(&before, &after) : NULL;
        return interface ? configure(inside, moved, interface->index, error)
                         : device_error(moved->device, r < 0 ? r : -ENODEV, NULL,
                                        "cannot find it in the container", error);
}

/* A socket stays in the namespace that it was opened in. */
static int open_inside(int namespace_fd, struct nl_sock **ret)
{
        _cleanup_close_ int own = namespace_open_own();
        int r, back;

        if (own < 0) {
                return own;
        }
        if (setns(namespace_fd, CLONE_NEWNET) < 0) {
                return -errno;
        }
        r = netlink_open(NETLINK_ROUTE, ret);
        back = setns(own, CLONE_NEWNET) < 0 ? -errno : 0;
        return r < 0 ? r : back;
}

/* ---- all ---- */

static int find_all(const struct interface_list *list, const struct machine_network_device *devices,
                    size_t count, struct moved *moved, struct machine_error *error)
{
        for (size_t i = 0; i < count; i++) {
                const struct interface *interface = interface_by_name(list, devices[i].host);

                if (!interface) {
                        return error_say(error, ENODEV,
                                         "linux.netDevices[\"%s\"]: the host has no such interface",
                                         devices[i].host);
                }
                moved[i].device = &devices[i];
                moved[i].index = interface->index;
        }
        return 0;
}

int network_give_devices(const struct machine_network_device *devices, size_t count,
                         int namespace_fd, struct machine_error *error)
{
        _cleanup_free_ struct moved *moved = calloc(count, sizeof *moved);
        _cleanup_free_ struct interface_address *addresses = NULL;
        _cleanup_interface_list_ struct interface_list list = { 0 };
        _cleanup_nl_socket_ struct nl_sock *host = NULL, *inside = NULL;
        size_t address_count = 0;
        int r = !moved ? -ENOMEM : netlink_open(NETLINK_ROUTE, &host);

        if (r == 0) {
                r = interface_list_load(host, INTERFACE_ALL, &list);
        }
        if (r == 0) {
                r = interface_addresses(host, &addresses, &address_count);
        }
        if (r == 0) {
                r = open_inside(namespace_fd, &inside);
        }
        if (r < 0) {
                return error_set(error, r, "linux.netDevices: cannot look at the interfaces");
        }
        r = find_all(&list, devices, count, moved, error);
        for (size_t i = 0; i < count && r == 0; i++) {
                moved[i].addresses = addresses;
                moved[i].address_count = address_count;
                r = move_one(host, inside, namespace_fd, &moved[i], error);
        }
        return r;
}
