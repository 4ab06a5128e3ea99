/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "No such file or directory", although the file is there. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The program that the kernel runs in place of a dynamically linked one (elf(5), PT_INTERP). */
static const char *loader_of(const char *path)
{
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        const char *file;
        const Elf64_Ehdr *header;
        const Elf64_Phdr *segments;

        if (fd < 0 || fstat(fd, &status) < 0) {
                return NULL;
        }
        file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        close(fd);
        if (file == MAP_FAILED) {
                return NULL;
        }
        header = (const Elf64_Ehdr *)file;
        segments = (const Elf64_Phdr *)(file + header->e_phoff);
        for (int i = 0; i < header->e_phnum; i++) {
                if (segments[i].p_type == PT_INTERP) {
                        return file + segments[i].p_offset;
                }
        }
        return NULL;
}

int main(void)
{
        static const char script[] = "#!/opt/python/bin/python3\n";
        char path[] = "/tmp/chapter-twelve-XXXXXX";
        char *arguments[] = { path, NULL };
        const char *loader = loader_of("/proc/self/exe");
        int fd = mkstemp(path);

        if (fd < 0 || write(fd, script, sizeof script - 1) < 0 || fchmod(fd, 0755) < 0) {
                perror(path);
                return 1;
        }
        /* A file that is open for writing cannot be executed (ETXTBSY). */
        close(fd);
        printf("the script is %s\n", access(path, X_OK) == 0 ? "there, and executable" : "missing");
        execv(path, arguments);
        printf("execve: %s\n", strerror(errno));
        printf("/opt/python/bin/python3 is %s\n",
               access("/opt/python/bin/python3", X_OK) == 0 ? "there" : "missing");
        printf("this program needs a loader: %s\n", loader ? "yes" : "no");
        return unlink(path) < 0;
}
