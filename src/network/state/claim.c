/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/claim.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"

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

/* The next lease of a machine that belongs to an owner. */
static const struct network_lease *next_lease(const struct network_table *table,
                                              const struct network_lease *lease,
                                              const char *machine,
                                              const struct process_identity *owner)
{
        do {
                lease = (const void *)leases_next(table, RECORD_LEASE, lease);
        } while (lease && !(string_equal(lease->machine, machine) && lease_is_of(lease, owner)));
        return lease;
}

/* The entry of one lease is in the claim. */
static bool link_one(struct claim *claim, const struct network_table *table,
                     const struct network_lease *lease)
{
        const off_t place = leases_word_place(table, lease);
        const off_t page = place & ~((off_t)sysconf(_SC_PAGESIZE) - 1);

        claim->size = (size_t)sysconf(_SC_PAGESIZE);
        claim->pages = mmap(NULL, claim->size, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, page);
        claim->head.futex_offset =
                (long)((char *)claim->pages + (place - page) - (char *)&claim->entry);
        claim->head.list.next = &claim->entry;
        claim->entry.next = &claim->head.list;
        return claim->pages != MAP_FAILED;
}

/* Those of several are at the places of the words in memory behind the file. */
static bool link_all(struct claim *claim, const struct network_table *table, const char *machine,
                     const struct process_identity *owner)
{
        const struct network_lease *lease = NULL;
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t length = 0;
        void *words;

        while ((lease = next_lease(table, lease, machine, owner))) {
                length = ((size_t)leases_word_place(table, lease) / page + 1) * page;
        }
        if (length == 0) {
                return false;
        }
        claim->size = 2 * length;
        claim->pages = mmap(NULL, claim->size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (claim->pages == MAP_FAILED) {
                return false;
        }
        words = mmap(claim->pages, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                     table->fd, 0);
        if (words == MAP_FAILED) {
                (void)munmap(claim->pages, claim->size);
                return false;
        }
        claim->head.futex_offset = -(long)length;
        claim->head.list.next = &claim->head.list;
        while ((lease = next_lease(table, lease, machine, owner))) {
                struct robust_list *entry =
                        (void *)((char *)claim->pages + length + leases_word_place(table, lease));

                entry->next = claim->head.list.next;
                claim->head.list.next = entry;
        }
        return true;
}

static void set_words(struct claim *claim, uint32_t value)
{
        for (struct robust_list *entry = claim->head.list.next; entry != &claim->head.list;
             entry = entry->next) {
                uint32_t *word = (void *)((char *)entry + claim->head.futex_offset);

                __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
        }
}

void claim_take(struct claim *claim, const struct network_table *table, const char *machine,
                const struct process_identity *owner)
{
        const struct network_lease *lease = next_lease(table, NULL, machine, owner);
        bool linked;

        if (!lease || has_other_futexes(&claim->before)) {
                return;
        }
        linked = next_lease(table, lease, machine, owner) ? link_all(claim, table, machine, owner)
                                                          : link_one(claim, table, lease);
        if (!linked) {
                claim->pages = NULL;
                return;
        }
        if (syscall(SYS_set_robust_list, &claim->head, sizeof claim->head) == 0) {
                set_words(claim, (uint32_t)syscall(SYS_gettid));
        }
}

void claim_release(struct claim *claim)
{
        if (!claim->pages) {
                return;
        }
        set_words(claim, 0);
        (void)syscall(SYS_set_robust_list, claim->before, sizeof claim->head);
        (void)munmap(claim->pages, claim->size);
        *claim = (struct claim){ 0 };
}

bool claim_is_dead(const struct network_table *table, const struct network_lease *lease,
                   const char *boot_id)
{
        return lease->owner.pid > 0 && leases_word(table, lease) != (uint32_t)lease->owner.pid &&
               !process_is_alive_in_boot(&lease->owner, boot_id);
}
