/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/state/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strings.h"

#define FILE_NAME "leases"

/* "NML" and the digit of the version. */
#define MAGIC          0x004c4d4eu
#define VERSION        0x31u
#define OWN_MAGIC      (MAGIC | VERSION << 24)
#define RECORDS_OFFSET 16384
#define JOURNAL_SIZE   28
/* The file grows by this many records. */
#define GROWTH 64
/* Of addresses only: a mapping may be longer than its file. */
#define RECORDS_MAXIMUM 65536
#define MAP_SIZE        (RECORDS_OFFSET + (size_t)RECORDS_MAXIMUM * TABLE_RECORD_SIZE)
/* A reader without the lock tries again while a commit is under way. */
#define LOOK_ATTEMPTS 1000

_Static_assert(sizeof(union table_record) == TABLE_RECORD_SIZE, "records have a fixed size");
/* Supervisors that were started before an upgrade go on to use the file: a new layout has a new
 * version, which is read as well. */
_Static_assert(sizeof(void *) != 8 ||
                       (sizeof(struct network_host) == 16 && sizeof(struct network_state) == 208 &&
                        offsetof(struct network_lease, index) == 432),
               "records of version 1 have this layout");
_Static_assert(sizeof(struct network_lease) <= TABLE_WORD_OFFSET, "a lease fits a record");
_Static_assert(sizeof(struct network_state) <= TABLE_WORD_OFFSET, "a network fits a record");
_Static_assert(sizeof(struct network_aliases) <= TABLE_WORD_OFFSET, "aliases fit a record");

struct journal_entry {
        uint32_t number;
        char record[TABLE_WORD_OFFSET];
};

struct table_file {
        uint32_t magic;
        uint32_t record_size;
        _Atomic uint32_t generation; /* odd during a commit */
        _Atomic uint32_t journal_count;
        _Atomic uint32_t names_busy;
        uint32_t count;
        char boot_id[37];
        struct journal_entry journal[JOURNAL_SIZE];
};

_Static_assert(offsetof(struct table_file, journal_count) == LEASES_JOURNAL_COUNT_OFFSET,
               "as declared");
_Static_assert(sizeof(struct table_file) <= RECORDS_OFFSET, "the journal precedes the records");

static union table_record *shared_records(const struct network_table *table)
{
        return (union table_record *)((char *)table->file + RECORDS_OFFSET);
}

/* Completes a commit: from the journal to the records. Repeating it changes nothing. */
static void apply_journal(struct table_file *file, union table_record *records)
{
        uint32_t count = atomic_load(&file->journal_count);

        for (uint32_t i = 0; i < count && i < JOURNAL_SIZE; i++) {
                if (file->journal[i].number < file->count) {
                        memcpy(records[file->journal[i].number].record, file->journal[i].record,
                               TABLE_WORD_OFFSET);
                }
        }
        atomic_store(&file->journal_count, 0);
}

static int grow(const struct network_table *table, size_t count)
{
        off_t size = RECORDS_OFFSET + (off_t)(count * TABLE_RECORD_SIZE);

        return ftruncate(table->fd, size) < 0 ? -errno : 0;
}

/* Begins an empty file. The magic number comes last. */
static int create(struct network_table *table)
{
        int r = ftruncate(table->fd, 0) < 0 ? -errno : grow(table, GROWTH);

        if (r < 0) {
                return r;
        }
        table->file->record_size = TABLE_RECORD_SIZE;
        table->file->count = GROWTH;
        shared_records(table)->host = (struct network_host){ .kind = RECORD_HOST };
        r = process_boot_id(table->file->boot_id);
        if (r == 0) {
                atomic_thread_fence(memory_order_seq_cst);
                table->file->magic = OWN_MAGIC;
        }
        return r;
}

/* Owners of another boot have gone, and so has everything on the host. */
static void forget_boot(struct table_file *file, union table_record *records, const char *boot_id)
{
        for (uint32_t i = 0; i < file->count; i++) {
                struct network_lease *lease = &records[i].lease;

                records[i].word = 0;
                if (lease->kind == RECORD_ENDING ||
                    (lease->kind == RECORD_LEASE && lease->shared)) {
                        memset(records[i].record, 0, TABLE_WORD_OFFSET);
                } else if (lease->kind == RECORD_LEASE) {
                        lease->owner = (struct process_identity){ 0 };
                        lease->attached = lease->guarded = lease->ruled = lease->listed = false;
                        lease->kept = lease->detailed = lease->ports = false;
                        lease->link[0] = '\0';
                } else if (lease->kind == RECORD_NETWORK) {
                        records[i].network.made[0] = '\0';
                }
        }
        strcpy(file->boot_id, boot_id);
}

static int refuse(uint32_t magic, const char *path, struct machine_error *error)
{
        uint32_t version = magic >> 24;

        if ((magic & 0x00ffffff) != MAGIC || version == VERSION) {
                error_say(error, EBADMSG, "the file of networks %s/" FILE_NAME " is damaged", path);
                error_hint(error, "stop all machines and remove the file");
                return -EBADMSG;
        }
        error_say(error, EBADMSG,
                  "the file of networks %s/" FILE_NAME
                  " has version %c, and this program reads version %c",
                  path, (int)version, (int)VERSION);
        error_hint(error,
                   "use the version of machinectl-lite that started the machines, or stop all "
                   "of them with it and remove the file");
        return -EBADMSG;
}

static int check_file(struct network_table *table, const char *path, off_t size, bool *ret_fresh,
                      struct machine_error *error)
{
        char boot_id[37];
        int r;

        if (size == 0 || (size >= RECORDS_OFFSET && table->file->magic == 0)) {
                *ret_fresh = true;
                r = create(table);
                return r == 0 ? 0 : error_set(error, r, "cannot create %s/" FILE_NAME, path);
        }
        if (size < RECORDS_OFFSET || table->file->magic != OWN_MAGIC ||
            table->file->record_size != TABLE_RECORD_SIZE || table->file->count > RECORDS_MAXIMUM ||
            size < RECORDS_OFFSET + (off_t)table->file->count * TABLE_RECORD_SIZE) {
                return refuse(table->file->magic, path, error);
        }
        apply_journal(table->file, shared_records(table));
        atomic_store(&table->file->generation, (table->file->generation + 1) & ~1u);
        r = process_boot_id(boot_id);
        *ret_fresh = r == 0 && !string_equal(boot_id, table->file->boot_id);
        if (*ret_fresh) {
                forget_boot(table->file, shared_records(table), boot_id);
        }
        return r == 0 ? 0 : error_set(error, r, "cannot read the boot id");
}

static int map(struct network_table *table)
{
        void *shared = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);

        if (shared == MAP_FAILED) {
                return -errno;
        }
        table->file = shared;
        return 0;
}

/* Pages of the private copy are those of the file until they are written to. */
static int map_copy(struct network_table *table)
{
        void *copy = mmap(NULL, MAP_SIZE - RECORDS_OFFSET, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_NORESERVE, table->fd, RECORDS_OFFSET);

        if (copy == MAP_FAILED) {
                return -errno;
        }
        table->records = copy;
        table->count = table->file->count;
        return 0;
}

int leases_open(int directory_fd, const char *path, struct network_table *ret, bool *ret_fresh,
                struct machine_error *error)
{
        struct network_table table = NETWORK_TABLE_INIT;
        struct stat status;
        int r = 0;

        table.fd = openat(directory_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (table.fd < 0 || fstat(table.fd, &status) < 0) {
                r = error_set(error, errno, "cannot open %s/" FILE_NAME, path);
        }
        if (r == 0) {
                r = map(&table);
                if (r < 0) {
                        error_set(error, r, "cannot map %s/" FILE_NAME, path);
                }
        }
        if (r == 0) {
                r = check_file(&table, path, status.st_size, ret_fresh, error);
        }
        if (r == 0) {
                r = map_copy(&table);
                if (r < 0) {
                        error_set(error, r, "cannot map %s/" FILE_NAME, path);
                }
        }
        if (r < 0) {
                leases_close(&table);
                return r;
        }
        *ret = table;
        return 0;
}

static union table_record *map_memory(void)
{
        void *memory = mmap(NULL, MAP_SIZE - RECORDS_OFFSET, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        return memory == MAP_FAILED ? NULL : memory;
}

int leases_new(struct network_table *ret)
{
        union table_record *records = map_memory();

        if (!records) {
                return -ENOMEM;
        }
        records->host = (struct network_host){ .kind = RECORD_HOST };
        *ret = (struct network_table){ .records = records, .count = GROWTH, .fd = -EBADF };
        return 0;
}

/* Reads everything, and whether nobody committed to the file meanwhile: 0, else -EAGAIN. */
static int read_once(int fd, struct table_file *file, union table_record *records)
{
        uint32_t generation;
        ssize_t length;

        if (pread(fd, file, sizeof *file, 0) != sizeof *file || file->magic != OWN_MAGIC ||
            file->record_size != TABLE_RECORD_SIZE || file->count == 0 ||
            file->count > RECORDS_MAXIMUM) {
                return -EBADMSG;
        }
        length = (ssize_t)file->count * TABLE_RECORD_SIZE;
        if (pread(fd, records, (size_t)length, RECORDS_OFFSET) != length ||
            pread(fd, &generation, sizeof generation, offsetof(struct table_file, generation)) !=
                    sizeof generation) {
                return -EBADMSG;
        }
        return file->generation == generation && !(generation & 1) ? 0 : -EAGAIN;
}

int leases_look(int directory_fd, const char *path, struct network_table *ret,
                struct machine_error *error)
{
        _cleanup_close_ int fd = openat(directory_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_free_ struct table_file *file = calloc(1, sizeof *file);
        int number = fd < 0 ? errno : 0;
        int r = -EAGAIN;

        if (!file || leases_new(ret) < 0) {
                return error_oom(error);
        }
        if (fd < 0) {
                return number == ENOENT
                               ? 0
                               : error_set(error, number, "cannot open %s/" FILE_NAME, path);
        }
        for (int attempt = 0; r == -EAGAIN && attempt < LOOK_ATTEMPTS; attempt++) {
                r = read_once(fd, file, ret->records);
        }
        if (r == -EBADMSG) {
                leases_close(ret);
                return refuse(file->magic, path, error);
        }
        /* The commit of a process that was killed stays unfinished until the next operation. */
        apply_journal(file, ret->records);
        ret->count = file->count;
        return 0;
}

void leases_close(struct network_table *table)
{
        if (table->records) {
                (void)munmap(table->records, MAP_SIZE - RECORDS_OFFSET);
        }
        if (table->file) {
                (void)munmap(table->file, MAP_SIZE);
        }
        fd_close(table->fd);
        *table = (struct network_table)NETWORK_TABLE_INIT;
}

/* musl's memcmp(3) compares byte by byte, which would take most of a commit. */
static bool differs(const struct network_table *table, uint32_t number)
{
        const uint64_t *own = table->records[number].words;
        const uint64_t *file = shared_records(table)[number].words;
        uint64_t difference = 0;

        for (size_t i = 0; i < TABLE_WORD_OFFSET / sizeof(*own); i++) {
                difference |= own[i] ^ file[i];
        }
        return difference != 0;
}

/* Commits the changes from a record on that the journal has room for; *at becomes the next one. */
static void commit_some(struct network_table *table, uint32_t *at)
{
        struct table_file *file = table->file;
        uint32_t count = 0;

        for (; *at < table->count && count < JOURNAL_SIZE; (*at)++) {
                if (differs(table, *at)) {
                        file->journal[count].number = *at;
                        memcpy(file->journal[count++].record, table->records[*at].record,
                               TABLE_WORD_OFFSET);
                }
        }
        if (count == 0) {
                return;
        }
        atomic_fetch_add(&file->generation, 1);
        atomic_store(&file->journal_count, count);
        apply_journal(file, shared_records(table));
        atomic_fetch_add(&file->generation, 1);
}

void leases_commit(struct network_table *table)
{
        for (uint32_t at = 0; table->file && at < table->count;) {
                commit_some(table, &at);
        }
}

void leases_set_names_busy(struct network_table *table, bool busy)
{
        if (table->file) {
                atomic_store(&table->file->names_busy, busy);
        }
}

bool leases_names_are_busy(const struct network_table *table)
{
        return table->file && atomic_load(&table->file->names_busy);
}

struct network_host *leases_host(const struct network_table *table)
{
        return &table->records->host;
}

static int extend(struct network_table *table)
{
        size_t count = table->count + GROWTH;
        int r = count > RECORDS_MAXIMUM ? -ENOSPC : 0;

        if (r == 0 && table->file) {
                r = grow(table, count);
        }
        if (r < 0) {
                return r;
        }
        if (table->file) {
                table->file->count = (uint32_t)count;
        }
        table->count = count;
        return 0;
}

union table_record *leases_add(struct network_table *table, enum record_kind kind)
{
        for (;;) {
                for (size_t i = 1; i < table->count; i++) {
                        if (table->records[i].kind == RECORD_FREE) {
                                memset(table->records[i].record, 0, TABLE_WORD_OFFSET);
                                table->records[i].kind = kind;
                                leases_clear_word(table, &table->records[i]);
                                return &table->records[i];
                        }
                }
                if (extend(table) < 0) {
                        return NULL;
                }
        }
}

void leases_remove(struct network_table *table, void *record)
{
        if (((const union table_record *)record)->kind == RECORD_LEASE) {
                leases_remove_aliases(table, record);
        }
        memset(((union table_record *)record)->record, 0, TABLE_WORD_OFFSET);
        leases_clear_word(table, record);
}

void leases_remove_aliases(struct network_table *table, struct network_lease *lease)
{
        const uint32_t number = leases_number(table, lease);
        struct network_aliases *aliases = NULL;

        while (lease->aliased && (aliases = (void *)leases_next(table, RECORD_ALIASES, aliases))) {
                if (aliases->lease == number) {
                        leases_remove(table, aliases);
                }
        }
        lease->aliased = false;
}

uint32_t leases_number(const struct network_table *table, const void *record)
{
        return (uint32_t)((const union table_record *)record - table->records);
}

uint32_t leases_word(const struct network_table *table, const void *record)
{
        const union table_record *records = table->file ? shared_records(table) : table->records;

        return __atomic_load_n(&records[leases_number(table, record)].word, __ATOMIC_SEQ_CST);
}

off_t leases_word_place(const struct network_table *table, const void *record)
{
        return RECORDS_OFFSET + (off_t)leases_number(table, record) * TABLE_RECORD_SIZE +
               TABLE_WORD_OFFSET;
}

void leases_clear_word(const struct network_table *table, const void *record)
{
        if (table->file) {
                __atomic_store_n(&shared_records(table)[leases_number(table, record)].word, 0,
                                 __ATOMIC_SEQ_CST);
        }
}

union table_record *leases_next(const struct network_table *table, enum record_kind kind,
                                const void *record)
{
        size_t at = record ? leases_number(table, record) + 1 : 1;

        for (; at < table->count; at++) {
                if (table->records[at].kind == kind) {
                        return &table->records[at];
                }
        }
        return NULL;
}

struct network_state *leases_find_network(const struct network_table *table, const char *name)
{
        TABLE_FOREACH_NETWORK(state, table)
        {
                if (string_equal(state->name, name)) {
                        return state;
                }
        }
        return NULL;
}

struct network_state *leases_network(struct network_table *table, const char *name)
{
        struct network_state *state = leases_find_network(table, name);

        if (!state && strlen(name) < sizeof(state->name)) {
                state = (void *)leases_add(table, RECORD_NETWORK);
                if (state) {
                        strcpy(state->name, name);
                }
        }
        return state;
}

struct network_state *leases_network_of(const struct network_table *table,
                                        const struct network_lease *lease)
{
        return &table->records[lease->network].network;
}

struct network_lease *leases_find(const struct network_table *table,
                                  const struct network_state *state, const char *machine)
{
        TABLE_FOREACH_LEASE(lease, table)
        {
                if (lease->network == leases_number(table, state) &&
                    string_equal(lease->machine, machine)) {
                        return lease;
                }
        }
        return NULL;
}

struct network_lease *leases_find_owned(const struct network_table *table, const char *machine,
                                        unsigned int index)
{
        TABLE_FOREACH_LEASE(lease, table)
        {
                if (lease->owner.pid > 0 && lease->index == index &&
                    string_equal(lease->machine, machine)) {
                        return lease;
                }
        }
        return NULL;
}

struct network_lease *leases_add_lease(struct network_table *table,
                                       const struct network_state *state, const char *machine)
{
        uint32_t network = leases_number(table, state);
        struct network_lease *lease;

        if (strlen(machine) >= sizeof(lease->machine)) {
                return NULL;
        }
        lease = (void *)leases_add(table, RECORD_LEASE);
        if (lease) {
                strcpy(lease->machine, machine);
                lease->network = network;
        }
        return lease;
}

bool leases_is_live(const struct network_table *table, const struct network_state *state)
{
        TABLE_FOREACH_LEASE(lease, table)
        {
                if (lease->owner.pid > 0 && lease->network == leases_number(table, state)) {
                        return true;
                }
        }
        return false;
}

bool leases_is_attached(const struct network_table *table, const struct network_state *state)
{
        TABLE_FOREACH_LEASE(lease, table)
        {
                if (lease->attached &&
                    (state ? lease->network == leases_number(table, state)
                           : network_has_bridge(leases_network_of(table, lease)))) {
                        return true;
                }
        }
        return false;
}
