/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/store/session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/strings.h"
#include "image/common/hash.h"
#include "image/layout.h"

int session_open(struct session *session, const char *state_directory, const char *platform,
                 enum progress_mode mode, const struct log *log, struct machine_error *error)
{
        int r;

        session->log = log;
        session->progress.mode = mode;
        r = platform ? platform_parse(platform, &session->platform, error)
                     : platform_host(&session->platform, error);
        return r < 0 ? r : store_open(state_directory, LOCK_SH, log, &session->store, error);
}

int session_start_workers(struct session *session, struct machine_error *error)
{
        _cleanup_free_ char *layers = NULL;

        if (session->workers.pid > 0) {
                return 0;
        }
        layers = string_format("%s/" STORE_LAYERS, session->store.path);
        return layers ? workers_start(&session->workers, layers, error) : error_oom(error);
}

static int submit(struct session *session, const struct worker_job *job,
                  const int fds[static WORKER_FDS], struct machine_error *error)
{
        int r = session_start_workers(session, error);

        return r < 0 ? r : workers_submit(&session->workers, job, fds, error);
}

void session_close(struct session *session)
{
        workers_stop(&session->workers);
        store_close(&session->store);
        progress_clear(&session->progress);
        platform_clear(&session->platform);
}

int unpacking_start(struct session *session, int fd, uint64_t offset, uint64_t length, bool growing,
                    const char *diff_id, struct unpacking *ret, struct machine_error *error)
{
        struct unpacking unpacking = UNPACKING_INIT;
        struct worker_job job = {
                .kind = WORKER_UNPACK,
                .algorithm = digest_algorithm_of(diff_id),
                .id = session->next_job++,
                .growing = growing,
                .one_owner = session->one_owner,
                .offset = offset,
                .length = length,
        };
        int result[2] = { -EBADF, -EBADF }, control[2] = { -EBADF, -EBADF };
        int r = store_begin_layer(&session->store, &unpacking.layer, error);

        if (r < 0) {
                return r;
        }
        if (pipe2(result, O_CLOEXEC) < 0 ||
            (growing &&
             (pipe2(control, O_CLOEXEC) < 0 || fcntl(control[1], F_SETFL, O_NONBLOCK) < 0))) {
                r = error_set(error, errno, "cannot create a pipe");
        }
        if (r == 0) {
                const int fds[WORKER_FDS] = { fd, result[1], unpacking.layer.entries,
                                              unpacking.layer.implied, control[0] };

                (void)snprintf(job.directory, sizeof job.directory, "%s", unpacking.layer.name);
                r = submit(session, &job, fds, error);
        }
        fd_close(result[1]);
        fd_close(control[0]);
        unpacking.result = result[0];
        unpacking.control = control[1];
        if (r < 0) {
                unpacking_abort(session, &unpacking);
                return r;
        }
        *ret = unpacking;
        return 0;
}

void unpacking_tell(struct unpacking *unpacking, uint64_t available)
{
        /* If the pipe is full, newer numbers follow, and the last is sent again. */
        if (unpacking->control >= 0) {
                (void)!write(unpacking->control, &available, sizeof available);
        }
}

void unpacking_abort(struct session *session, struct unpacking *unpacking)
{
        unpacking->control = fd_close(unpacking->control);
        if (unpacking->result >= 0) {
                struct worker_result ignored;

                /* The worker must stop writing before its directory is removed. */
                (void)worker_read_result(unpacking->result, &ignored, NULL);
        }
        unpacking->result = fd_close(unpacking->result);
        store_discard_layer(&session->store, &unpacking->layer);
}

int unpacking_end(struct session *session, struct unpacking *unpacking, const char *diff_id,
                  struct machine_error *error)
{
        struct worker_result *result = &unpacking->layer.result;
        int r = worker_read_result(unpacking->result, result, error);

        unpacking->result = fd_close(unpacking->result);
        unpacking->control = fd_close(unpacking->control);
        if (r == 0 && result->status < 0) {
                r = worker_failed(result, error);
        }
        if (r == 0 && diff_id && strcmp(diff_id, result->digest) != 0) {
                r = hash_mismatch(error, "the unpacked layer", diff_id, result->digest);
        }
        if (r == 0) {
                r = store_finish_layer(&unpacking->layer, error);
        }
        if (r == 0 && result->unpacked.devices > 0) {
                log_warning(session->log,
                            "%llu device nodes of a layer were left out: only root can make them",
                            (unsigned long long)result->unpacked.devices);
        }
        if (r == 0 && result->unpacked.ignored > 0) {
                log_warning(session->log,
                            "%llu extended attributes of the layer were dropped: the file system "
                            "of the image store does not support them",
                            (unsigned long long)result->unpacked.ignored);
        }
        if (r < 0) {
                store_discard_layer(&session->store, &unpacking->layer);
        }
        return r;
}

int session_run(struct session *session, enum worker_kind kind, int input_fd, bool sequential,
                uint64_t length, int output_fd, struct worker_result *ret,
                struct machine_error *error)
{
        struct worker_job job = {
                .kind = kind,
                .id = session->next_job++,
                .sequential = sequential,
                .length = length,
        };
        int result[2], r;

        if (pipe2(result, O_CLOEXEC) < 0) {
                return error_set(error, errno, "cannot create a pipe");
        }
        {
                const int fds[WORKER_FDS] = { input_fd, result[1], output_fd, -EBADF, -EBADF };

                r = submit(session, &job, fds, error);
        }
        fd_close(result[1]);
        if (r == 0) {
                r = worker_read_result(result[0], ret, error);
        }
        fd_close(result[0]);
        return r == 0 && ret->status < 0 ? worker_failed(ret, error) : r;
}

/* A config without platform is taken for the requested one. */
static int complete_platform(struct session *session, struct config *config)
{
        if (config->os && config->architecture) {
                return 0;
        }
        log_warning(session->log, "the image's config does not name its %s: assuming %s/%s",
                    config->os             ? "architecture"
                    : config->architecture ? "operating system"
                                           : "operating system and architecture",
                    session->platform.os, session->platform.architecture);
        if (!config->os && string_replace(&config->os, session->platform.os) < 0) {
                return -ENOMEM;
        }
        return config->architecture
                       ? 0
                       : string_replace(&config->architecture, session->platform.architecture);
}

int session_check_platform(struct session *session, struct config *config,
                           struct machine_error *error)
{
        _cleanup_free_ char *wanted = NULL, *printable = NULL;

        if (complete_platform(session, config) < 0) {
                return error_oom(error);
        }
        if (platform_match(&session->platform, config->os, config->architecture, config->variant)) {
                return 0;
        }
        wanted = platform_format(&session->platform);
        printable = string_format("%.64s/%.64s", config->os, config->architecture);
        if (!wanted || !printable) {
                return error_oom(error);
        }
        error_say(error, ENOTSUP, "the image is for %s, not for %s", printable, wanted);
        error_hint(error, "use it anyway with --platform=%s", printable);
        return -ENOTSUP;
}
