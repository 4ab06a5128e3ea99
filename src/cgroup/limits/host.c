/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/host.h"
#include "base/tree/directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"

#define LIST_MAXIMUM  65536
#define HUGE_PAGES    "/sys/kernel/mm/hugepages"
#define CPUS_ONLINE   "/sys/devices/system/cpu/online"
#define NODES_MEMORY  "/sys/devices/system/node/has_memory"
#define BYTES_PER_KIB 1024

static int read_set(const char *path, const char *otherwise, struct number_set *ret,
                    struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, path, LIST_MAXIMUM, &text, NULL);

        if (r == -ENOENT) {
                return number_set_parse(otherwise, ret);
        }
        if (r == 0) {
                r = number_set_parse(text, ret);
        }
        return r < 0 ? error_set(error, r, "cannot read %s", path) : 0;
}

/* One directory "hugepages-2048kB" for each size that the kernel supports; none without hugetlb. */
static void read_huge_pages(struct host_resources *host)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        size_t count = 0;

        (void)directory_open_at(AT_FDCWD, HUGE_PAGES, &directory);
        while ((entry = directory_next(directory)) && count + 1 < ELEMENTS_OF(host->huge_pages)) {
                unsigned long long size;

                if (sscanf(entry->d_name, "hugepages-%llukB", &size) == 1) {
                        host->huge_pages[count++] = size * BYTES_PER_KIB;
                }
        }
}

int host_read(const struct machine_limits *limits, struct host_resources *ret,
              struct machine_error *error)
{
        struct host_resources host = { 0 };
        struct sysinfo info;
        int r = 0;

        if (sysinfo(&info) < 0) {
                return error_set(error, errno, "cannot determine how much memory this host has");
        }
        host.memory = (uint64_t)info.totalram * info.mem_unit;
        host.swap = (uint64_t)info.totalswap * info.mem_unit;
        if (limits->cpus || limits->cpu_quota != MACHINE_UNSET) {
                r = read_set(CPUS_ONLINE, "0", &host.cpus, error);
        }
        if (r == 0 && limits->memory_nodes) {
                r = read_set(NODES_MEMORY, "0", &host.nodes, error);
        }
        if (r < 0) {
                return r;
        }
        if (limits->hugepages) {
                read_huge_pages(&host);
        }
        *ret = host;
        return 0;
}
