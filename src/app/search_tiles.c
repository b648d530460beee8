/* How the ranks of a search share its tiles; see search_run.h. */
#include "app/search_run.h"

#include "base/log.h"
#include "conf/environment.h"
#include "seq/regroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What TALARIA_TILES asks for. */
typedef struct tile_choice {
    bool is_own_only, is_other_first;
    int slow_rank; /* -1: none */
    double slow_down;
} tile_choice;

/* One word of the list, `len` long. */
static bool parse_word(const char *word, size_t len, tile_choice *choice)
{
    char text[64];
    if (len >= sizeof(text))
        return false;
    memcpy(text, word, len);
    text[len] = '\0';
    int used = 0;
    if (strcmp(text, "own") == 0)
        choice->is_own_only = true;
    else if (strcmp(text, "others") == 0)
        choice->is_other_first = true;
    else if (sscanf(text, "slow:%d:%lf%n", &choice->slow_rank, &choice->slow_down, &used) != 2 ||
             used != (int)len || choice->slow_rank < 0 || !(choice->slow_down >= 1))
        return false;
    return true;
}

static tal_status parse_choice(tile_choice *choice)
{
    *choice = (tile_choice){.slow_rank = -1};
    const char *list = tal_variable_find(TAL_VARIABLE_TILES);
    for (const char *word = list; word != NULL;) {
        size_t len = strcspn(word, ",");
        if (!parse_word(word, len, choice))
            return tal_fail(TAL_ERR_USAGE,
                            "%s is '%s'; it may list 'own', 'others' and 'slow:RANK:FACTOR', "
                            "separated by commas",
                            tal_variable_name(TAL_VARIABLE_TILES), list);
        word = word[len] == ',' ? word + len + 1 : NULL;
    }
    return TAL_OK;
}

tal_status tal_search_run_share(tal_search_run *self)
{
    tile_choice choice;
    tal_status status = tal_comm_agree(self->comm, parse_choice(&choice));
    if (status != TAL_OK)
        return status;
    tal_comm_broadcast(self->comm, &choice, sizeof(choice), 0);
    if (choice.slow_rank == tal_comm_rank(self->comm))
        self->params.slow_down = choice.slow_down;
    self->params.is_other_first = choice.is_other_first;
    if (tal_comm_size(self->comm) == 1 || choice.is_own_only)
        return TAL_OK;
    self->params.has_sharing = true;
    if (self->spill != NULL)
        return TAL_OK;
    if (self->container == NULL) /* Representatives stay with their clusters (store/families). */
        status = tal_regroup_longest(self->comm, self->references, TAL_BATCH_LANES);
    if (status != TAL_OK)
        return status;
    self->params.run_begin = self->run_begin;
    status = tal_seqset_sort_runs(self->references, TAL_TILE_RUNS, self->run_begin);
    return tal_comm_agree(self->comm, status);
}

void tal_search_run_show_tiles(const tal_search_run *self)
{
    tal_tiles_counts tiles = tal_search_tiles(self->search);
    uint64_t sums[] = {tiles.own, tiles.taken, tiles.taken_bytes, tiles.fetch_ns};
    uint64_t most[] = {tiles.taken, tiles.given};
    tal_comm_sum_u64(self->comm, sums, sizeof(sums) / sizeof(sums[0]));
    tal_comm_max_u64(self->comm, most, sizeof(most) / sizeof(most[0]));
    tal_log(TAL_LOG_INFO,
            "tiles of all ranks: %" PRIu64 " own, %" PRIu64 " taken from others (%.1f MB read in "
            "%.3f s); most taken by a rank %" PRIu64 ", from a rank %" PRIu64,
            sums[0], sums[1], (double)sums[2] * 1e-6, (double)sums[3] * 1e-9, most[0], most[1]);
}
