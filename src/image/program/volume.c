/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/volume.h"
#include "image/archive/output.h"
#include "image/archive/tar_writer.h"
#include "image/layout.h"
#include "image/program/program.h"
#include "image/unpack/worker.h"

/* The content of volumes and the writable layers of machines as archives, and archives of these.
 * machinectl-lite passes the directory of the volume or machine, which it has locked. */

/* ---- Export ---- */

static int write_tree(void *data, tar_output output, void *to, struct machine_error *error)
{
        return tar_write_literal(*(int *)data, output, to, error);
}

/* The writable layer of a machine, as a layer of an image. */
static int write_layer(void *data, tar_output output, void *to, struct machine_error *error)
{
        return tar_write_tree(*(int *)data, -EBADF, output, to, error);
}

static int write_files(void *data, tar_output output, void *to, struct machine_error *error)
{
        return tar_write_files(*(int *)data, output, to, error);
}

static int export_directory(const struct program *program, const char *name, output_writer writer,
                            struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(program->argv[0], name);
        const char *target = program->argv[1];
        _cleanup_close_ int fd = -EBADF;
        int r = output_check(target, error);

        if (r == 0 && strcmp(target, "-") == 0 && isatty(STDOUT_FILENO)) {
                r = error_say(error, EINVAL, "refusing to write an archive to a terminal");
        }
        if (r < 0) {
                return r;
        }
        fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd < 0) {
                return error_set(error, errno, "cannot open %s", path ? path : name);
        }
        return output_write(target, writer, &fd, error);
}

int program_export_volume(struct program *program, struct machine_error *error)
{
        return export_directory(program, VOLUME_DATA, write_tree, error);
}

int program_export_layer(struct program *program, struct machine_error *error)
{
        return export_directory(program, "upper", write_layer, error);
}

int program_export_files(struct program *program, struct machine_error *error)
{
        return export_directory(program, ".", write_files, error);
}

/* ---- Import ---- */

/* An open temporary file without a name. */
static int make_list(int directory_fd)
{
        int fd = openat(directory_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

        if (fd < 0 && errno == EOPNOTSUPP) {
                fd = openat(directory_fd, "list", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                if (fd >= 0) {
                        (void)unlinkat(directory_fd, "list", 0);
                }
        }
        return fd;
}

static int open_archive(const char *path, struct worker_job *job, struct machine_error *error)
{
        bool is_input = strcmp(path, "-") == 0;
        int fd = is_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                          : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0) {
                fd_close(fd);
                return error_set(error, errno, "cannot open the archive %s", path);
        }
        job->sequential = !S_ISREG(status.st_mode);
        job->offset = job->sequential ? 0 : (uint64_t)lseek(fd, 0, SEEK_CUR);
        job->length = job->sequential || (uint64_t)status.st_size < job->offset
                              ? 0
                              : (uint64_t)status.st_size - job->offset;
        return fd;
}

/* The writable layer of a machine holds all directories that it needs, and no part of a file of
 * another layer. */
static int refuse_incomplete(int implied_fd, struct machine_error *error)
{
        struct stat status;

        if (fstat(implied_fd, &status) == 0 && status.st_size == 0) {
                return 0;
        }
        return error_say(error, EBADMSG,
                         "the layer in the archive is not a whole one: it lacks "
                         "directories, or files that it links to");
}

/* Lets a worker in the sandbox unpack the archive. */
static int unpack_archive(struct workers *workers, const struct worker_job *job, int input_fd,
                          int directory_fd, struct worker_result *ret, struct machine_error *error)
{
        _cleanup_close_ int entries = make_list(directory_fd), implied = make_list(directory_fd);
        int result[2], r;

        if (entries < 0 || implied < 0 || pipe2(result, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot start to unpack");
        }
        {
                const int fds[WORKER_FDS] = { input_fd, result[1], entries, implied, -EBADF };

                r = workers_submit(workers, job, fds, error);
        }
        fd_close(result[1]);
        if (r == 0) {
                r = worker_read_result(result[0], ret, error);
        }
        fd_close(result[0]);
        r = r == 0 && ret->status < 0 ? worker_failed(ret, error) : r;
        return r == 0 && !job->literal ? refuse_incomplete(implied, error) : r;
}

static void warn(const struct program *program, const struct unpack_result *unpacked)
{
        if (unpacked->devices > 0) {
                log_warning(&program->log,
                            "%llu device nodes were left out: only root can make them",
                            (unsigned long long)unpacked->devices);
        }
        if (unpacked->ignored > 0) {
                log_warning(&program->log,
                            "%llu extended attributes were dropped: the file system does not "
                            "support them",
                            (unsigned long long)unpacked->ignored);
        }
}

static int import(struct program *program, bool literal, struct machine_error *error)
{
        struct worker_job job = { .kind = WORKER_UNPACK,
                                  .literal = literal,
                                  .directory = VOLUME_NEW };
        _cleanup_close_ int volume = open(program->argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int directory = -EBADF, input = -EBADF;
        struct workers workers = WORKERS_INIT;
        struct worker_result result = { 0 };
        int r = input = open_archive(program->argv[1], &job, error);

        if (r < 0) {
                return r;
        }
        if (volume < 0 || mkdirat(volume, VOLUME_NEW, 0700) < 0 ||
            mkdirat(volume, VOLUME_NEW "/" STORE_LAYER_TREE, 0755) < 0) {
                return error_set(error, errno, "cannot write to %s", program->argv[0]);
        }
        directory = openat(volume, VOLUME_NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = directory < 0 ? error_set(error, errno, "cannot write to %s", program->argv[0])
                          : workers_start(&workers, program->argv[0], error);
        if (r == 0) {
                r = unpack_archive(&workers, &job, input, directory, &result, error);
                workers_stop(&workers);
        }
        if (r == 0) {
                warn(program, &result.unpacked);
        }
        return r;
}

int program_import_volume(struct program *program, struct machine_error *error)
{
        return import(program, true, error);
}

int program_import_layer(struct program *program, struct machine_error *error)
{
        return import(program, false, error);
}
