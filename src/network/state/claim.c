/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/claim.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_other_futexes(struct robust_list_head **ret)
{
        struct robust_list_head *head = NULL;
        size_t size;

        if (syscall(SYS_get_robust_list, 0, &head, &size) < 0) {
                return true;
        }
        *ret = head;
        return head && head->list.next != &head->list;
}

void claim_take(struct claim *claim, const struct network_table *table,
                const struct network_lease *lease)
{
        size_t size = (size_t)sysconf(_SC_PAGESIZE);
        off_t place = leases_word_place(table, lease);
        void *page;

        if (has_other_futexes(&claim->before)) {
                return;
        }
        page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd,
                    place & ~((off_t)size - 1));
        if (page == MAP_FAILED) {
                return;
        }
        claim->page = page;
        claim->word = (uint32_t *)((char *)page + (place & ((off_t)size - 1)));
        claim->entry.next = &claim->head.list;
        claim->head = (struct robust_list_head){
                .list = { &claim->entry },
                .futex_offset = (long)((char *)claim->word - (char *)&claim->entry),
        };
        if (syscall(SYS_set_robust_list, &claim->head, sizeof claim->head) == 0) {
                __atomic_store_n(claim->word, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
        }
}

void claim_release(struct claim *claim)
{
        if (!claim->page) {
                return;
        }
        __atomic_store_n(claim->word, 0, __ATOMIC_SEQ_CST);
        (void)syscall(SYS_set_robust_list, claim->before, sizeof claim->head);
        (void)munmap(claim->page, (size_t)sysconf(_SC_PAGESIZE));
        *claim = (struct claim){ 0 };
}

bool claim_is_dead(const struct network_table *table, const struct network_lease *lease,
                   const char *boot_id)
{
        return lease->owner.pid > 0 && leases_word(table, lease) != (uint32_t)lease->owner.pid &&
               !process_is_alive_in_boot(&lease->owner, boot_id);
}
