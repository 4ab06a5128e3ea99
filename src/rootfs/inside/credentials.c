/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/trust.h"
#include "rootfs/common/internal.h"
#include "rootfs/inside/decrypt.h"
#include "rootfs/mount/mount.h"

/* Secrets are stored on a ramfs, which is never swapped out. The parent reads them from the host's
 * files, the child writes them. */

/* The maximum size of a credential; a ramfs has no limit of its own. */
#define CREDENTIAL_MAXIMUM (1024 * 1024)

/* Replaces the content of the file by the plain text. */
static int decrypt_staged(const struct machine_credential *credential,
                          struct staged_credential *staged, struct machine_error *error)
{
        char *plain;
        size_t length;
        int r = decrypt(credential, staged->data, staged->length, CREDENTIAL_MAXIMUM, &plain,
                        &length, error);

        if (r == 0) {
                free(staged->data);
                *staged = (struct staged_credential){ .data = plain, .length = length };
        }
        return r;
}

static int read_credential(const struct machine_credential *credential, uid_t owner,
                           struct staged_credential *staged, struct machine_error *error)
{
        int r;

        if (!path_is_component(credential->name)) {
                return error_say(error, EINVAL,
                                 "the credential \"%s\": the name is not a file name",
                                 credential->name);
        }
        if (credential->value) {
                staged->data = strdup(credential->value);
                if (!staged->data) {
                        return error_oom(error);
                }
                staged->length = strlen(staged->data);
                return 0;
        }
        r = trust_read(credential->path, owner, "its file", CREDENTIAL_MAXIMUM, &staged->data,
                       &staged->length, error);
        if (r == -EFBIG) {
                return error_say(error, EFBIG,
                                 "the credential \"%s\": \"%s\" is longer than %d bytes",
                                 credential->name, credential->path, CREDENTIAL_MAXIMUM);
        }
        if (r == 0 && credential->decrypt != MACHINE_DECRYPT_NONE) {
                r = decrypt_staged(credential, staged, error);
        }
        if (r < 0) {
                error_prefix(error, "the credential \"%s\"", credential->name);
        }
        return r;
}

int credentials_open(struct rootfs *rootfs, struct machine_error *error)
{
        for (size_t i = 0; i < rootfs->machine->credential_count; i++) {
                int r = read_credential(&rootfs->machine->credentials[i],
                                        rootfs->machine->trusted_owner, &rootfs->credentials[i],
                                        error);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

void credentials_free(struct rootfs *rootfs)
{
        for (size_t i = 0; rootfs->credentials && i < rootfs->machine->credential_count; i++) {
                if (rootfs->credentials[i].data) {
                        explicit_bzero(rootfs->credentials[i].data, rootfs->credentials[i].length);
                }
                free(rootfs->credentials[i].data);
        }
        free(rootfs->credentials);
}

static int write_credential(int directory_fd, const char *name,
                            const struct staged_credential *staged, uid_t uid, gid_t gid)
{
        int r = rootfs_write_file(directory_fd, name, staged->data, staged->length, 0400);

        if (r == 0 && fchownat(directory_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
                r = -errno;
        }
        return r;
}

int rootfs_credentials(struct rootfs *rootfs, uid_t uid, gid_t gid, struct machine_error *error)
{
        static const struct mount_option options[] = { { "mode", "0500" }, { NULL, NULL } };
        const struct machine *machine = rootfs->machine;
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (machine->credential_count == 0) {
                return 0;
        }
        fd = mount_new("ramfs", options, MOUNT_ATTR_PSEUDO, error);
        if (fd < 0) {
                error_prefix(error, "cannot create the directory of the credentials");
                return fd;
        }
        for (size_t i = 0; r == 0 && i < machine->credential_count; i++) {
                r = write_credential(fd, machine->credentials[i].name, &rootfs->credentials[i], uid,
                                     gid);
                if (r < 0) {
                        return error_set(error, r, "cannot write the credential \"%s\"",
                                         machine->credentials[i].name);
                }
        }
        if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0) {
                return error_set(error, errno, "cannot give the credentials to the user");
        }
        r = mount_set(fd, MOUNT_ATTR_RDONLY, false);
        if (r == 0) {
                r = mount_attach(fd, rootfs->run_host_fd, "credentials");
        }
        return r < 0 ? error_set(error, r, "cannot mount the credentials") : 0;
}
