/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/fetch/git.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/fetch/archive.h"
#include "apply/fetch/keys.h"
#include "apply/fetch/size.h"
#include "base/file.h"
#include "base/path.h"
#include "base/rights/command.h"
#include "base/strings.h"

/* One repository, which is removed with the temporary directory. */
struct git {
        const struct fetch_request *request;
        char *home; /* of the user without rights; the repository is in it */
        char *repository;
        char **environment;
        uid_t uid;
        uint64_t size_maximum;
};

static void git_clear(struct git *git)
{
        free(git->home);
        free(git->repository);
        strv_free(git->environment);
}

/* A commit has other files with its submodules than without. */
#define WITH_SUBMODULES "+submodules"

/* ---- The surroundings ---- */

/* No file of the repository is trusted, and no configuration but this one is read. All objects of a
 * fetch are in one file, whose size is limited. */
static const char configuration[] = "[safe]\n\tdirectory = *\n"
                                    "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n"
                                    "[init]\n\tdefaultBranch = main\n"
                                    "[transfer]\n\tfsckObjects = true\n"
                                    "[fetch]\n\trecurseSubmodules = false\n\tunpackLimit = 1\n"
                                    "[gc]\n\tauto = 0\n"
                                    "[http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n";

static const char *const passed_on[] = { "http_proxy", "https_proxy",   "HTTPS_PROXY", "no_proxy",
                                         "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR" };

/* The submodules of a repository from elsewhere are not to be looked for on this host. */
static char *allowed_protocols(const struct fetch_request *request)
{
        bool local = string_after(request->origin, "file://") != NULL;

        return string_format("GIT_ALLOW_PROTOCOL=%sgit:http:https:ssh", local ? "file:" : "");
}

static int set_environment(struct git *git)
{
        bool keyed = git->request->key != NULL;
        int r = strv_append(&git->environment, "PATH=/usr/local/bin:/usr/bin:/bin");

        r = r < 0 ? r : strv_append(&git->environment, "LC_ALL=C.UTF-8");
        r = r < 0 ? r : strv_append(&git->environment, "GIT_CONFIG_NOSYSTEM=1");
        r = r < 0 ? r : strv_append(&git->environment, "GIT_TERMINAL_PROMPT=0");
        r = r < 0 ? r : strv_take(&git->environment, allowed_protocols(git->request));
        r = r < 0 ? r : strv_take(&git->environment, string_format("HOME=%s", git->home));
        r = r < 0 ? r
                  : strv_take(&git->environment, string_format("GNUPGHOME=%s/gnupg", git->home));
        r = r < 0 ? r
                  : strv_take(&git->environment,
                              string_format("GIT_SSH_COMMAND=ssh -F /dev/null -oBatchMode=yes "
                                            "-oStrictHostKeyChecking=yes -oConnectTimeout=15%s%s%s",
                                            keyed ? " -oIdentitiesOnly=yes -i " : "",
                                            keyed ? git->home : "", keyed ? "/key" : ""));
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(passed_on); i++) {
                const char *value = getenv(passed_on[i]);

                if (value) {
                        r = strv_take(&git->environment,
                                      string_format("%s=%s", passed_on[i], value));
                }
        }
        return r;
}

/* ssh(1) and ssh-keygen(1) refuse a user without a name. */
static uid_t pick_user(const struct fetch_request *request)
{
        bool named = request->verify != FETCH_VERIFY_NOTHING ||
                     string_after(request->origin, "ssh://") || !strstr(request->origin, "://");
        const struct passwd *nobody = named ? getpwnam("nobody") : NULL;

        return nobody && nobody->pw_uid != 0 ? nobody->pw_uid : command_pick_user();
}

static int prepare(struct git *git, const struct fetched *fetched, struct machine_error *error)
{
        _cleanup_free_ char *path = NULL;
        int r;

        git->uid = pick_user(git->request);
        git->size_maximum = fetched_size_maximum(fetched);
        git->home = string_format("%s/home", fetched->temporary);
        git->repository = string_format("%s/home/repository", fetched->temporary);
        path = string_format("%s/home/.gitconfig", fetched->temporary);
        if (!git->home || !git->repository || !path || set_environment(git) < 0) {
                return error_oom(error);
        }
        r = chmod(fetched->temporary, 0711) < 0 || mkdir(git->home, 0700) < 0 ? -errno : 0;
        r = r < 0 ? r : file_replace(AT_FDCWD, path, configuration, strlen(configuration), 0644);
        if (r == 0 && geteuid() == 0 && chown(git->home, git->uid, (gid_t)git->uid) < 0) {
                r = -errno;
        }
        return r < 0 ? error_set(error, r, "cannot create %s", git->home)
                     : keys_install(git->request, git->home, git->uid, error);
}

/* ---- Commands ---- */

#define ARGUMENTS_MAXIMUM 16

/* Runs git with arguments up to NULL. Returns its exit status, or -errno with error set. */
static int run(const struct git *git, char **ret_output, struct machine_error *error, ...)
{
        const char *arguments[ARGUMENTS_MAXIMUM] = { "git" };
        const struct command command = {
                .arguments = arguments,
                .environment = git->environment,
                .directory = access(git->repository, F_OK) == 0 ? git->repository : git->home,
                .uid = git->uid,
                .file_maximum = git->size_maximum,
                .input = -EBADF,
                .output = -EBADF,
        };
        size_t count = 1;
        va_list list;
        int r;

        va_start(list, error);
        do {
                arguments[count] = va_arg(list, const char *);
        } while (arguments[count++] && count < ARGUMENTS_MAXIMUM);
        va_end(list);
        r = command_run(&command, ret_output, error);
        return r > 0 ? fetched_explain(r, git->size_maximum, error) : r;
}

static int expect(int status)
{
        return status > 0 ? -EIO : status;
}

static int fetch(const struct git *git, const char *reference, struct machine_error *error)
{
        /* Submodules need a place for their files. */
        const char *bare = git->request->submodules ? "--no-bare" : "--bare";
        int r = expect(run(git, NULL, error, "init", "--quiet", bare, git->repository, NULL));

        r = r < 0 ? r
                  : expect(run(git, NULL, error, "remote", "add", "--", "origin",
                               git->request->origin, NULL));
        r = r < 0 ? r
                  : expect(run(git, NULL, error, "fetch", "--quiet", "--depth=1", "--no-tags",
                               "origin", reference, NULL));
        if (r < 0) {
                error_prefix(error, "cannot fetch %s of %s",
                             git->request->revision ? git->request->revision : "HEAD",
                             git->request->origin);
        }
        return r;
}

/* ---- Checks ---- */

static int verify(const struct git *git, const char *commit, struct machine_error *error)
{
        const struct fetch_request *request = git->request;
        bool tag = request->verify == FETCH_VERIFY_TAG;
        int r;

        if (request->verify == FETCH_VERIFY_NOTHING) {
                return 0;
        }
        r = run(git, NULL, error, tag ? "verify-tag" : "verify-commit",
                tag ? "refs/tags/verified" : commit, NULL);
        if (r > 0) {
                error_prefix(error, "%s %s is not signed by any of %s", tag ? "tag" : "commit",
                             tag ? request->revision : commit,
                             request->signers ? request->signers : FETCH_SIGNERS);
                error_hint(error,
                           "nothing was changed; only signatures of keys on this host count");
                return -EPERM;
        }
        return r;
}

static bool is_commit(const char *revision)
{
        size_t length = strspn(revision, "0123456789abcdef");

        return (length == 40 || length == 64) && !revision[length];
}

/* Commits without their files are enough to know whether one descends from another. */
static int check_descent(const struct git *git, const char *reference, const char *commit,
                         struct machine_error *error)
{
        const char *applied = git->request->current ? git->request->current : "";
        _cleanup_free_ char *current = strndup(applied, strcspn(applied, "+"));
        int r;

        if (!current) {
                return error_oom(error);
        }
        if (git->request->force || !is_commit(current) || strcmp(current, commit) == 0) {
                return 0;
        }
        r = expect(run(git, NULL, error, "fetch", "--quiet", "--unshallow", "--filter=tree:0",
                       "--no-tags", "origin", reference, NULL));
        if (r < 0) {
                error_prefix(error, "cannot fetch the history of %s", git->request->origin);
                return r;
        }
        r = run(git, NULL, NULL, "merge-base", "--is-ancestor", current, commit, NULL);
        if (r > 0) {
                error_say(error, EPERM, "%s does not descend from %s, which is applied now", commit,
                          current);
                error_hint(error,
                           "history was rewritten, or the revision is an older one: apply it "
                           "with --force if that is intended");
                return -EPERM;
        }
        return r;
}

/* ---- The whole ---- */

/* Runs git, whose output is appended to a file. */
static int write_archive(const struct git *git, const char *const *arguments, int archive,
                         struct machine_error *error)
{
        const struct command command = {
                .arguments = arguments,
                .environment = git->environment,
                .directory = git->repository,
                .uid = git->uid,
                .file_maximum = git->size_maximum,
                .input = -EBADF,
                .output = archive,
        };

        int r = command_run(&command, NULL, error);

        return expect(r > 0 ? fetched_explain(r, git->size_maximum, error) : r);
}

/* The commits are those that the tree names. The archives follow that of the repository. */
static int add_submodules(const struct git *git, const char *commit, int archive,
                          struct machine_error *error)
{
        static const char *const arguments[] = {
                "git",         "submodule",
                "--quiet",     "foreach",
                "--recursive", "git archive --format=tar --prefix=\"$displaypath/\" HEAD",
                NULL
        };
        int r = expect(run(git, NULL, error, "checkout", "--quiet", "--detach", commit, NULL));

        r = r < 0 ? r
                  : expect(run(git, NULL, error, "submodule", "--quiet", "update", "--init",
                               "--recursive", "--depth=1", NULL));
        if (r < 0) {
                error_prefix(error, "cannot fetch the submodules of %s", git->request->origin);
                return r;
        }
        return write_archive(git, arguments, archive, error);
}

static int unpack(const struct git *git, const char *commit, struct fetched *fetched,
                  struct machine_error *error)
{
        _cleanup_close_ int archive =
                open(fetched->temporary, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
        const char *const arguments[] = { "git", "archive", "--format=tar", commit, NULL };
        int r;

        if (archive < 0) {
                return error_set(error, errno, "cannot create a file in %s", fetched->temporary);
        }
        r = write_archive(git, arguments, archive, error);
        if (r == 0 && git->request->submodules) {
                r = add_submodules(git, commit, archive, error);
        }
        return r < 0 ? r : archive_unpack(archive, git->uid, fetched, error);
}

static int check_revision(const struct fetch_request *request, struct machine_error *error)
{
        if (request->verify == FETCH_VERIFY_TAG && !request->revision) {
                error_say(error, EINVAL, "--verify=tag needs the name of a tag in --revision");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (request->revision && (request->revision[0] == '-' || strchr(request->revision, ':') ||
                                  !request->revision[0])) {
                error_say(error, EINVAL, "\"%s\" is not a revision", request->revision);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return 0;
}

int git_fetch(const struct fetch_request *request, struct fetched *fetched,
              struct machine_error *error)
{
        _cleanup_(git_clear) struct git git = { .request = request };
        _cleanup_free_ char *reference =
                request->verify == FETCH_VERIFY_TAG
                        ? string_format("refs/tags/%s:refs/tags/verified", request->revision)
                        : strdup(request->revision ? request->revision : "HEAD");
        _cleanup_free_ char *commit = NULL;
        int r = reference ? check_revision(request, error) : error_oom(error);

        r = r < 0 ? r : prepare(&git, fetched, error);
        r = r < 0 ? r : fetch(&git, reference, error);
        r = r < 0 ? r
                  : expect(run(&git, &commit, error, "rev-parse", "--verify", "--end-of-options",
                               "FETCH_HEAD^{commit}", NULL));
        if (r == 0 && !is_commit(commit)) {
                r = error_say(error, EBADMSG, "git names no commit: \"%s\"", commit);
        }
        r = r < 0 ? r : verify(&git, commit, error);
        r = r < 0 ? r : check_descent(&git, reference, commit, error);
        r = r < 0 ? r : unpack(&git, commit, fetched, error);
        if (r < 0) {
                return r;
        }
        fetched->revision =
                string_format("%s%s", commit, request->submodules ? WITH_SUBMODULES : "");
        return fetched->revision ? 0 : error_oom(error);
}
