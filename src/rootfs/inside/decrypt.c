/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/inside/decrypt.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/rights/caller.h"
#include "base/rights/places.h"
#include "base/rights/trust.h"
#include "base/strings.h"

#define IDENTITY_FILE    "/etc/machinectl-lite/age.key"
#define ERRORS_MAXIMUM   4096
#define STATUS_NOT_FOUND 127

static _Noreturn void become(char *const *arguments, int input, int output, int errors)
{
        int high[] = { fcntl(input, F_DUPFD, 3), fcntl(output, F_DUPFD, 3),
                       fcntl(errors, F_DUPFD, 3) };

        /* Without a terminal, age cannot ask for a passphrase. */
        (void)setsid();
        (void)signal(SIGPIPE, SIG_DFL);
        for (int i = 0; i < 3; i++) {
                if (high[i] < 0 || dup2(high[i], i) < 0) {
                        _exit(STATUS_NOT_FOUND);
                }
        }
        if (process_close_from(3) == 0) {
                (void)execvp(arguments[0], arguments);
        }
        _exit(STATUS_NOT_FOUND);
}

/* Reads into one buffer, so that no part of the text stays behind in freed memory. */
static int read_all(int fd, size_t maximum, char **ret, size_t *ret_length)
{
        _cleanup_free_ char *buffer = malloc(maximum + 1);
        size_t length = 0;
        ssize_t n = 1;

        while (buffer && n > 0 && length <= maximum) {
                n = read(fd, buffer + length, maximum + 1 - length);
                length += n > 0 ? (size_t)n : 0;
                n = n < 0 && errno == EINTR ? 1 : n;
        }
        if (!buffer || n < 0 || length > maximum) {
                int r = !buffer ? -ENOMEM : n < 0 ? -errno : -EFBIG;

                if (buffer) {
                        explicit_bzero(buffer, length);
                }
                return r;
        }
        *ret = calloc(1, length + 1);
        if (*ret) {
                memcpy(*ret, buffer, length);
                *ret_length = length;
        }
        explicit_bzero(buffer, length);
        return *ret ? 0 : -ENOMEM;
}

static int explain(const char *program, int status, int errors, struct machine_error *error)
{
        _cleanup_free_ char *said = NULL, *printable = NULL;

        if (status == STATUS_NOT_FOUND) {
                error_say(error, ENOENT, "%s cannot be run", program);
                error_hint(error, "install it: it is looked up in PATH");
                return -ENOENT;
        }
        if (lseek(errors, 0, SEEK_SET) == 0) {
                (void)file_read_fd(errors, ERRORS_MAXIMUM, &said, NULL);
        }
        printable = string_printable(said ? said : "");
        return error_say(error, EIO, "%s failed with status %d%s%s", program, status,
                         printable && *printable ? ": " : "", printable ? printable : "");
}

static int run(char *const *arguments, int input, size_t maximum, char **ret, size_t *ret_length,
               struct machine_error *error)
{
        _cleanup_close_ int errors = memfd_create("errors", MFD_CLOEXEC);
        int output[2], r, status;
        pid_t pid;

        if (errors < 0 || pipe2(output, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot run %s", arguments[0]);
        }
        pid = process_fork(0, NULL);
        if (pid == 0) {
                become(arguments, input, output[1], errors);
        }
        fd_close(output[1]);
        r = pid < 0 ? (int)pid : read_all(output[0], maximum, ret, ret_length);
        fd_close(output[0]);
        status = pid < 0 ? 0 : process_wait(pid);
        if (r < 0) {
                return error_set(error, r, "cannot read the output of %s", arguments[0]);
        }
        if (status == 0) {
                return 0;
        }
        explicit_bzero(*ret, *ret_length);
        free(*ret);
        *ret = NULL;
        return explain(arguments[0], status, errors, error);
}

/* Everybody who can read the identity can read the secrets, and who can replace it decides what
 * they are. */
static int check_identity(const char *path, struct machine_error *error)
{
        _cleanup_close_ int fd = trust_open(path, 0, O_RDONLY, error);
        struct stat status;

        if (fd < 0) {
                if (!error_is_set(error)) {
                        error_set(error, fd, "cannot read the identity %s", path);
                        error_hint(error, "age-keygen -o %s makes one", path);
                }
                return fd;
        }
        if (fstat(fd, &status) == 0 && (status.st_mode & 077) != 0) {
                error_say(error, EPERM, "others can read the identity %s", path);
                error_hint(error, "chmod 600 %s", path);
                return -EPERM;
        }
        return 0;
}

static int find_identity(char **ret, struct machine_error *error)
{
        int r = 0;

        if (caller_is_root()) {
                *ret = strdup(IDENTITY_FILE);
                r = *ret ? 0 : error_oom(error);
        } else {
                r = places_user("XDG_CONFIG_HOME", ".config", "machinectl-lite/age.key", ret,
                                error);
        }
        return r < 0 ? r : check_identity(*ret, error);
}

int decrypt(const struct machine_credential *credential, const char *data, size_t length,
            size_t maximum, char **ret, size_t *ret_length, struct machine_error *error)
{
        _cleanup_close_ int input = file_sealed("credential", data, length);
        _cleanup_free_ char *name = string_format("--name=%s", credential->name), *identity = NULL;
        char *systemd[] = {
                (char *)"systemd-creds", (char *)"decrypt", name, (char *)"-", (char *)"-", NULL
        };
        char *age[] = { (char *)"age", (char *)"--decrypt", (char *)"--identity", NULL, NULL };
        bool with_age = credential->decrypt == MACHINE_DECRYPT_AGE;
        int r = !name ? -ENOMEM : input < 0 ? input : 0;

        if (r < 0) {
                return error_set(error, r, "cannot decrypt it");
        }
        if (with_age) {
                r = find_identity(&identity, error);
                age[3] = identity;
        }
        return r < 0 ? r : run(with_age ? age : systemd, input, maximum, ret, ret_length, error);
}
