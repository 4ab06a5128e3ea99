/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "linux.devices" and "linux.netDevices". */

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/bundle/fields.h"

/* ---- devices ---- */

#define MAJOR_MAXIMUM ((1 << 12) - 1)
#define MINOR_MAXIMUM ((1 << 20) - 1)

int oci_begin_node(struct oci_reader *reader, const json_t *value)
{
        struct machine_node *node = oci_grow(reader, &reader->machine->nodes,
                                             &reader->machine->node_count, sizeof *node);

        reader->item = node;
        if (!node) {
                return -ENOMEM;
        }
        node->mode = MACHINE_UNSET;
        node->major = node->minor = UINT32_MAX;
        return 0;
}

static int take_node_type(struct oci_reader *reader, const json_t *value)
{
        const char *type = json_string_value(value);

        if (strlen(type) != 1 || !strchr("cubp", *type)) {
                return oci_wrong(reader, "\"%s\" is none of c, u, b, p", type);
        }
        /* An unbuffered device is a character device (mknod(1)). */
        ((struct machine_node *)reader->item)->type = (char)(*type == 'u' ? 'c' : *type);
        return 0;
}

static int take_node_path(struct oci_reader *reader, const json_t *value)
{
        return oci_take_path(reader, value, &((struct machine_node *)reader->item)->path);
}

static int take_node_number(struct oci_reader *reader, const json_t *value, int64_t maximum,
                            uint32_t *place)
{
        int64_t number;
        int r = oci_take_number(reader, value, 0, maximum, &number);

        if (r == 0) {
                *place = (uint32_t)number;
        }
        return r;
}

static int take_major(struct oci_reader *reader, const json_t *value)
{
        return take_node_number(reader, value, MAJOR_MAXIMUM,
                                &((struct machine_node *)reader->item)->major);
}

static int take_minor(struct oci_reader *reader, const json_t *value)
{
        return take_node_number(reader, value, MINOR_MAXIMUM,
                                &((struct machine_node *)reader->item)->minor);
}

static int take_mode(struct oci_reader *reader, const json_t *value)
{
        int64_t mode;
        int r = oci_take_number(reader, value, 0, UINT32_MAX, &mode);

        if (r == 0) {
                /* Tools pass the kind of file along, as stat(2) has it. */
                ((struct machine_node *)reader->item)->mode = (uint64_t)mode & 07777;
        }
        return r;
}

static int take_node_uid(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &((struct machine_node *)reader->item)->uid);
}

static int take_node_gid(struct oci_reader *reader, const json_t *value)
{
        return oci_take_id(reader, value, &((struct machine_node *)reader->item)->gid);
}

int oci_finish_node(struct oci_reader *reader, const json_t *value)
{
        struct machine_node *node = reader->item;

        if (node->type == 'p') {
                node->major = node->minor = 0;
        } else if (node->major == UINT32_MAX || node->minor == UINT32_MAX) {
                return oci_wrong_member(reader, node->major == UINT32_MAX ? "major" : "minor",
                                        "this is required for a device and missing");
        }
        return 0;
}

const struct oci_field oci_node_fields[] = {
        { "type", OCI_STRING, true, take_node_type },  { "path", OCI_STRING, true, take_node_path },
        { "major", OCI_INTEGER, false, take_major },   { "minor", OCI_INTEGER, false, take_minor },
        { "fileMode", OCI_INTEGER, false, take_mode }, { "uid", OCI_INTEGER, false, take_node_uid },
        { "gid", OCI_INTEGER, false, take_node_gid },  { 0 },
};

/* ---- network devices ---- */

static int check_interface(struct oci_reader *reader, const char *name)
{
        if (!*name || strlen(name) >= IF_NAMESIZE || strpbrk(name, "/ \t\n:") ||
            string_equal(name, ".") || string_equal(name, "..")) {
                return oci_wrong(reader, "\"%s\" is not the name of a network interface", name);
        }
        return 0;
}

int oci_take_interface(struct oci_reader *reader, const json_t *value)
{
        struct machine_network *network = &reader->machine->network;
        struct machine_network_device *device;
        int r = check_interface(reader, reader->key);

        if (r < 0) {
                return r;
        }
        device = oci_grow(reader, &network->devices, &network->device_count, sizeof *device);
        reader->item = device;
        if (!device) {
                return -ENOMEM;
        }
        return string_replace(&device->host, reader->key) < 0 ? error_oom(reader->error) : 0;
}

static int take_interface_name(struct oci_reader *reader, const json_t *value)
{
        struct machine_network_device *device = reader->item;
        int r;

        if (!*json_string_value(value)) {
                return 0;
        }
        r = check_interface(reader, json_string_value(value));
        return r < 0 ? r : oci_take_string(reader, value, &device->name);
}

const struct oci_field oci_interface_fields[] = {
        { "name", OCI_STRING, false, take_interface_name },
        { 0 },
};
