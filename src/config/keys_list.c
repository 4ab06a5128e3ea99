/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/machine.h>

#include "config/kind.h"

/* The keys of the elements of lists. */

static const struct config_choice mount_types[] = {
        { "bind", MACHINE_MOUNT_BIND },
        { "tmpfs", MACHINE_MOUNT_TMPFS },
        { "overlay", MACHINE_MOUNT_OVERLAY },
        { "mqueue", MACHINE_MOUNT_MQUEUE },
        { NULL, 0 },
};

#define MOUNT(member) .offset = offsetof(struct machine_mount, member)

static const struct machine_mount mount_initial = {
        .type = MACHINE_MOUNT_BIND,
        .size = MACHINE_UNSET,
        .mode = MACHINE_UNSET,
        .create = true,
};
static const struct config_key mount_keys[] = {
        { .name = "type",
          .kind = &config_kind_choice,
          .choices = mount_types,
          MOUNT(type),
          .help = "What is mounted.",
          .example = "\"tmpfs\"",
          .default_text = "\"bind\"" },
        { .name = "source",
          .kind = &config_kind_mount_source,
          MOUNT(source),
          .help = "The file or directory of the host; for an overlay the directories, top first, "
                  "separated by colons.",
          .example = "\"/srv/data\"" },
        { .name = "target",
          .kind = &config_kind_inside_path,
          MOUNT(target),
          .flags = CONFIG_REQUIRED,
          .help = "Where it appears in the machine.",
          .example = "\"/data\"" },
        { .name = "read_only",
          .kind = &config_kind_boolean,
          MOUNT(read_only),
          .help = "Whether writing is refused.",
          .example = "true",
          .default_text = "false" },
        { .name = "options",
          .kind = &config_kind_mount_options,
          MOUNT(options),
          .help = "Options as in mount(8). Without them a mount is nosuid and nodev.",
          .example = "[ \"noexec\" ]" },
        { .name = "size",
          .kind = &config_kind_size,
          MOUNT(size),
          .minimum = 4096,
          .help = "How large a tmpfs may grow.",
          .example = "\"64M\"" },
        { .name = "mode",
          .kind = &config_kind_mode,
          MOUNT(mode),
          .help = "The mode of a tmpfs' directory.",
          .example = "\"1777\"",
          .default_text = "\"0755\"" },
        { .name = "create",
          .kind = &config_kind_boolean,
          MOUNT(create),
          .help = "Whether a missing target is made.",
          .example = "false",
          .default_text = "true" },
};
const struct config_table config_mount_table = {
        .name = "mounts",
        .keys = mount_keys,
        .count = ELEMENTS_OF(mount_keys),
        .size = sizeof(struct machine_mount),
        .initial = &mount_initial,
};

#define CREDENTIAL(member) .offset = offsetof(struct machine_credential, member)

static const struct config_key credential_keys[] = {
        { .name = "name",
          .kind = &config_kind_credential_name,
          CREDENTIAL(name),
          .flags = CONFIG_REQUIRED,
          .help = "The file's name in $CREDENTIALS_DIRECTORY.",
          .example = "\"password\"" },
        { .name = "path",
          .kind = &config_kind_host_path,
          CREDENTIAL(path),
          .help = "The file of the host that holds the secret.",
          .example = "\"/etc/secrets/password\"" },
        { .name = "value",
          .kind = &config_kind_text,
          CREDENTIAL(value),
          .help = "The secret itself.",
          .example = "\"swordfish\"" },
};
const struct config_table config_credential_table = {
        .name = "credentials",
        .keys = credential_keys,
        .count = ELEMENTS_OF(credential_keys),
        .size = sizeof(struct machine_credential),
};

#define IO(member) .offset = offsetof(struct machine_io_limit, member)

static const struct machine_io_limit io_initial = {
        .read_bandwidth = MACHINE_UNSET,
        .write_bandwidth = MACHINE_UNSET,
        .read_iops = MACHINE_UNSET,
        .write_iops = MACHINE_UNSET,
};
static const struct config_key io_keys[] = {
        { .name = "device",
          .kind = &config_kind_block_device,
          IO(device),
          .flags = CONFIG_REQUIRED,
          .help = "The block device: its path or MAJOR:MINOR.",
          .example = "\"/dev/vda\"" },
        { .name = "read_bandwidth",
          .kind = &config_kind_size,
          IO(read_bandwidth),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Bytes read per second.",
          .example = "\"10M\"" },
        { .name = "write_bandwidth",
          .kind = &config_kind_size,
          IO(write_bandwidth),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Bytes written per second.",
          .example = "\"10M\"" },
        { .name = "read_iops",
          .kind = &config_kind_number,
          IO(read_iops),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Read operations per second.",
          .example = "1000" },
        { .name = "write_iops",
          .kind = &config_kind_number,
          IO(write_iops),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Write operations per second.",
          .example = "1000" },
};
const struct config_table config_io_table = {
        .name = "limits.io",
        .keys = io_keys,
        .count = ELEMENTS_OF(io_keys),
        .size = sizeof(struct machine_io_limit),
        .initial = &io_initial,
};
