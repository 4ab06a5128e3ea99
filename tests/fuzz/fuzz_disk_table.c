/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk image: its partition table, what is in its partitions, and which of them are chosen. The
 * input is the image. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/disk/verity.h"
#include "base/error.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

/* One file for all inputs. */
static int write_image(const uint8_t *data, size_t size)
{
        static int fd = -1;

        if (fd < 0) {
                fd = memfd_create("fuzz-disk", MFD_CLOEXEC);
        }
        require(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        require(file_write_all(fd, data, size) == 0);
        return fd;
}

/* Whatever a table says, nothing outside of the image is used. */
static void check_partitions(const struct disk_image *image, size_t size)
{
        require(image->size == size);
        for (size_t i = 0; i < image->count; i++) {
                const struct disk_partition *partition = &image->partitions[i];

                require(partition->number > 0 && partition->offset <= size &&
                        partition->size <= size - partition->offset);
                require(strlen(partition->id) == 36 && strlen(partition->type_id) == 36);
        }
}

static void choose(const struct disk_image *image, const char *root_hash)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct disk_choice choice;

        if (disk_choose(image, root_hash, &choice, &error) < 0) {
                require(error.message != NULL);
                return;
        }
        require(choice.data[DISK_ROOT] || choice.data[DISK_USR]);
        for (int role = 0; role < DISK_ROLES; role++) {
                if (choice.data[role]) {
                        (void)disk_check_content(image, choice.data[role], NULL);
                }
        }
        (void)disk_is_writable(image, root_hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_disk_image_ struct disk_image image = { 0 };
        _cleanup_free_ char *root_hash = NULL;
        struct disk_signature signature;
        int fd = write_image(data, size);

        if (disk_probe(fd, "/fuzz/image.raw", &image, &error) < 0) {
                require(error.message != NULL);
                return 0;
        }
        check_partitions(&image, size);
        if (disk_find_root_hash(&image, fd, &root_hash, NULL) == 0 && root_hash) {
                require(disk_is_root_hash(root_hash));
                if (disk_find_signature(&image, fd, root_hash, NULL, &signature, NULL) == 0 &&
                    signature.data) {
                        require(signature.size > 0 && signature.size <= DISK_SIGNATURE_MAXIMUM);
                }
                disk_signature_clear(&signature);
        }
        if (image.has_table) {
                choose(&image, NULL);
                choose(&image, root_hash);
        }
        return 0;
}
