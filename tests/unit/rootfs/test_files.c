/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <sys/statvfs.h>

/* Hostile files in the root at the paths that this program writes to or mounts on: the host's files
 * never change. */

static void make_link(const struct fixture *fixture, const char *target, const char *name)
{
        char path[128];

        fixture_path(fixture, name, path);
        unlink(path);
        assert_int_equal(symlink(target, path), 0);
}

static void assert_text(const struct fixture *fixture, const char *name, const char *expected)
{
        char *text = fixture_read(fixture, name);

        assert_non_null(text);
        assert_string_equal(text, expected);
        free(text);
}

/* ---- /etc ---- */

static int inside_files(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(has_text("/etc/hostname", "unit\n"));
        INSIDE(has_text("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"));
        INSIDE(has_text("/etc/resolv.conf", "nameserver 10.0.0.1\n"));
        INSIDE(has_text("/run/host/container-uuid", "01234567-89ab-cdef-0123-456789abcdef"));
        INSIDE(open("/etc/hostname", O_WRONLY | O_CLOEXEC) >= 0);
        return 0;
}

static void use_names(struct fixture *fixture)
{
        assert_int_equal(strv_append(&fixture->machine->network.dns, "10.0.0.1"), 0);
        fixture->parameters.machine_id = "0123456789abcdef0123456789abcdef";
}

/* Links in the root's /etc, to a file that its host has, to nowhere and upwards, are covered, not
 * followed. In place, so that a write through one would show. */
static void test_links(void **state)
{
        char outside[128];

        FIXTURE_OR_SKIP(fixture, state);
        use_names(fixture);
        fixture_write(fixture, "outside", "of the host\n");
        fixture_path(fixture, "outside", outside);
        make_link(fixture, outside, "layer/etc/hostname");
        make_link(fixture, "../../../../../etc/hosts", "layer/etc/hosts");
        make_link(fixture, "/run/systemd/resolve/stub-resolv.conf", "layer/etc/resolv.conf");
        make_link(fixture, "from-layer", "layer/etc/machine-id");
        fixture->machine->root.source = MACHINE_ROOT_DIRECTORY;
        fixture->machine->root.upper = MACHINE_UPPER_IN_PLACE;
        fixture_path(fixture, "layer", outside);
        assert_int_equal(string_replace(&fixture->machine->root.directory, outside), 0);
        fixture->inside = inside_files;
        fixture_passes(fixture);
        assert_text(fixture, "outside", "of the host\n");
        assert_text(fixture, "layer/etc/from-layer", "layer\n");
}

static void test_etc_is_link(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        use_names(fixture);
        fixture_mkdir(fixture, "outside");
        fixture_path(fixture, "layer/etc/from-layer", path);
        assert_int_equal(unlink(path), 0);
        fixture_path(fixture, "layer/etc", path);
        assert_int_equal(rmdir(path), 0);
        fixture_path(fixture, "outside", path);
        make_link(fixture, path, "layer/etc");
        /* Inside the root that path does not exist. */
        fixture_fails(fixture, "cannot use /etc of the root");
        fixture_path(fixture, "outside/hostname", path);
        assert_int_equal(access(path, F_OK), -1);
}

static int inside_boot(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(lstat("/etc/resolv.conf", &info) == 0 && S_ISLNK(info.st_mode));
        INSIDE(stat("/run", &info) == 0 && (info.st_mode & 07777) == 0755);
        INSIDE(stat("/tmp", &info) == 0 && (info.st_mode & 07777) == 01777);
        INSIDE(has_text("/run/host/container-manager", "machinectl-lite"));
        INSIDE(access("/run/of-the-layer", F_OK) < 0);
        return 0;
}

static void test_boot(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        use_names(fixture);
        fixture_mkdir(fixture, "layer/run");
        fixture_write(fixture, "layer/run/of-the-layer", "");
        make_link(fixture, "../run/systemd/resolve/stub-resolv.conf", "layer/etc/resolv.conf");
        fixture->machine->process.boot = true;
        fixture->inside = inside_boot;
        fixture_passes(fixture);
}

static int inside_timezone(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(has_text("/etc/localtime", "rules of Berlin"));
        INSIDE(has_text("/usr/share/zoneinfo/UTC", "rules of UTC"));
        INSIDE(open("/etc/localtime", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
        return 0;
}

static void test_timezone(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "layer/usr/share/zoneinfo/Europe");
        fixture_write(fixture, "layer/usr/share/zoneinfo/UTC", "rules of UTC");
        fixture_write(fixture, "layer/usr/share/zoneinfo/Europe/Berlin", "rules of Berlin");
        make_link(fixture, "/usr/share/zoneinfo/UTC", "layer/etc/localtime");
        assert_int_equal(string_replace(&fixture->machine->timezone, "Europe/Berlin"), 0);
        fixture->inside = inside_timezone;
        fixture_passes(fixture);
        assert_int_equal(string_replace(&fixture->machine->timezone, "Europe/Atlantis"), 0);
        fixture_fails(fixture, "the root has no timezone \"Europe/Atlantis\"");
        assert_int_equal(string_replace(&fixture->machine->timezone, "../../../etc"), 0);
        fixture_fails(fixture, "the root has no timezone");
}

/* ---- Mount points of this program ---- */

static void test_places_are_links(void **state)
{
        static const char *const names[] = { "layer/proc", "layer/sys", "layer/dev", "layer/run" };
        char outside[128], path[160];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "outside");
        fixture_path(fixture, "outside", outside);
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                make_link(fixture, outside, names[i]);
                fixture_fails(fixture, "is a link or a file, but must be a directory");
                make_link(fixture, "etc", names[i]);
                fixture_fails(fixture, "is a link or a file, but must be a directory");
                fixture_path(fixture, names[i], path);
                assert_int_equal(unlink(path), 0);
        }
        /* Nothing was created on the host. */
        assert_int_equal(rmdir(outside), 0);
}

static int inside_no_trap(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(lstat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
        INSIDE(lstat("/dev/pts", &info) == 0 && S_ISDIR(info.st_mode));
        INSIDE(access("/dev/of-the-layer", F_OK) < 0);
        INSIDE(stat("/proc/timer_list", &info) < 0 || info.st_size == 0);
        return 0;
}

/* Nodes of the root's own /dev are never used: its null is a link to a file of the kernel's, its
 * pts and console are links to the host. */
static void test_dev_of_root(void **state)
{
        char outside[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "layer/dev");
        fixture_write(fixture, "outside", "of the host\n");
        fixture_path(fixture, "outside", outside);
        fixture_write(fixture, "layer/dev/of-the-layer", "");
        make_link(fixture, "/proc/sys/kernel/core_pattern", "layer/dev/null");
        make_link(fixture, outside, "layer/dev/console");
        make_link(fixture, "/var/tmp", "layer/dev/pts");
        fixture->inside = inside_no_trap;
        fixture_passes(fixture);
        assert_text(fixture, "outside", "of the host\n");
}

/* ---- Masks ---- */

static int inside_masks(struct rootfs *rootfs)
{
        struct stat info;
        struct statvfs file_system;

        (void)rootfs;
        INSIDE(stat("/etc/from-layer", &info) == 0 && (info.st_mode & 07777) == 0);
        INSIDE(info.st_size == 0);
        INSIDE(stat("/secret", &info) == 0 && (info.st_mode & 07777) == 0);
        INSIDE(access("/secret/file", F_OK) < 0);
        INSIDE(statvfs("/etc", &file_system) == 0 && (file_system.f_flag & ST_RDONLY));
        INSIDE(open("/etc/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
        INSIDE(open("/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
        return 0;
}

static void test_masks(void **state)
{
        struct machine_security *security;

        FIXTURE_OR_SKIP(fixture, state);
        security = &fixture->machine->security;
        fixture_mkdir(fixture, "layer/secret");
        fixture_write(fixture, "layer/secret/file", "");
        make_link(fixture, "/secret", "layer/link");
        assert_int_equal(strv_append(&security->masked_paths, "/etc/from-layer"), 0);
        assert_int_equal(strv_append(&security->masked_paths, "/link"), 0);
        assert_int_equal(strv_append(&security->masked_paths, "/nowhere"), 0);
        assert_int_equal(strv_append(&security->read_only_paths, "/etc"), 0);
        assert_int_equal(strv_append(&security->read_only_paths, "/nowhere"), 0);
        fixture->inside = inside_masks;
        fixture_passes(fixture);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_links),    CASE(test_etc_is_link),      CASE(test_boot),
                CASE(test_timezone), CASE(test_places_are_links), CASE(test_dev_of_root),
                CASE(test_masks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
