/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A root of two layers by overlayfs, and pivot_root(2) into it. Run it as root. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void put(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        if (fd < 0 || write(fd, text, strlen(text)) < 0) {
                perror(path);
                exit(1);
        }
        close(fd);
}

static void show(const char *path)
{
        char text[64] = "";
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read(fd, text, sizeof text - 1) < 0) {
                perror(path);
                exit(1);
        }
        close(fd);
        printf("%s: %s\n", path, text);
}

int main(void)
{
        static const char *const directories[] = { "base", "site", "upper", "work", "root" };
        const char *place = "/tmp";

        /* A copy of the mount table, from which nothing goes back to the host's. */
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", place, "tmpfs", 0, NULL) < 0 || chdir(place) < 0) {
                perror(place);
                return 1;
        }
        for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
                mkdir(directories[i], 0755);
        }
        put("base/version", "1");
        put("base/name", "base");
        put("site/name", "site");
        if (mount("overlay", "root", "overlay", 0,
                  "lowerdir=site:base,upperdir=upper,workdir=work") < 0) {
                perror("overlay");
                return 1;
        }
        put("root/version", "2");
        show("base/version");
        show("upper/version");
        /* Both names are ".": the old root is then on top of the new one, and is unmounted. */
        if (chdir("root") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) {
                perror("pivot_root");
                return 1;
        }
        show("/name");
        show("/version");
        printf("/etc/passwd of the host: %s\n",
               access("/etc/passwd", F_OK) == 0 ? "there" : "not there");
        return 0;
}
