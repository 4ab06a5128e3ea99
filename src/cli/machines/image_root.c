/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/image_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/machines/machines.h"
#include "config/config.h"
#include "launch/enter/root.h"

#define OS_RELEASE_MAXIMUM (16 * 1024)

/* The first byte of what the process that sees the root reports; the text follows. */
#define REPORT_BOOTS "b"
#define REPORT_NOT   "-"

/* os-release(5): /etc takes precedence over /usr/lib. A root may have anything in their place. */
static int open_os_release(int root_fd)
{
        static const char *const places[] = { "/etc/os-release", "/usr/lib/os-release" };

        for (size_t i = 0; i < ELEMENTS_OF(places); i++) {
                _cleanup_close_ int fd =
                        path_open_in_root(root_fd, places[i], O_RDONLY | O_NONBLOCK, 0);
                struct stat info;

                if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
                        return TAKE_FD(fd);
                }
        }
        return -ENOENT;
}

static int look(int root_fd, void *data, struct machine_error *error)
{
        int report = *(int *)data;
        _cleanup_close_ int fd = open_os_release(root_fd);
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        int r = file_write_all(report, launch_root_boots(root_fd) ? REPORT_BOOTS : REPORT_NOT, 1);

        if (r == 0 && fd >= 0 && file_read_fd(fd, OS_RELEASE_MAXIMUM, &text, &length) == 0) {
                r = file_write_all(report, text, length);
        }
        return r < 0 ? error_set(error, r, "cannot report what the root is") : 0;
}

static int read_report(int report, struct image_root *ret)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = lseek(report, 0, SEEK_SET) < 0
                        ? -errno
                        : file_read_fd(report, OS_RELEASE_MAXIMUM + 1, &text, &length);

        if (r < 0 || length == 0) {
                return r < 0 ? r : -EPROTO;
        }
        ret->boots = text[0] == REPORT_BOOTS[0];
        ret->os_release = length > 1 ? strdup(text + 1) : NULL;
        return length > 1 && !ret->os_release ? -ENOMEM : 0;
}

int cli_read_image_root(struct cli *cli, const char *path, struct image_root *ret,
                        struct machine_error *error)
{
        const struct launch_options options = {
                .directories = cli_launch_directories(cli),
                .log = &cli->log,
        };
        _cleanup_close_ int report = memfd_create("report", MFD_CLOEXEC);
        _cleanup_free_ char *name = string_format("status-%d", (int)getpid());
        struct machine *machine = NULL;
        int r = report < 0 ? -errno
                : name     ? config_load_text(name,
                                              "rootfs = \"/\"; upper = \"none\"; "
                                                  "command = [ \"/bin/sh\" ];",
                                              &machine)
                           : -ENOMEM;

        if (r == 0) {
                r = string_replace(&machine->root.directory, path);
        }
        r = r < 0 ? error_set(error, r, "cannot look into the root")
                  : launch_read_root(machine, &options, look, &report, error);
        machine_free(machine);
        if (r != 0) {
                return r < 0 ? r : error_say(error, EIO, "the root could not be read");
        }
        r = read_report(report, ret);
        return r < 0 ? error_set(error, r, "cannot read what the root is") : 0;
}
