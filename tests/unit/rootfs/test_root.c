/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static bool is_read_only(const char *path)
{
        struct statvfs info;

        return statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY);
}

static bool is_writable(const char *path)
{
        struct statvfs info;

        return statvfs(path, &info) == 0 && !(info.f_flag & ST_RDONLY);
}

static int make_file(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        if (fd < 0) {
                return -errno;
        }
        close(fd);
        return 0;
}

/* ---- In every machine, whatever its definition ---- */

static int inside_plain(struct rootfs *rootfs)
{
        struct stat info;
        int fd;

        (void)rootfs;
        INSIDE(getpid() == 1);
        INSIDE(stat("/etc/from-layer", &info) == 0 && info.st_uid == 0);
        INSIDE(stat("/proc/1/status", &info) == 0);
        INSIDE(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
        INSIDE(info.st_rdev == makedev(1, 3) && info.st_uid == 0);
        fd = open("/dev/null", O_RDWR);
        INSIDE(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
        fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
        INSIDE(fd >= 0);
        close(fd);
        INSIDE(stat("/dev/shm", &info) == 0 && (info.st_mode & 07777) == 01777);
        INSIDE(is_read_only("/sys") && is_read_only("/proc/sys") && is_read_only("/run/host"));
        INSIDE(is_writable("/proc/sys/net"));
        INSIDE(has_text("/run/host/container-manager", "machinectl-lite"));
        INSIDE(has_text("/etc/hostname", "unit\n"));
        INSIDE(stat("/proc/timer_list", &info) < 0 || (info.st_mode & 0777) == 0);
        INSIDE(access("/var/tmp", F_OK) < 0);
        return 0;
}

static int inside_writes(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(make_file("/new") == 0 && stat("/new", &info) == 0 && info.st_uid == 0);
        INSIDE(chown("/new", 33, 33) == 0 && stat("/new", &info) == 0 && info.st_uid == 33);
        INSIDE(mkdir("/etc/directory", 0700) == 0);
        INSIDE(unlink("/etc/from-layer") == 0);
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
}

/* The layer is unchanged, byte for byte and entry for entry. */
static void assert_layer_untouched(const struct fixture *fixture)
{
        char path[128];
        char *text = fixture_read(fixture, "layer/etc/from-layer");

        assert_string_equal(text, "layer\n");
        free(text);
        fixture_path(fixture, "layer/new", path);
        assert_int_equal(access(path, F_OK), -1);
        fixture_path(fixture, "layer/proc", path);
        assert_int_equal(access(path, F_OK), -1);
        fixture_path(fixture, "layer/etc/hostname", path);
        assert_int_equal(access(path, F_OK), -1);
}

static int inside_first_start(struct rootfs *rootfs)
{
        INSIDE(access("/etc/from-layer", F_OK) == 0);
        INSIDE(access("/new", F_OK) < 0);
        return inside_writes(rootfs);
}

static void test_volatile(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_first_start;
        fixture_passes(fixture);
        fixture_passes(fixture);
        assert_layer_untouched(fixture);
}

/* ---- Kept uppers ---- */

static int inside_second_start(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(stat("/new", &info) == 0 && info.st_uid == 33 && info.st_gid == 33);
        INSIDE(access("/etc/from-layer", F_OK) < 0);
        INSIDE(access("/ephemeral", F_OK) < 0);
        INSIDE(make_file("/ephemeral") == 0);
        return 0;
}

static void assert_kept_on_disk(const struct fixture *fixture, const char *directory)
{
        char name[64], path[128];
        struct stat info;

        snprintf(name, sizeof name, "%s/upper/new", directory);
        fixture_path(fixture, name, path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 33);
        assert_int_equal(info.st_gid, 33);
        snprintf(name, sizeof name, "%s/upper/etc/directory", directory);
        fixture_path(fixture, name, path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 0);
        snprintf(name, sizeof name, "%s/upper/etc/from-layer", directory);
        fixture_path(fixture, name, path);
        assert_int_equal(lstat(path, &info), 0);
        assert_true(S_ISCHR(info.st_mode));
        assert_int_equal(info.st_rdev, 0);
        snprintf(name, sizeof name, "%s/upper", directory);
        fixture_path(fixture, name, path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 0);
        assert_int_equal(info.st_mode & 0777, 0755);
}

static void test_persistent(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->machine->root.upper = MACHINE_UPPER_PERSISTENT;
        fixture->inside = inside_first_start;
        fixture_passes(fixture);
        assert_kept_on_disk(fixture, "state");
        assert_layer_untouched(fixture);

        /* An ephemeral start sees the kept data and keeps nothing. */
        fixture->inside = inside_second_start;
        fixture->parameters.ephemeral = true;
        fixture_passes(fixture);
        fixture_passes(fixture);
        fixture->parameters.ephemeral = false;
        fixture_passes(fixture);
}

static void use_upper_directory(struct fixture *fixture, const char *name)
{
        char path[128];

        fixture_path(fixture, name, path);
        fixture->machine->root.upper = MACHINE_UPPER_DIRECTORY;
        assert_int_equal(string_replace(&fixture->machine->root.upper_directory, path), 0);
}

static void test_upper_directory(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        use_upper_directory(fixture, "mine");
        fixture_fails(fixture, "cannot open the upper directory");
        fixture_mkdir(fixture, "mine");
        fixture->inside = inside_first_start;
        fixture_passes(fixture);
        assert_kept_on_disk(fixture, "mine");
        fixture->inside = inside_second_start;
        fixture_passes(fixture);
}

static void test_work_not_empty(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "mine/work/of-others");
        use_upper_directory(fixture, "mine");
        fixture_fails(fixture, "is not empty: it contains \"of-others\"");
}

static void mount_on_upper(struct fixture *fixture)
{
        fixture_mount(fixture, "mine/upper", "tmpfs", NULL);
}

static void test_upper_elsewhere(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "mine/upper");
        use_upper_directory(fixture, "mine");
        fixture->prepare = mount_on_upper;
        fixture_fails(fixture, "is not on the same file system");
}

static void test_upper_is_link(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "mine");
        fixture_path(fixture, "mine/upper", path);
        assert_int_equal(symlink("/etc", path), 0);
        use_upper_directory(fixture, "mine");
        fixture_fails(fixture, "is not a directory");
}

static void test_upper_in_use(void **state)
{
        char path[128];
        int fd;

        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "mine");
        use_upper_directory(fixture, "mine");
        fixture_path(fixture, "mine", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        fixture_fails(fixture, "is in use by a machine");
        close(fd);
        fixture_passes(fixture);
}

static void mount_ramfs(struct fixture *fixture)
{
        fixture_mount(fixture, "mine", "ramfs", NULL);
}

static void mount_overlay(struct fixture *fixture)
{
        char path[128], options[512];

        fixture_path(fixture, "mine", path);
        snprintf(options, sizeof options, "lowerdir=%s/layer,upperdir=%s/u,workdir=%s/w",
                 fixture->directory, fixture->directory, fixture->directory);
        assert_int_equal(mount("none", path, "overlay", 0, options), 0);
}

static void test_upper_cannot_map(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "mine");
        use_upper_directory(fixture, "mine");
        fixture->prepare = mount_ramfs;
        fixture_fails(fixture, "its file system (ramfs) does not support id-mapped mounts");
        fixture_mkdir(fixture, "u");
        fixture_mkdir(fixture, "w");
        fixture->prepare = mount_overlay;
        fixture_fails(fixture, "its file system (overlay) does not support id-mapped mounts");
        fixture->mapped = false;
        fixture->machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
        fixture_fails(fixture, "file system (overlay) that does not support upper directories");
}

/* ---- Read-only ---- */

static int inside_read_only(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(is_read_only("/"));
        INSIDE(make_file("/new") == -EROFS);
        INSIDE(make_file("/dev/shm/new") == 0);
        INSIDE(has_text("/etc/hostname", "unit\n") && is_read_only("/etc/hostname"));
        INSIDE(access("/proc/self", F_OK) == 0);
        return 0;
}

static void test_read_only(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_read_only;
        fixture->machine->root.read_only = true;
        fixture_passes(fixture);
        fixture->machine->root.read_only = false;
        fixture->machine->root.upper = MACHINE_UPPER_NONE;
        fixture_passes(fixture);
        assert_layer_untouched(fixture);
        fixture->parameters.ephemeral = true;
        fixture->inside = inside_writes;
        fixture_passes(fixture);
}

/* ---- In place ---- */

static void use_in_place(struct fixture *fixture, const char *name)
{
        char path[128];

        fixture_path(fixture, name, path);
        fixture->machine->root.source = MACHINE_ROOT_DIRECTORY;
        fixture->machine->root.upper = MACHINE_UPPER_IN_PLACE;
        assert_int_equal(string_replace(&fixture->machine->root.directory, path), 0);
}

static void test_in_place(void **state)
{
        char path[128];
        struct stat info;

        FIXTURE_OR_SKIP(fixture, state);
        use_in_place(fixture, "nowhere");
        fixture_fails(fixture, "does not exist");
        use_in_place(fixture, "layer/etc/from-layer");
        fixture_fails(fixture, "is not a directory");
        use_in_place(fixture, "layer");

        fixture->parameters.ephemeral = true;
        fixture->inside = inside_writes;
        fixture_passes(fixture);
        assert_layer_untouched(fixture);
        fixture->parameters.ephemeral = false;
        fixture->machine->root.upper = MACHINE_UPPER_VOLATILE;
        fixture_passes(fixture);
        assert_layer_untouched(fixture);

        fixture->machine->root.upper = MACHINE_UPPER_IN_PLACE;
        fixture_passes(fixture);
        fixture_path(fixture, "layer/new", path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 33);
        fixture_path(fixture, "layer/proc", path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 0);
}

static void mount_in_root(struct fixture *fixture)
{
        fixture_mount(fixture, "layer/srv", "tmpfs", "mode=0755,size=1m");
}

static int inside_below(struct rootfs *rootfs)
{
        struct stat root, below;

        (void)rootfs;
        INSIDE(stat("/", &root) == 0 && stat("/srv", &below) == 0);
        INSIDE(root.st_dev != below.st_dev && below.st_uid == 0);
        return 0;
}

/* A root in place is the host's directory, with its mounts. */
static void test_in_place_with_mounts(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        use_in_place(fixture, "layer");
        fixture_mkdir(fixture, "layer/srv");
        fixture->prepare = mount_in_root;
        fixture->inside = inside_below;
        fixture_passes(fixture);
}

static void mount_on_proc(struct fixture *fixture)
{
        fixture_mount(fixture, "layer/proc", "tmpfs", NULL);
}

static void bind_on_proc(struct fixture *fixture)
{
        char path[128], false_proc[128];

        fixture_path(fixture, "layer/proc", path);
        fixture_path(fixture, "layer/etc", false_proc);
        assert_int_equal(mount(false_proc, path, NULL, MS_BIND, NULL), 0);
}

static void test_mounted_on_proc(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        use_in_place(fixture, "layer");
        fixture_mkdir(fixture, "layer/proc");
        fixture->prepare = mount_on_proc;
        fixture_fails(fixture, "the host has a mount on the root's /proc");
        fixture->prepare = bind_on_proc;
        fixture_fails(fixture, "the host has a mount on the root's /proc");
}

/* The flag was set before the copy into the less privileged namespace: it cannot be removed. */
static int inside_locked(struct rootfs *rootfs)
{
        INSIDE(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) < 0 && errno == EPERM);
        return inside_read_only(rootfs);
}

static void test_in_place_read_only(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        use_in_place(fixture, "layer");
        fixture->machine->root.read_only = true;
        fixture_fails(fixture, "has no directory /proc and is read-only");
        fixture_mkdir(fixture, "layer/proc");
        fixture_mkdir(fixture, "layer/sys");
        fixture_mkdir(fixture, "layer/dev");
        fixture_mkdir(fixture, "layer/run/host");
        fixture_write(fixture, "layer/etc/hostname", "");
        fixture->inside = inside_locked;
        fixture_passes(fixture);
}

/* ---- Layers ---- */

static void add_layers(struct fixture *fixture, int count)
{
        char name[64], path[128];

        for (int i = 0; i < count; i++) {
                snprintf(name, sizeof name, "many/%d", i);
                fixture_mkdir(fixture, name);
                fixture_path(fixture, name, path);
                assert_int_equal(strv_append(&fixture->machine->root.layers, path), 0);
                snprintf(name, sizeof name, "many/%d/file%d", i, i);
                fixture_write(fixture, name, "x");
        }
}

static int inside_many(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(access("/file0", F_OK) == 0 && access("/file130", F_OK) == 0);
        INSIDE(has_text("/etc/from-layer", "layer\n"));
        return 0;
}

static void test_many_layers(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_many;
        add_layers(fixture, 131);
        fixture_passes(fixture);
        fixture->machine->root.upper = MACHINE_UPPER_PERSISTENT;
        fixture_passes(fixture);
}

static void test_most_layers(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_many;
        add_layers(fixture, 499);
        fixture_passes(fixture);
        add_layers(fixture, 1);
        fixture_fails(fixture, "more than 500 layers");
}

/* The topmost layer wins, and its file hides a directory below. */
static int inside_order(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(has_text("/etc/from-layer", "layer\n"));
        INSIDE(stat("/file0", &info) == 0);
        INSIDE(has_text("/etc/from-bottom", "bottom\n"));
        return 0;
}

static void test_layer_order(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        add_layers(fixture, 1);
        fixture_mkdir(fixture, "many/0/etc");
        fixture_write(fixture, "many/0/etc/from-layer", "hidden\n");
        fixture_write(fixture, "many/0/etc/from-bottom", "bottom\n");
        fixture->inside = inside_order;
        fixture_passes(fixture);
}

static void use_layer(struct fixture *fixture, const char *path)
{
        strv_free(fixture->machine->root.layers);
        fixture->machine->root.layers = NULL;
        assert_int_equal(strv_append(&fixture->machine->root.layers, path), 0);
}

static void test_bad_layers(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_path(fixture, "layer", path);
        assert_int_equal(strv_append(&fixture->machine->root.layers, path), 0);
        fixture_fails(fixture, "a layer is listed twice");
        fixture_path(fixture, "nowhere", path);
        use_layer(fixture, path);
        fixture_fails(fixture, "does not exist");
        fixture_path(fixture, "layer/etc/from-layer", path);
        use_layer(fixture, path);
        fixture_fails(fixture, "is not a directory");
        use_layer(fixture, "/proc");
        fixture_fails(fixture, "its file system (proc) does not support id-mapped mounts");
        strv_free(fixture->machine->root.layers);
        fixture->machine->root.layers = NULL;
        fixture_fails(fixture, "has no layer");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_plain),
                CASE(test_volatile),
                CASE(test_persistent),
                CASE(test_upper_directory),
                CASE(test_work_not_empty),
                CASE(test_upper_elsewhere),
                CASE(test_upper_is_link),
                CASE(test_upper_in_use),
                CASE(test_upper_cannot_map),
                CASE(test_read_only),
                CASE(test_in_place),
                CASE(test_in_place_with_mounts),
                CASE(test_mounted_on_proc),
                CASE(test_in_place_read_only),
                CASE(test_many_layers),
                CASE(test_most_layers),
                CASE(test_layer_order),
                CASE(test_bad_layers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
