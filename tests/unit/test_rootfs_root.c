/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs_fixture.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>

/* What every machine finds, whatever its definition. */
static int inside_plain(struct rootfs *rootfs)
{
        struct stat info;
        struct statvfs file_system;
        char *text = NULL;
        int fd;

        (void)rootfs;
        INSIDE(stat("/etc/from-layer", &info) == 0);
        INSIDE(info.st_uid == 0);
        INSIDE(stat("/proc/self/status", &info) == 0);
        INSIDE(getpid() == 1);
        INSIDE(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
        INSIDE(info.st_rdev == makedev(1, 3));
        fd = open("/dev/null", O_RDWR);
        INSIDE(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
        INSIDE(open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0);
        INSIDE(stat("/dev/shm", &info) == 0 && (info.st_mode & 07777) == 01777);
        INSIDE(statvfs("/sys", &file_system) == 0 && (file_system.f_flag & ST_RDONLY));
        INSIDE(statvfs("/proc/sys", &file_system) == 0 && (file_system.f_flag & ST_RDONLY));
        INSIDE(statvfs("/proc/sys/net", &file_system) == 0 && !(file_system.f_flag & ST_RDONLY));
        INSIDE(statvfs("/run/host", &file_system) == 0 && (file_system.f_flag & ST_RDONLY));
        INSIDE(file_read(AT_FDCWD, "/run/host/container-manager", 100, &text, NULL) == 0);
        INSIDE(string_equal(text, "machinectl-lite"));
        free(text);
        INSIDE(file_read(AT_FDCWD, "/etc/hostname", 100, &text, NULL) == 0);
        INSIDE(string_equal(text, "unit\n"));
        free(text);
        INSIDE(stat("/proc/kcore", &info) < 0 || (info.st_mode & 0777) == 0);
        INSIDE(access("/var/tmp", F_OK) < 0);
        fd = open("/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        INSIDE(fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == 0);
        close(fd);
        INSIDE(unlink("/etc/from-layer") == 0);
        INSIDE(chown("/new", 33, 33) == 0 && stat("/new", &info) == 0 && info.st_uid == 33);
        return 0;
}

static void test_plain(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_plain;
        fixture_passes(fixture);
        fixture->mapped = false;
        fixture->machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
        fixture_passes(fixture);
        free(fixture_read(fixture, "layer/etc/from-layer"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_plain, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
