/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/processes.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/tree.h"

/* A group of a machine holds as many processes as its `tasks` allow; a pid takes 8 bytes. */
#define PROCS_MAXIMUM (8 * 1024 * 1024)
#define COMM_MAXIMUM  256

struct listing {
        char **names;
        unsigned int maximum;
        unsigned int more;
};

static int add_process(struct listing *listing, const char *pid)
{
        char path[64];
        _cleanup_free_ char *name = NULL;
        _cleanup_free_ char *printable = NULL;

        if (strv_length(listing->names) >= listing->maximum) {
                listing->more++;
                return 0;
        }
        snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
        if (file_read(AT_FDCWD, path, COMM_MAXIMUM, &name, NULL) == 0) {
                name[strcspn(name, "\n")] = '\0';
                printable = string_printable(name);
        }
        return strv_take(&listing->names,
                         string_format("%s (%s)", pid, printable ? printable : "gone"));
}

static int add_processes(struct listing *listing, int directory_fd)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        /* A threaded group, which a machine may make, does not tell (EOPNOTSUPP). */
        if (file_read(directory_fd, "cgroup.procs", PROCS_MAXIMUM, &text, NULL) < 0) {
                return 0;
        }
        for (char *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save)) {
                int r = add_process(listing, pid);

                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int add_below(struct listing *listing, int directory_fd, unsigned int depth)
{
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        int fd, r = add_processes(listing, directory_fd);

        if (r < 0 || depth == 0) {
                return r;
        }
        fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                return 0;
        }
        directory = fdopendir(fd);
        if (!directory) {
                fd_close(fd);
                return -ENOMEM;
        }
        while ((entry = readdir(directory))) {
                _cleanup_close_ int child = -EBADF;

                if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
                    strcmp(entry->d_name, "..") == 0) {
                        continue;
                }
                child = openat(directory_fd, entry->d_name,
                               O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = child < 0 ? 0 : add_below(listing, child, depth - 1);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

char *cgroup_processes_text(int directory_fd, bool below, unsigned int maximum)
{
        struct listing listing = { .maximum = maximum };
        _cleanup_free_ char *joined = NULL;
        char *text = NULL;

        if (add_below(&listing, directory_fd, below ? CGROUP_DEPTH_MAXIMUM : 0) == 0 &&
            listing.names) {
                joined = strv_join(listing.names, ", ");
                if (joined && listing.more) {
                        text = string_format("%s and %u more", joined, listing.more);
                } else {
                        text = TAKE_PTR(joined);
                }
        }
        strv_free(listing.names);
        return text;
}

char *cgroup_describe_processes(const struct cgroup *group, unsigned int maximum)
{
        return cgroup_processes_text(group->fd, true, maximum);
}
