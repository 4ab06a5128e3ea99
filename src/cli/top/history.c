/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/top/history.h"

#include <string.h>

void histories_clear(struct histories *histories)
{
        for (size_t i = 0; i < histories->count; i++) {
                free(histories->entries[i].name);
        }
        free(histories->entries);
        *histories = (struct histories){ 0 };
}

const struct history *histories_find(const struct histories *histories, const char *name)
{
        for (size_t i = 0; i < histories->count; i++) {
                if (strcmp(histories->entries[i].name, name) == 0) {
                        return &histories->entries[i];
                }
        }
        return NULL;
}

static struct history *place_for(struct histories *histories, const char *name)
{
        struct history *found = (struct history *)histories_find(histories, name), *grown;
        char *copy;

        if (found) {
                return found;
        }
        grown = reallocarray(histories->entries, histories->count + 1, sizeof *grown);
        if (!grown) {
                return NULL;
        }
        histories->entries = grown;
        copy = strdup(name);
        if (!copy) {
                return NULL;
        }
        grown[histories->count] = (struct history){ .name = copy };
        return &grown[histories->count++];
}

static void append(struct history *history, double cpu, double memory)
{
        if (history->count == SPARK_WIDTH) {
                memmove(history->cpu, history->cpu + 1, sizeof history->cpu - sizeof(double));
                memmove(history->memory, history->memory + 1,
                        sizeof history->memory - sizeof(double));
                history->count--;
        }
        history->cpu[history->count] = cpu;
        history->memory[history->count] = memory;
        history->count++;
        history->is_current = true;
}

static void forget_others(struct histories *histories)
{
        size_t kept = 0;

        for (size_t i = 0; i < histories->count; i++) {
                if (histories->entries[i].is_current) {
                        histories->entries[kept++] = histories->entries[i];
                } else {
                        free(histories->entries[i].name);
                }
        }
        histories->count = kept;
}

int histories_add(struct histories *histories, const struct survey *now,
                  const struct survey *before)
{
        for (size_t i = 0; i < histories->count; i++) {
                histories->entries[i].is_current = false;
        }
        for (size_t i = 0; i < now->count; i++) {
                const struct survey_machine *machine = &now->machines[i];
                const struct survey_machine *earlier = survey_find(before, machine->record.name);
                struct history *history;

                if (!machine_state_is_live(machine->record.state) || !earlier) {
                        continue;
                }
                history = place_for(histories, machine->record.name);
                if (!history) {
                        return -ENOMEM;
                }
                append(history, survey_cpu_share(machine, earlier),
                       survey_is_number(machine->usage.memory) ? (double)machine->usage.memory : 0);
        }
        forget_others(histories);
        return 0;
}
