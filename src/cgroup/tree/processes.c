/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/tree/processes.h"
#include "base/tree/directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

/* A machine's group holds as many processes as its `tasks` allow; a pid takes 8 bytes. */
#define PROCS_MAXIMUM (8 * 1024 * 1024)
#define COMM_MAXIMUM  256

struct listing {
        char **names;
        unsigned int maximum;
        unsigned int more;
};

static int add_process(void *data, pid_t pid)
{
        struct listing *listing = data;
        char path[64];
        _cleanup_free_ char *name = NULL;
        _cleanup_free_ char *printable = NULL;

        if (strv_length(listing->names) >= listing->maximum) {
                listing->more++;
                return 0;
        }
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        if (file_read(AT_FDCWD, path, COMM_MAXIMUM, &name, NULL) == 0) {
                name[strcspn(name, "\n")] = '\0';
                printable = string_printable(name);
        }
        return strv_take(&listing->names,
                         string_format("%d (%s)", pid, printable ? printable : "gone"));
}

/* What is done with each process. */
struct action {
        int (*act)(void *data, pid_t pid);
        void *data;
};

static int walk_group(const struct action *action, int directory_fd)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        /* A threaded group, which a machine may create, does not list them (EOPNOTSUPP). */
        if (file_read(directory_fd, "cgroup.procs", PROCS_MAXIMUM, &text, NULL) < 0) {
                return 0;
        }
        for (char *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save)) {
                int r = action->act(action->data, (pid_t)atoi(pid));

                if (r != 0) {
                        return r;
                }
        }
        return 0;
}

static int walk(const struct action *action, int directory_fd, unsigned int depth)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        int r = walk_group(action, directory_fd);

        if (r != 0 || depth == 0) {
                return r;
        }
        r = directory_open(directory_fd, &directory);
        if (r < 0) {
                return r == -ENOMEM ? r : 0;
        }
        while ((entry = directory_next(directory))) {
                _cleanup_close_ int child = -EBADF;

                if (entry->d_type != DT_DIR) {
                        continue;
                }
                child = openat(directory_fd, entry->d_name,
                               O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = child < 0 ? 0 : walk(action, child, depth - 1);
                if (r != 0) {
                        return r;
                }
        }
        return 0;
}

int cgroup_for_each_process(const struct cgroup *group, int (*act)(void *data, pid_t pid),
                            void *data)
{
        const struct action action = { act, data };

        return walk(&action, group->fd, CGROUP_DEPTH_MAXIMUM);
}

char *cgroup_processes_text(int directory_fd, bool below, unsigned int maximum)
{
        struct listing listing = { .maximum = maximum };
        const struct action action = { add_process, &listing };
        _cleanup_free_ char *joined = NULL;
        char *text = NULL;

        if (walk(&action, directory_fd, below ? CGROUP_DEPTH_MAXIMUM : 0) == 0 && listing.names) {
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
