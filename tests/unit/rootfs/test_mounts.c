/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

static struct machine_mount *add_mount(struct fixture *fixture, enum machine_mount_type type,
                                       const char *source, const char *target)
{
        struct machine *machine = fixture->machine;
        struct machine_mount *mount;

        machine->mounts = reallocarray(machine->mounts, machine->mount_count + 1, sizeof *mount);
        mount = &machine->mounts[machine->mount_count++];
        *mount = (struct machine_mount){
                .type = type,
                .source = source ? strdup(source) : NULL,
                .target = strdup(target),
                .size = MACHINE_UNSET,
                .mode = MACHINE_UNSET,
                .create = true,
        };
        return mount;
}

/* A bind of a temporary directory or file. */
static struct machine_mount *add_bind(struct fixture *fixture, const char *name, const char *target)
{
        char path[128];

        fixture_path(fixture, name, path);
        return add_mount(fixture, MACHINE_MOUNT_BIND, path, target);
}

static void add_option(struct machine_mount *mount, const char *option)
{
        assert_int_equal(strv_append(&mount->options, option), 0);
}

static unsigned long flags_of(const char *path)
{
        struct statvfs info;

        return statvfs(path, &info) == 0 ? info.f_flag : 0;
}

/* ---- Binds ---- */

static int inside_bind(struct rootfs *rootfs)
{
        struct stat info;
        int fd;

        (void)rootfs;
        INSIDE(stat("/data/mine", &info) == 0 && info.st_uid == 0);
        INSIDE((flags_of("/data") & (ST_NOSUID | ST_NODEV)) == (ST_NOSUID | ST_NODEV));
        INSIDE(!(flags_of("/data") & ST_RDONLY));
        fd = open("/data/from-machine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        INSIDE(fd >= 0 && fchown(fd, 33, 33) == 0);
        close(fd);
        INSIDE(mount(NULL, "/data", NULL, MS_REMOUNT | MS_BIND, NULL) < 0 && errno == EPERM);
        return 0;
}

static void test_bind(void **state)
{
        char path[128];
        struct stat info;

        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data");
        fixture_write(fixture, "data/mine", "");
        add_bind(fixture, "data", "/data");
        fixture->inside = inside_bind;
        fixture_passes(fixture);
        fixture_path(fixture, "data/from-machine", path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_uid, 33);
}

static int inside_not_mapped(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(stat("/data/mine", &info) == 0 && info.st_uid == 65534);
        INSIDE(open("/data/from-machine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
        return 0;
}

static void test_bind_not_mapped(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data");
        fixture_write(fixture, "data/mine", "");
        add_option(add_bind(fixture, "data", "/data"), "noidmap");
        fixture->inside = inside_not_mapped;
        fixture_passes(fixture);
}

static void mount_below(struct fixture *fixture)
{
        fixture_mount(fixture, "data/below", "tmpfs", "mode=0777");
}

/* Read-only applies to everything in the bind mount, and is locked: a machine that may mount cannot
 * undo it. */
static int inside_read_only(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(flags_of("/data") & ST_RDONLY);
        INSIDE(flags_of("/data/below") & ST_RDONLY);
        INSIDE(open("/data/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
        INSIDE(open("/data/below/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
        INSIDE(mount(NULL, "/data", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) < 0);
        INSIDE(errno == EPERM);
        INSIDE(mount(NULL, "/data/below", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) <
               0);
        INSIDE(umount2("/data/below", MNT_DETACH) < 0);
        return 0;
}

static void test_bind_read_only(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data/below");
        fixture->prepare = mount_below;
        add_bind(fixture, "data", "/data")->read_only = true;
        fixture->inside = inside_read_only;
        fixture_passes(fixture);
}

static int inside_alone(struct rootfs *rootfs)
{
        struct stat data, below;

        (void)rootfs;
        INSIDE(stat("/data", &data) == 0 && stat("/data/below", &below) == 0);
        INSIDE(data.st_dev == below.st_dev);
        return 0;
}

static void test_bind_alone(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data/below");
        fixture->prepare = mount_below;
        add_option(add_bind(fixture, "data", "/data"), "bind");
        fixture->inside = inside_alone;
        fixture_passes(fixture);
}

static void share_data(struct fixture *fixture)
{
        char path[128];

        fixture_path(fixture, "data", path);
        assert_int_equal(mount("data", path, "tmpfs", 0, "mode=0755"), 0);
        assert_int_equal(mount(NULL, path, NULL, MS_SHARED, NULL), 0);
}

static bool is_followed(const char *target)
{
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *middle = string_format(" %s ", target);

        if (file_read(AT_FDCWD, "/proc/self/mountinfo", 65536, &text, NULL) < 0 ||
            strv_split(text, '\n', &lines) < 0) {
                return false;
        }
        STRV_FOREACH(line, lines) {
                if (strstr(*line, middle) && strstr(*line, " master:")) {
                        return true;
                }
        }
        return false;
}

static int inside_propagation(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(access("/private", F_OK) == 0 && !is_followed("/private"));
        INSIDE(is_followed("/slave"));
        return 0;
}

static void test_propagation(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data");
        fixture->prepare = share_data;
        add_bind(fixture, "data", "/private");
        add_option(add_bind(fixture, "data", "/slave"), "rslave");
        fixture->inside = inside_propagation;
        fixture_passes(fixture);
}

static void mount_ramfs_below(struct fixture *fixture)
{
        fixture_mount(fixture, "data/below", "ramfs", NULL);
}

static void mount_proc_below(struct fixture *fixture)
{
        fixture_mount(fixture, "data/below", "proc", NULL);
}

static int inside_kernel_below(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(access("/data/below/1/stat", F_OK) == 0);
        INSIDE(stat("/data", &info) == 0 && info.st_uid == 0);
        return 0;
}

/* The kernel's files have no owner to map. */
static void test_bind_below_of_kernel(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data/below");
        fixture->prepare = mount_proc_below;
        fixture->inside = inside_kernel_below;
        add_bind(fixture, "data", "/data");
        fixture_passes(fixture);
}

static void test_bind_below_not_mapped(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_mkdir(fixture, "data/below");
        fixture->prepare = mount_ramfs_below;
        add_bind(fixture, "data", "/data");
        fixture_fails(fixture, "/data/below\": its file system (ramfs) does not support id-mapped");
        add_option(&fixture->machine->mounts[0], "bind");
        fixture_passes(fixture);
}

static int inside_file(struct rootfs *rootfs)
{
        struct stat info;

        (void)rootfs;
        INSIDE(stat("/etc/deep/in/it", &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 3);
        return 0;
}

static void test_bind_file(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture_write(fixture, "file", "abc");
        add_bind(fixture, "file", "/etc/deep/in/it");
        fixture->inside = inside_file;
        fixture_passes(fixture);
}

static void test_bind_errors(void **state)
{
        struct machine_mount *mount;

        FIXTURE_OR_SKIP(fixture, state);
        fixture_write(fixture, "file", "abc");
        mount = add_bind(fixture, "nowhere", "/data");
        fixture_fails(fixture, "nowhere\" does not exist on the host");
        assert_int_equal(string_replace(&mount->source, "/usr"), 0);
        assert_int_equal(string_replace(&mount->target, "/"), 0);
        fixture_fails(fixture, "nothing can be mounted on \"/\"");
        assert_int_equal(string_replace(&mount->target, "/etc/from-layer"), 0);
        fixture_fails(fixture, "the source is a directory, but this is not a directory");
        assert_int_equal(string_replace(&mount->target, "/new"), 0);
        mount->create = false;
        fixture_fails(fixture, "\"/new\" does not exist in the root");
        add_option(mount, "size=1M");
        fixture_fails(fixture, "unknown option \"size=1M\"");
}

/* ---- Targets ---- */

static int inside_stays_inside(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(access("/etc/passwd", F_OK) == 0);
        INSIDE(access("/escape/passwd", F_OK) == 0);
        return 0;
}

/* A link in the root to "/etc" refers to the machine's /etc, with any number of "..". */
static void test_target_link(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_path(fixture, "layer/escape", path);
        assert_int_equal(symlink("../../../../../../../etc", path), 0);
        fixture_mkdir(fixture, "data");
        fixture_write(fixture, "data/passwd", "mine");
        add_bind(fixture, "data", "/escape");
        fixture->inside = inside_stays_inside;
        fixture_passes(fixture);
        fixture_path(fixture, "layer/etc/passwd", path);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_target_link_to_nowhere(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_path(fixture, "layer/nowhere", path);
        assert_int_equal(symlink("/there/is/nothing", path), 0);
        fixture_mkdir(fixture, "data");
        fixture_write(fixture, "file", "");
        add_bind(fixture, "data", "/nowhere/below");
        fixture_fails(fixture, "its path contains a dangling link");
        assert_int_equal(string_replace(&fixture->machine->mounts[0].target, "/nowhere"), 0);
        fixture_fails(fixture, "its path contains a dangling link");
        fixture_path(fixture, "file", path);
        assert_int_equal(string_replace(&fixture->machine->mounts[0].source, path), 0);
        fixture_fails(fixture, "its path contains a dangling link");
}

static void test_target_kernel(void **state)
{
        static const char *const targets[] = { "/proc", "/proc/self/attr", "/proc/sys/kernel",
                                               "/sys",  "/sys/kernel",     "/false" };
        struct machine_mount *mount;
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_path(fixture, "layer/false", path);
        assert_int_equal(symlink("proc/sys", path), 0);
        mount = add_mount(fixture, MACHINE_MOUNT_TMPFS, NULL, "/proc");
        for (size_t i = 0; i < ELEMENTS_OF(targets); i++) {
                assert_int_equal(string_replace(&mount->target, targets[i]), 0);
                fixture_fails(fixture, "it is on a kernel file system");
        }
}

/* ---- Others ---- */

static int inside_others(struct rootfs *rootfs)
{
        struct stat info;
        struct statvfs tmp;
        int fd;

        (void)rootfs;
        INSIDE(stat("/cache", &info) == 0 && (info.st_mode & 07777) == 0711 && info.st_uid == 0);
        INSIDE(statvfs("/cache", &tmp) == 0 && tmp.f_blocks * tmp.f_frsize == 1 << 20);
        INSIDE((tmp.f_flag & (ST_NOEXEC | ST_NOSUID | ST_NODEV)) ==
               (ST_NOEXEC | ST_NOSUID | ST_NODEV));
        INSIDE(stat("/merged/top", &info) == 0 && stat("/merged/bottom", &info) == 0);
        INSIDE(info.st_uid == 0);
        fd = open("/merged/top", O_WRONLY | O_APPEND | O_CLOEXEC);
        INSIDE(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
        INSIDE(flags_of("/merged-read-only") & ST_RDONLY);
        INSIDE(access("/merged-read-only/top", F_OK) == 0);
        INSIDE(flags_of("/queues") & ST_NODEV);
        return 0;
}

static void test_others(void **state)
{
        struct machine_mount *mount;
        char source[300];
        char *text;

        FIXTURE_OR_SKIP(fixture, state);
        mount = add_mount(fixture, MACHINE_MOUNT_TMPFS, NULL, "/cache");
        mount->size = 1 << 20;
        add_option(mount, "noexec");
        add_option(mount, "mode=0711");
        fixture_mkdir(fixture, "a");
        fixture_mkdir(fixture, "b");
        fixture_write(fixture, "a/top", "top");
        fixture_write(fixture, "b/bottom", "bottom");
        snprintf(source, sizeof source, "%s/a:%s/b", fixture->directory, fixture->directory);
        add_mount(fixture, MACHINE_MOUNT_OVERLAY, source, "/merged");
        snprintf(source, sizeof source, "%s/a", fixture->directory);
        add_mount(fixture, MACHINE_MOUNT_OVERLAY, source, "/merged-read-only")->read_only = true;
        add_mount(fixture, MACHINE_MOUNT_MQUEUE, NULL, "/queues");
        fixture->inside = inside_others;
        fixture_passes(fixture);
        text = fixture_read(fixture, "a/top");
        assert_string_equal(text, "top");
        free(text);
}

/* ---- Devices ---- */

static void add_device(struct fixture *fixture, const char *source, const char *target)
{
        struct machine *machine = fixture->machine;

        machine->devices =
                reallocarray(machine->devices, machine->device_count + 1, sizeof *machine->devices);
        machine->devices[machine->device_count++] = (struct machine_device){
                .source = strdup(source), .target = strdup(target), .access = "rw"
        };
}

static int inside_devices(struct rootfs *rootfs)
{
        struct stat info;
        int fd;

        (void)rootfs;
        INSIDE(stat("/dev/deep/zero", &info) == 0 && info.st_rdev == makedev(1, 5));
        INSIDE(info.st_uid == 0);
        fd = open("/dev/deep/zero", O_RDONLY | O_CLOEXEC);
        INSIDE(fd >= 0);
        close(fd);
        INSIDE(mknod("/dev/mine", S_IFCHR | 0666, makedev(1, 3)) < 0 && errno == EPERM);
        return 0;
}

static void test_devices(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        add_device(fixture, "/dev/zero", "/dev/deep/zero");
        fixture->inside = inside_devices;
        fixture_passes(fixture);
        add_device(fixture, "/dev/zero", "/dev/null");
        fixture_fails(fixture, "this name already exists in the machine's /dev");
        fixture->machine->device_count--;
        free(fixture->machine->devices[1].source);
        free(fixture->machine->devices[1].target);
        add_device(fixture, "/dev/no-such-thing", "/dev/x");
        fixture_fails(fixture, "does not exist on the host");
        assert_int_equal(string_replace(&fixture->machine->devices[1].source, "/etc/passwd"), 0);
        fixture_fails(fixture, "is not a device node");
        assert_int_equal(string_replace(&fixture->machine->devices[1].target, "/opt/zero"), 0);
        fixture_fails(fixture, "devices of a machine are below /dev");
}

/* ---- Credentials ---- */

static int inside_credentials(struct rootfs *rootfs)
{
        struct stat info;
        char *text = NULL;

        (void)rootfs;
        INSIDE(stat("/run/host/credentials", &info) == 0 && (info.st_mode & 0777) == 0500);
        INSIDE(stat("/run/host/credentials/key", &info) == 0 && (info.st_mode & 0777) == 0400);
        INSIDE(flags_of("/run/host/credentials") & ST_RDONLY);
        INSIDE(file_read(AT_FDCWD, "/run/host/credentials/key", 100, &text, NULL) == 0);
        INSIDE(string_equal(text, "secret"));
        free(text);
        INSIDE(file_read(AT_FDCWD, "/run/host/credentials/file", 100, &text, NULL) == 0);
        INSIDE(string_equal(text, "from a file"));
        free(text);
        return 0;
}

static void add_credential(struct fixture *fixture, const char *name, const char *path,
                           const char *value)
{
        struct machine *machine = fixture->machine;

        machine->credentials = reallocarray(machine->credentials, machine->credential_count + 1,
                                            sizeof *machine->credentials);
        machine->credentials[machine->credential_count++] = (struct machine_credential){
                .name = strdup(name),
                .path = path ? strdup(path) : NULL,
                .value = value ? strdup(value) : NULL,
        };
}

static void test_credentials(void **state)
{
        char path[128];

        FIXTURE_OR_SKIP(fixture, state);
        fixture_write(fixture, "file", "from a file");
        fixture_path(fixture, "file", path);
        add_credential(fixture, "key", NULL, "secret");
        add_credential(fixture, "file", path, NULL);
        fixture->inside = inside_credentials;
        fixture_passes(fixture);
        add_credential(fixture, "zero", "/dev/zero", NULL);
        fixture_fails(fixture, "is longer than");
        assert_int_equal(string_replace(&fixture->machine->credentials[2].name, "../x"), 0);
        fixture_fails(fixture, "the name is not a file name");
}

/* ---- Network ---- */

static int inside_host_network(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(flags_of("/sys") & ST_RDONLY);
        INSIDE(access("/sys/class/net", F_OK) == 0);
        INSIDE(flags_of("/proc/sys/net") & ST_RDONLY);
        INSIDE(mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                     NULL) < 0 &&
               errno == EPERM);
        return 0;
}

/* The case's own network namespace represents the host's; the machine's is a third one, whose owner
 * cannot be queried here. */
static void test_host_network(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->machine->network.mode = MACHINE_NETWORK_HOST;
        fixture->inside = inside_host_network;
        fixture_passes(fixture);
}

static int inside_joined_network(struct rootfs *rootfs)
{
        (void)rootfs;
        INSIDE(access("/sys/class/net/joined", F_OK) == 0);
        INSIDE(access("/sys/class/net/lo", F_OK) < 0);
        INSIDE(flags_of("/sys") & ST_RDONLY);
        return 0;
}

/* /sys shows the interfaces of the network that the machine joins. */
static void test_joined_network(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->machine->network.mode = MACHINE_NETWORK_PATH;
        fixture->joins_network = true;
        fixture->inside = inside_joined_network;
        fixture_passes(fixture);
}

/* ---- Terminal ---- */

static int inside_terminal(struct rootfs *rootfs)
{
        struct stat console, slave_info;
        struct machine_error error = MACHINE_ERROR_INIT;
        int master, slave;
        char text[4];

        INSIDE(rootfs_terminal(rootfs, &master, &slave, &error) == 0);
        INSIDE(stat("/dev/console", &console) == 0 && fstat(slave, &slave_info) == 0);
        INSIDE(S_ISCHR(console.st_mode) && console.st_rdev == slave_info.st_rdev);
        INSIDE(console.st_uid == 0);
        INSIDE(isatty(slave));
        INSIDE(write(slave, "x\n", 2) == 2 && read(master, text, sizeof text) > 0);
        close(master);
        close(slave);
        return 0;
}

static void test_terminal(void **state)
{
        FIXTURE_OR_SKIP(fixture, state);
        fixture->inside = inside_terminal;
        fixture_passes(fixture);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_bind),
                CASE(test_bind_not_mapped),
                CASE(test_bind_read_only),
                CASE(test_bind_alone),
                CASE(test_propagation),
                CASE(test_bind_below_not_mapped),
                CASE(test_bind_file),
                CASE(test_bind_errors),
                CASE(test_bind_below_of_kernel),
                CASE(test_target_link),
                CASE(test_target_link_to_nowhere),
                CASE(test_target_kernel),
                CASE(test_others),
                CASE(test_devices),
                CASE(test_credentials),
                CASE(test_host_network),
                CASE(test_joined_network),
                CASE(test_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
