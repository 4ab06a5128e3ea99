/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/error.h"
#include "rootfs/mount/options.h"

static int read_options(enum machine_mount_type type, char **options, bool read_only,
                        struct mount_options *ret, struct machine_error *error)
{
        struct machine_mount mount = {
                .type = type,
                .target = (char *)"/data",
                .read_only = read_only,
                .options = options,
                .size = MACHINE_UNSET,
                .mode = MACHINE_UNSET,
        };

        return mount_options_read(&mount, ret, error);
}

static void test_defaults(void **state)
{
        struct mount_options options;

        (void)state;
        assert_int_equal(read_options(MACHINE_MOUNT_BIND, NULL, false, &options, NULL), 0);
        assert_int_equal(options.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        assert_int_equal(options.clear, 0);
        assert_int_equal(options.propagation, MS_PRIVATE);
        assert_true(options.recursive);
        assert_int_equal(options.map, MACHINE_MOUNT_MAP_AUTO);
        assert_string_equal(options.size, "");
}

static void test_names(void **state)
{
        char *given[] = { "suid", "dev", "noexec", "noatime", "rslave", "bind", "noidmap", NULL };
        struct mount_options options;

        (void)state;
        assert_int_equal(read_options(MACHINE_MOUNT_BIND, given, true, &options, NULL), 0);
        assert_int_equal(options.set, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME | MOUNT_ATTR_RDONLY);
        assert_int_equal(options.clear, MOUNT_ATTR__ATIME);
        assert_int_equal(options.propagation, MS_SLAVE);
        assert_false(options.recursive);
        assert_int_equal(options.map, MACHINE_MOUNT_MAP_MACHINE);
}

/* The last of contradicting options wins; read_only always applies. */
static void test_later_wins(void **state)
{
        char *given[] = { "ro", "rw", "noatime", "strictatime", "exec", "noexec", NULL };
        struct mount_options options;

        (void)state;
        assert_int_equal(read_options(MACHINE_MOUNT_TMPFS, given, false, &options, NULL), 0);
        assert_int_equal(options.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                              MOUNT_ATTR_STRICTATIME);
        assert_int_equal(read_options(MACHINE_MOUNT_TMPFS, given, true, &options, NULL), 0);
        assert_true(options.set & MOUNT_ATTR_RDONLY);
}

static void test_tmpfs(void **state)
{
        char *given[] = { "size=10%", "mode=0711", "nr_inodes=1k", NULL };
        struct mount_options options;
        struct machine_mount mount = { .type = MACHINE_MOUNT_TMPFS,
                                       .target = (char *)"/tmp",
                                       .size = UINT64_C(1) << 40,
                                       .mode = 01777 };

        (void)state;
        assert_int_equal(read_options(MACHINE_MOUNT_TMPFS, given, false, &options, NULL), 0);
        assert_string_equal(options.size, "10%");
        assert_string_equal(options.mode, "0711");
        assert_string_equal(options.inodes, "1k");
        assert_int_equal(mount_options_read(&mount, &options, NULL), 0);
        assert_string_equal(options.size, "1099511627776");
        assert_string_equal(options.mode, "1777");
}

static void test_unknown(void **state)
{
        char *bad[] = { "mystery",
                        "size=",
                        "size=1M",
                        "NOEXEC",
                        "",
                        "uid=0",
                        "size=123456789012345678901234567890123456789" };

        (void)state;
        for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
                char *given[] = { bad[i], NULL };
                struct mount_options options;

                assert_int_equal(read_options(MACHINE_MOUNT_BIND, given, false, &options, &error),
                                 -EINVAL);
                assert_non_null(strstr(error.message, "unknown option"));
                assert_non_null(strstr(error.message, "/data"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),   cmocka_unit_test(test_names),
                cmocka_unit_test(test_later_wins), cmocka_unit_test(test_tmpfs),
                cmocka_unit_test(test_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
