/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "base/tree/directory.h"

#define FILE_MAXIMUM (16u << 20)

static int write_for(uid_t uid, const char *path, const char *data, size_t length,
                     struct machine_error *error)
{
        int r = file_replace(AT_FDCWD, path, data, length, 0600);

        if (r == 0 && geteuid() == 0 && chown(path, uid, (gid_t)uid) < 0) {
                r = -errno;
        }
        return r < 0 ? error_set(error, r, "cannot write %s", path) : 0;
}

static int copy(const char *from, const char *to, const char *what, uid_t uid,
                struct machine_error *error)
{
        _cleanup_free_ char *data = NULL;
        size_t length;
        int r = trust_read(from, 0, what, FILE_MAXIMUM, &data, &length, error);

        return r < 0 ? r : write_for(uid, to, data, length, error);
}

/* Only the public keys: gpg(1) needs neither sockets nor an agent to verify. */
static int copy_keyring(const char *from, const char *home, uid_t uid, struct machine_error *error)
{
        static const char *const names[] = { "pubring.kbx", "pubring.gpg", "trustdb.gpg" };
        _cleanup_free_ char *directory = string_format("%s/gnupg", home);

        if (!directory) {
                return error_oom(error);
        }
        if (mkdir(directory, 0700) < 0 ||
            (geteuid() == 0 && chown(directory, uid, (gid_t)uid) < 0)) {
                return error_set(error, errno, "cannot create %s", directory);
        }
        for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
                _cleanup_free_ char *source = path_join(from, names[i]);
                _cleanup_free_ char *target = path_join(directory, names[i]);
                int r = source && target ? 0 : error_oom(error);

                if (r == 0 && access(source, F_OK) == 0) {
                        r = copy(source, target, "the keyring", uid, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int name_signers(const char *home, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/.gitconfig", home);
        _cleanup_free_ char *text =
                string_format("[gpg \"ssh\"]\n\tallowedSignersFile = %s/allowed_signers\n", home);
        _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
        int r = !path || !text ? -ENOMEM : fd < 0 ? -errno : file_write_all(fd, text, strlen(text));

        return r < 0 ? error_set(error, r, "cannot write the configuration of git") : 0;
}

static int install_signers(const struct fetch_request *request, const char *home, uid_t uid,
                           struct machine_error *error)
{
        const char *signers = request->signers ? request->signers : FETCH_SIGNERS;
        _cleanup_free_ char *target = string_format("%s/allowed_signers", home);
        struct stat status;
        int r;

        if (request->verify == FETCH_VERIFY_NOTHING) {
                return 0;
        }
        if (!target) {
                return error_oom(error);
        }
        if (stat(signers, &status) < 0) {
                r = error_set(error, errno, "cannot read the signers %s", signers);
                error_hint(error, "--signers names an allowed-signers file of ssh-keygen(1), or a "
                                  "directory with a keyring of gpg(1), on this host");
                return r;
        }
        if (S_ISDIR(status.st_mode)) {
                return copy_keyring(signers, home, uid, error);
        }
        r = copy(signers, target, "the signers", uid, error);
        return r < 0 ? r : name_signers(home, error);
}

int keys_install(const struct fetch_request *request, const char *home, uid_t uid,
                 struct machine_error *error)
{
        _cleanup_free_ char *key = string_format("%s/key", home);
        int r = key ? install_signers(request, home, uid, error) : error_oom(error);

        return r < 0 || !request->key ? r : copy(request->key, key, "the key for ssh", uid, error);
}
