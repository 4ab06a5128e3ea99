/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/init/execute.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/strings.h"

/* The part of a file that the kernel looks at: binfmt_script reads 256 bytes; the headers of an ELF
 * program and the name of its loader are in the first page. */
#define HEAD_MAXIMUM 4096

/* Not in every C library's <elf.h> yet. */
#ifndef EM_LOONGARCH
#        define EM_LOONGARCH 258
#endif

static const char *find_variable(char *const *environment, const char *prefix)
{
        STRV_FOREACH(entry, environment) {
                const char *value = string_after(*entry, prefix);

                if (value) {
                        return value;
                }
        }
        return NULL;
}

static int not_in_path(const char *command, const char *path, struct machine_error *error)
{
        error_say(error, ENOENT, "no program \"%s\" in the machine's PATH (%s)", command, path);
        error_hint(error, "install it in the machine's root, or give its absolute path in command");
        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
}

/* Whether this is a candidate: 1 executable, 0 exists but is not, or -errno. */
static int try_candidate(const char *candidate)
{
        struct stat status;

        if (stat(candidate, &status) < 0) {
                return -errno;
        }
        if (S_ISDIR(status.st_mode)) {
                return -EISDIR;
        }
        return access(candidate, X_OK) == 0;
}

int execute_find(const char *command, char *const *environment, char **ret,
                 struct machine_error *error)
{
        const char *path = find_variable(environment, "PATH=");
        _cleanup_free_ char *second_best = NULL;

        if (strchr(command, '/')) {
                return string_replace(ret, command) < 0 ? error_oom(error) : 0;
        }
        if (!path || !*path || !*command) {
                return not_in_path(command, path ? path : "not set", error);
        }
        for (const char *at = path; at; at = strchr(at, ':')) {
                size_t length;
                _cleanup_free_ char *candidate = NULL;
                int found;

                at += *at == ':';
                length = strcspn(at, ":");
                /* An empty entry would mean the working directory, where any user may have put
                 * files. */
                if (length == 0) {
                        continue;
                }
                candidate = string_format("%.*s/%s", (int)length, at, command);
                if (!candidate) {
                        return error_oom(error);
                }
                found = try_candidate(candidate);
                if (found > 0) {
                        free(*ret);
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                if (found == 0 && !second_best) {
                        second_best = TAKE_PTR(candidate);
                }
        }
        if (!second_best) {
                return not_in_path(command, path, error);
        }
        free(*ret);
        *ret = TAKE_PTR(second_best);
        return 0;
}

int execute_check(const char *path, struct machine_error *error)
{
        int found = try_candidate(path);

        if (found > 0) {
                return 0;
        }
        /* What execve(2) would say of a directory and of a file without an execute bit. */
        return execute_explain(path, found == 0 || found == -EISDIR ? EACCES : -found, error);
}

/* Names of the architectures in ELF headers, as in `uname -m` if that is meaningful. */
static const struct {
        uint16_t machine;
        const char *name;
} elf_machines[] = {
        { EM_386, "i686 (32-bit x86)" },
        { EM_X86_64, "x86_64" },
        { EM_ARM, "arm (32-bit)" },
        { EM_AARCH64, "aarch64" },
        { EM_RISCV, "riscv64" },
        { EM_PPC64, "ppc64" },
        { EM_S390, "s390x" },
        { EM_MIPS, "mips" },
        { EM_LOONGARCH, "loongarch64" },
};

static const char *elf_machine_name(uint16_t machine)
{
        for (size_t i = 0; i < ELEMENTS_OF(elf_machines); i++) {
                if (elf_machines[i].machine == machine) {
                        return elf_machines[i].name;
                }
        }
        return "an unknown architecture";
}

static int not_executable(struct machine_error *error)
{
        return error_kind(error, MACHINE_ERROR_NOT_EXECUTABLE);
}

/* Copies the loader's path out of the program header of type PT_INTERP. */
static bool elf_loader(const char *head, size_t length, char loader[static PATH_MAX])
{
        Elf64_Ehdr header;

        if (length < sizeof header) {
                return false;
        }
        memcpy(&header, head, sizeof header);
        if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
                return false;
        }
        for (size_t i = 0; i < header.e_phnum; i++) {
                Elf64_Phdr segment;
                uint64_t at = header.e_phoff + i * sizeof segment;

                if (header.e_phoff > length || at + sizeof segment > length) {
                        return false;
                }
                memcpy(&segment, head + at, sizeof segment);
                if (segment.p_type != PT_INTERP) {
                        continue;
                }
                if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX ||
                    segment.p_offset > length || segment.p_filesz > length - segment.p_offset) {
                        return false;
                }
                memcpy(loader, head + segment.p_offset, segment.p_filesz);
                loader[segment.p_filesz - 1] = '\0';
                return true;
        }
        return false;
}

static int explain_elf(const char *path, const char *head, size_t length, int number,
                       struct machine_error *error)
{
        struct utsname host;
        char loader[PATH_MAX];
        uint16_t machine;

        /* e_machine is at the same offset in 32-bit and 64-bit headers. */
        memcpy(&machine, head + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
        if (number == ENOENT && elf_loader(head, length, loader)) {
                error_say(
                        error, number,
                        "cannot execute \"%s\": its ELF loader \"%s\" is not in the machine's root",
                        path, loader);
                error_hint(error, "the root lacks the C library the program was linked with (or "
                                  "has another one, such as musl): install it, or use a static "
                                  "program");
                return not_executable(error);
        }
        if (number == ENOENT) {
                error_say(error, number,
                          "cannot execute \"%s\": its ELF loader is not in the machine's root",
                          path);
                return not_executable(error);
        }
        error_say(error, number, "cannot execute \"%s\": it is a program for %s, this host is %s",
                  path, elf_machine_name(machine), uname(&host) == 0 ? host.machine : "another");
        error_hint(error, "use a root for this architecture, or register an emulator with "
                          "binfmt_misc (flag F) on the host");
        return not_executable(error);
}

static int explain_script(const char *path, const char *head, int number,
                          struct machine_error *error)
{
        const char *start = head + 2 + strspn(head + 2, " \t");
        int length = (int)strcspn(start, " \t\n");
        bool carriage_return = length > 0 && start[length - 1] == '\r';

        error_say(error, number,
                  "cannot execute \"%s\": its interpreter \"%.*s\" is not in the machine's root",
                  path, length - carriage_return, start);
        if (carriage_return) {
                error_hint(error, "the first line ends with a carriage return, which the kernel "
                                  "takes as part of the name: convert the script's line endings");
        } else {
                error_hint(error, "install the interpreter in the machine's root");
        }
        return not_executable(error);
}

static ssize_t read_head(const char *path, char head[static HEAD_MAXIMUM + 1])
{
        /* O_NONBLOCK: do not block on a FIFO. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD_MAXIMUM);

        if (n >= 0) {
                memset(head + n, 0, HEAD_MAXIMUM + 1 - (size_t)n);
        }
        return n;
}

/* Reports the first component of the path that is missing or not a directory. */
static int explain_missing(const char *path, int number, struct machine_error *error)
{
        _cleanup_free_ char *part = strdup(path);

        for (char *slash = part ? strchr(part + 1, '/') : NULL; slash;
             slash = strchr(slash + 1, '/')) {
                struct stat status;

                *slash = '\0';
                if (stat(part, &status) < 0) {
                        error_set(error, errno,
                                  "cannot execute \"%s\": \"%s\" in the machine's root", path,
                                  part);
                        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
                }
                if (!S_ISDIR(status.st_mode)) {
                        error_say(
                                error, ENOTDIR,
                                "cannot execute \"%s\": \"%s\" is not a directory in the machine's "
                                "root",
                                path, part);
                        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
                }
                *slash = '/';
        }
        error_say(error, number, "cannot execute \"%s\": no such file in the machine's root", path);
        return error_kind(error, MACHINE_ERROR_NOT_FOUND);
}

static bool is_same_file(const char *path, const char *other)
{
        struct stat status, other_status;

        return stat(path, &status) == 0 && stat(other, &other_status) == 0 &&
               status.st_dev == other_status.st_dev && status.st_ino == other_status.st_ino;
}

/* Whether the file, or a directory above it, is one of the nodes that cover masked paths. Reports
 * it. */
static bool explain_mask(const char *path, int number, struct machine_error *error)
{
        _cleanup_free_ char *part = strdup(path);

        for (char *end = part ? strchrnul(part + 1, '/') : NULL; end;
             end = *end ? strchrnul(end + 1, '/') : NULL) {
                char kept = *end;

                *end = '\0';
                if (is_same_file(part, "/run/host/inaccessible/dir") ||
                    is_same_file(part, "/run/host/inaccessible/reg")) {
                        error_say(error, number, "cannot execute \"%s\": \"%s\" is masked", path,
                                  part);
                        error_hint(error,
                                   "remove it from masked_paths, or put the program elsewhere");
                        return true;
                }
                *end = kept;
        }
        return false;
}

static int explain_permission(const char *path, int number, struct machine_error *error)
{
        struct statvfs file_system;
        struct stat status;

        if (stat(path, &status) < 0) {
                error_set(error, errno, "cannot execute \"%s\" as user %u", path,
                          (unsigned int)geteuid());
        } else if (S_ISDIR(status.st_mode)) {
                error_say(error, number, "cannot execute \"%s\": it is a directory", path);
        } else if (!S_ISREG(status.st_mode)) {
                error_say(error, number, "cannot execute \"%s\": it is not a regular file", path);
        } else if (statvfs(path, &file_system) == 0 && (file_system.f_flag & ST_NOEXEC)) {
                error_say(error, number, "cannot execute \"%s\": it is on a noexec mount", path);
                error_hint(error, "set options = [ \"exec\" ] for the mount");
        } else if (!(status.st_mode & 0111)) {
                error_say(error, number, "cannot execute \"%s\": its mode %04o has no execute bit",
                          path, (unsigned int)(status.st_mode & 07777));
                error_hint(error, "chmod +x it in the machine's root");
        } else {
                error_set(error, number,
                          "cannot execute \"%s\" (mode %04o, owner %u:%u) as user %u", path,
                          (unsigned int)(status.st_mode & 07777), (unsigned int)status.st_uid,
                          (unsigned int)status.st_gid, (unsigned int)geteuid());
        }
        return not_executable(error);
}

int execute_explain(const char *path, int number, struct machine_error *error)
{
        char head[HEAD_MAXIMUM + 1];
        ssize_t length;

        if ((number == EACCES || number == EPERM || number == ENOENT) &&
            explain_mask(path, number, error)) {
                return not_executable(error);
        }
        if (number == EACCES || number == EPERM || number == EISDIR) {
                return explain_permission(path, number, error);
        }
        length = read_head(path, head);
        if (length < 0 && (errno == ENOENT || errno == ENOTDIR)) {
                return explain_missing(path, number, error);
        }
        if ((number == ENOENT || number == ENOEXEC) && length >= (ssize_t)sizeof(Elf32_Ehdr) &&
            memcmp(head, ELFMAG, SELFMAG) == 0) {
                return explain_elf(path, head, (size_t)length, number, error);
        }
        if (number == ENOENT && length > 2 && memcmp(head, "#!", 2) == 0) {
                return explain_script(path, head, number, error);
        }
        if (number == ENOEXEC) {
                error_say(error, number,
                          length == 0 ? "cannot execute \"%s\": it is an empty file"
                                      : "cannot execute \"%s\": it is neither an ELF program nor a "
                                        "script that begins with \"#!\"",
                          path);
                return not_executable(error);
        }
        error_set(error, number, "cannot execute \"%s\"", path);
        return not_executable(error);
}
