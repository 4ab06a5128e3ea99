/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks for a user who is not root. What needs his own user namespace is tried in a process that
 * makes one, as a start does, and then ends. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cli/diagnosis/diagnosis.h"
#include "network/network.h"
#include "security/user/user.h"

#define REPORT_MAXIMUM 8192

/* ---- trials ---- */

/* What a trial does in the user's namespace. */
struct trial {
        int (*act)(const struct cli *cli, struct machine_error *error);
        bool with_one_id; /* also for a user without subordinate ids */
};

static int enter(const struct trial *trial, struct machine_error *error)
{
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        int r = subordinate_ids_find(&ids, error);

        if (r == -ENOENT && trial->with_one_id) {
                return user_namespace_make(NULL, error);
        }
        return r < 0 ? r : user_namespace_make(&ids, error);
}

/* The message and the hint, separated by a line break, which they do not contain. */
static _Noreturn void run_trial(const struct cli *cli, const struct trial *trial, int report)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = enter(trial, &error);

        if (r == 0 && trial->act) {
                r = trial->act(cli, &error);
        }
        if (r < 0) {
                dprintf(report, "%s\n%s", error.message ? error.message : strerror(-r),
                        error.hint ? error.hint : "");
        }
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Returns 0, 1 if the trial failed, with the error set, or -ENOMEM. */
static int try(const struct cli *cli, const struct trial *trial, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        char *line;
        int ends[2];
        pid_t pid;
        int r;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                return -ENOMEM;
        }
        pid = process_fork(0, NULL);
        if (pid == 0) {
                run_trial(cli, trial, ends[1]);
        }
        fd_close(ends[1]);
        r = pid < 0 ? pid : file_read_fd(ends[0], REPORT_MAXIMUM, &text, NULL);
        fd_close(ends[0]);
        if (pid > 0 && process_wait(pid) == 0) {
                return 0;
        }
        if (r < 0 || !text[0]) {
                error_say(error, EIO, "the process that tried it ended unexpectedly");
                return 1;
        }
        line = strchr(text, '\n');
        if (line) {
                *line++ = '\0';
        }
        error_say(error, EIO, "%s", text);
        if (line && *line) {
                error_hint(error, "%s", line);
        }
        return 1;
}

static int examine(const struct cli *cli, const struct trial *trial, const char *good,
                   struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = try(cli, trial, &error);

        if (r < 0) {
                return r;
        }
        return r > 0 ? diagnosis_of_error(ret, DIAGNOSIS_BAD, &error)
                     : diagnosis_say(ret, DIAGNOSIS_GOOD, "%s", good);
}

/* ---- the user's namespace ---- */

int examine_own_user_namespace(const struct cli *cli, struct diagnosis *ret)
{
        const struct trial trial = { .with_one_id = true };

        return examine(cli, &trial, "a user namespace of your own can be made", ret);
}

int examine_subordinate_ids(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_subordinate_ids_ struct subordinate_ids ids = { 0 };
        _cleanup_free_ char *text = NULL;

        if (subordinate_ids_find(&ids, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        text = subordinate_ids_text(&ids);
        return text ? diagnosis_say(ret, DIAGNOSIS_GOOD, "your ranges: %s", text) : -ENOMEM;
}

/* ---- a machine's namespaces ---- */

/* Refused where something is mounted over a part of every instance, as in a container. */
static int mount_again(const char *type, const char *path, struct machine_error *error)
{
        int r;

        if (mount(type, path, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
                return 0;
        }
        r = error_set(error, errno, "cannot mount a %s for a machine", path);
        if (r == -EPERM) {
                error_hint(error,
                           "%s of this host is not fully visible, as in a container: run the "
                           "container with an unmasked one, in Podman with --security-opt "
                           "unmask=ALL",
                           path);
        }
        return r;
}

static int mount_kernel_file_systems(struct machine_error *error)
{
        int r = 0;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                return error_set(error, errno, "cannot make the mounts private");
        }
        r = mount_again("sysfs", "/sys", error);
        return r == 0 ? mount_again("proc", "/proc", error) : r;
}

static int try_machine(const struct cli *cli, struct machine_error *error)
{
        int pipe_ends[2];
        char text[512] = "";
        pid_t pid;

        if (pipe2(pipe_ends, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot create a pipe");
        }
        pid = process_fork(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                                   CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP,
                           NULL);
        if (pid == 0) {
                _cleanup_error_ struct machine_error inner = MACHINE_ERROR_INIT;

                if (mount_kernel_file_systems(&inner) < 0) {
                        dprintf(pipe_ends[1], "%s\n%s", inner.message,
                                inner.hint ? inner.hint : "");
                }
                _exit(0);
        }
        fd_close(pipe_ends[1]);
        if (pid > 0 && read(pipe_ends[0], text, sizeof(text) - 1) > 0) {
                char *hint = strchr(text, '\n');

                if (hint) {
                        *hint++ = '\0';
                }
                error_say(error, EPERM, "%s", text);
                if (hint && *hint) {
                        error_hint(error, "%s", hint);
                }
        }
        fd_close(pipe_ends[0]);
        if (pid < 0) {
                return error_set(error, pid, "cannot make the namespaces of a machine");
        }
        (void)process_wait(pid);
        return error_is_set(error) ? -EPERM : 0;
}

int examine_own_machines(const struct cli *cli, struct diagnosis *ret)
{
        const struct trial trial = { .act = try_machine, .with_one_id = true };

        return examine(cli, &trial,
                       "the namespaces of a machine, its /proc and its /sys can be made", ret);
}

/* ---- file systems ---- */

/* An overlay in a new directory of the state directory, or of the closest one that exists. */
static int mount_overlay(const char *directory, struct machine_error *error)
{
        static const char *const parts[] = { "lower", "upper", "work", "root" };
        char options[64] = "lowerdir=lower,upperdir=upper,workdir=work,userxattr,index=off";

        if (chdir(directory) < 0) {
                return error_set(error, errno, "cannot use the directory %s", directory);
        }
        for (size_t i = 0; i < ELEMENTS_OF(parts); i++) {
                if (mkdir(parts[i], 0700) < 0) {
                        return error_set(error, errno, "cannot create a directory in %s",
                                         directory);
                }
        }
        if (unshare(CLONE_NEWNS) < 0 ||
            mount("overlay", "root", "overlay", MS_NOSUID | MS_NODEV, options) < 0) {
                int r = error_set(error, errno, "cannot mount an overlay in %s", directory);

                error_hint(error, "move the directory to another file system with --state-dir, or "
                                  "use upper = \"volatile\"");
                return r;
        }
        (void)umount2("root", MNT_DETACH);
        return 0;
}

static void remove_trial(const char *directory)
{
        static const char *const parts[] = { "work/work", "work", "lower", "upper", "root" };

        if (chdir(directory) == 0) {
                for (size_t i = 0; i < ELEMENTS_OF(parts); i++) {
                        (void)rmdir(parts[i]);
                }
                (void)chdir("/");
                (void)rmdir(directory);
        }
}

static int try_overlay(const struct cli *cli, struct machine_error *error)
{
        _cleanup_free_ char *existing = diagnosis_existing_part(cli->directories.state);
        _cleanup_free_ char *directory = existing ? path_join(existing, ".doctor-XXXXXX") : NULL;
        int r;

        if (!directory) {
                return error_oom(error);
        }
        if (!mkdtemp(directory)) {
                return error_set(error, errno, "cannot create a directory in %s", existing);
        }
        r = mount_overlay(directory, error);
        remove_trial(directory);
        return r;
}

int examine_own_overlay(const struct cli *cli, struct diagnosis *ret)
{
        const struct trial trial = { .act = try_overlay, .with_one_id = true };
        _cleanup_free_ char *good = string_format("overlays work in %s", cli->directories.state);

        return good ? examine(cli, &trial, good, ret) : -ENOMEM;
}

int examine_own_directories(const struct cli *cli, struct diagnosis *ret)
{
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "state in %s, runtime in %s, logs in %s",
                             cli->directories.state, cli->directories.runtime,
                             cli->directories.log);
}

/* ---- network ---- */

static int try_network(const struct cli *cli, struct machine_error *error)
{
        return network_try_user(error);
}

int examine_own_network(const struct cli *cli, struct diagnosis *ret)
{
        const struct trial trial = { .act = try_network, .with_one_id = true };

        return examine(cli, &trial,
                       "a network namespace for machines, and a tap in it, can be made", ret);
}

static int try_ports(const struct cli *cli, struct machine_error *error)
{
        return network_try_ports(error);
}

int examine_own_ports(const struct cli *cli, struct diagnosis *ret)
{
        const struct trial trial = { .act = try_ports, .with_one_id = true };

        return examine(cli, &trial, "machines see the addresses of their callers", ret);
}

int examine_network_program(const struct cli *cli, struct diagnosis *ret)
{
        const char *program = network_program_name();

        if (!program) {
                diagnosis_say(ret, DIAGNOSIS_BAD,
                              "neither pasta nor slirp4netns is installed: machines on networks "
                              "that are not internal cannot start");
                return diagnosis_way_out(ret, "install pasta (package passt) or slirp4netns");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "%s connects machines to the network of the host",
                             program);
}

static bool may_ping(const char *range, gid_t own)
{
        unsigned int first, last;

        return sscanf(range, "%u %u", &first, &last) == 2 && own >= first && own <= last;
}

int examine_ping(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *range = NULL;

        if (file_read(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", 64, &range, NULL) == 0 &&
            !may_ping(range, getegid())) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "machines cannot ping the outside: group %u is not in the sysctl "
                              "net.ipv4.ping_group_range",
                              getegid());
                return diagnosis_way_out(ret,
                                         "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "machines can ping the outside");
}

int examine_low_ports(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *text = NULL;
        unsigned int first = 1024;

        if (file_read(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", 64, &text, NULL) ==
            0) {
                (void)sscanf(text, "%u", &first);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD,
                             "ports from %u on can be published (sysctl "
                             "net.ipv4.ip_unprivileged_port_start)",
                             first);
}
