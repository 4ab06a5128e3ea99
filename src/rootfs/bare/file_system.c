/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/bare/bare.h"
#include "rootfs/mount/mount.h"

/* Options of the file system itself: flags of mount(2), words of fsconfig(2). */
static const struct {
        unsigned long flag;
        const char *word;
} super_flags[] = {
        { MS_SYNCHRONOUS, "sync" },
        { MS_DIRSYNC, "dirsync" },
        { MS_LAZYTIME, "lazytime" },
        { MS_I_VERSION, "iversion" },
};

/* Their files have labels of their own. */
static const char *const unlabelled[] = { "proc", "sysfs", "mqueue", "cgroup2" };

const char *bare_type(const struct machine_mount *mount)
{
        return string_equal(mount->file_system, "cgroup") ? "cgroup2" : mount->file_system;
}

static bool takes_label(const char *type)
{
        for (size_t i = 0; i < ELEMENTS_OF(unlabelled); i++) {
                if (string_equal(unlabelled[i], type)) {
                        return false;
                }
        }
        return true;
}

/* The words for fsconfig(2), each "KEY" or "KEY=VALUE". */
static int list_words(const char *type, const struct bare_options *options, const char *label,
                      char ***ret)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(super_flags) && r == 0; i++) {
                if (options->super & super_flags[i].flag) {
                        r = strv_append(ret, super_flags[i].word);
                }
        }
        STRV_FOREACH(word, options->data) {
                if (r == 0) {
                        r = strv_append(ret, *word);
                }
        }
        return r == 0 && label && takes_label(type)
                       ? strv_take(ret, string_format("context=%s", label))
                       : r;
}

int bare_file_system(const struct machine_mount *mount, const struct bare_options *options,
                     const char *label, struct machine_error *error)
{
        _cleanup_free_ struct mount_option *list = NULL;
        _cleanup_strv_ char **words = NULL;
        const char *type = bare_type(mount);
        size_t count = 0;

        if (list_words(type, options, label, &words) < 0) {
                return error_oom(error);
        }
        list = calloc(strv_length(words) + 1, sizeof *list);
        if (!list) {
                return error_oom(error);
        }
        STRV_FOREACH(word, words) {
                char *equals = strchr(*word, '=');

                if (equals) {
                        *equals = '\0';
                }
                list[count++] = (struct mount_option){ *word, equals ? equals + 1 : NULL };
        }
        return mount_new_from(type, mount->source, list, options->set | options->set_all, error);
}

/* The file system changes as fsconfig(2) does it, the mount by its attributes. */
int bare_remount(int target, const struct bare_options *options, struct machine_error *error)
{
        const struct mount_attr own = {
                .attr_set = options->set,
                .attr_clr = options->clear,
                .propagation = options->propagation_all ? 0 : options->propagation,
        };
        const struct mount_attr all = {
                .attr_set = options->set_all,
                .attr_clr = options->clear_all,
                .propagation = options->propagation_all ? options->propagation : 0,
        };
        _cleanup_strv_ char **words = NULL;
        int r = list_words("", options, NULL, &words);

        if (r < 0) {
                return error_oom(error);
        }
        if (words) {
                r = mount_reconfigure(target, words, error);
        }
        if (r == 0 &&
            mount_setattr(target, "", AT_EMPTY_PATH, (struct mount_attr *)&own, sizeof own) < 0) {
                r = error_set(error, errno, "cannot change the mount");
        }
        if (r == 0 && mount_setattr(target, "", AT_EMPTY_PATH | AT_RECURSIVE,
                                    (struct mount_attr *)&all, sizeof all) < 0) {
                r = error_set(error, errno, "cannot change the mounts");
        }
        return r;
}
