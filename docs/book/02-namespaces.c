/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves the namespaces of its parent one by one, and shows which have changed. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
        const char *file;
        int flag;
} kinds[] = {
        { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "net", CLONE_NEWNET },
        { "mnt", CLONE_NEWNS },  { "pid", CLONE_NEWPID }, /* of later children: a process keeps its
                                                             pid */
};

/* Each namespace is a file; its inode number is its name. */
static ino_t number_of(const char *file)
{
        struct stat status = { 0 };
        char path[64];

        snprintf(path, sizeof path, "/proc/self/ns/%s", file);
        return stat(path, &status) < 0 ? 0 : status.st_ino;
}

int main(void)
{
        char name[65] = "";

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
                ino_t before = number_of(kinds[i].file);

                if (unshare(kinds[i].flag) < 0) {
                        perror(kinds[i].file);
                        return 1;
                }
                printf("%s: %s\n", kinds[i].file,
                       number_of(kinds[i].file) != before ? "another one" : "still the same");
        }
        if (sethostname("chapter-two", strlen("chapter-two")) < 0) {
                perror("sethostname");
                return 1;
        }
        gethostname(name, sizeof name);
        printf("the host name is %s, in here\n", name);
        return 0;
}
