/* What calls count as; parts of a communicator; resting ranks. Run with 1, 2, 3, 4, 7 ranks. */
#include "ranks.h"

#include "comm/file.h"
#include "comm/traffic.h"

static tal_traffic before[TAL_TRAFFIC_COUNT];

static void remember(const ranks_test *test)
{
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++)
        before[kind] = tal_traffic_get(test->comm, (tal_traffic_kind)kind);
}

/* So many calls, messages and bytes since then. */
static bool has_grown(const ranks_test *test, tal_traffic_kind kind, uint64_t calls,
                      uint64_t messages, uint64_t bytes)
{
    tal_traffic now = tal_traffic_get(test->comm, kind);
    return now.calls - before[kind].calls == calls &&
           now.messages - before[kind].messages == messages &&
           now.bytes - before[kind].bytes == bytes && now.ns >= before[kind].ns;
}

static void collectives_count_what_a_rank_gives(ranks_test *test)
{
    uint64_t values[5] = {1, 2, 3, 4, 5};
    uint64_t all[64];
    uint64_t is_shared = test->size > 1 ? 1 : 0; /* One rank gives nothing. */
    uint64_t is_root = test->rank == 0 ? 1 : 0;
    remember(test);
    RANKS_CHECK(test, tal_comm_agree(test->comm, TAL_OK) == TAL_OK);
    tal_comm_barrier(test->comm);
    tal_comm_broadcast(test->comm, values, 11, 0);
    tal_comm_broadcast(test->comm, values, 0, 0); /* No call at all. */
    tal_comm_sum_u64(test->comm, values, 5);
    tal_comm_max_u64(test->comm, values, 2);
    tal_comm_or_u64(test->comm, values, 1);
    tal_comm_accumulate_u64(test->comm, values, 3);
    (void)tal_comm_prefix_u64(test->comm, 7);
    tal_comm_gather_u64(test->comm, 7, all);
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_AGREE, 1, 0, 8 * is_shared));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_BARRIER, 1, 0, 0));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_BROADCAST, 1, 0, 11 * is_shared * is_root));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_COMBINE, 3, 0, 64 * is_shared));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_ACCUMULATE, 1, 0, 24 * (1 - is_root)));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_PREFIX, 1, 0, 8 * is_shared));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_GATHER, 1, 0, 8 * is_shared));
}

/* Every rank sends 10 bytes to each higher rank and 5 to itself. */
static void an_exchange_counts_messages_to_others(ranks_test *test)
{
    uint8_t data[10 * 64] = {0};
    uint64_t begin[65];
    begin[0] = 0;
    for (int rank = 0; rank < test->size; rank++)
        begin[rank + 1] = begin[rank] + (rank > test->rank ? 10 : rank == test->rank ? 5 : 0);
    tal_buffer received = {0};
    remember(test);
    RANKS_CHECK(test, tal_comm_exchange(test->comm, data, begin, &received, NULL) == TAL_OK);
    uint64_t higher = (uint64_t)(test->size - 1 - test->rank);
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_EXCHANGE, 1, higher, 10 * higher));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_SIZES, 1, 0, 8 * ((uint64_t)test->size - 1)));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_AGREE, 2, 0, test->size > 1 ? 16 : 0));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_COMBINE, 1, 0, test->size > 1 ? 8 : 0));
    tal_buffer_deinit(&received);
}

static void files_count_what_is_read_and_written(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "counted", path);
    uint8_t data[100] = {0};
    tal_file *file = NULL;
    uint64_t count = 0;
    remember(test);
    RANKS_CHECK(test, tal_file_open_write(test->comm, path, &file) == TAL_OK);
    RANKS_CHECK(test, tal_file_write_at_all(test->comm, file, 0, data, 10) == TAL_OK);
    RANKS_CHECK(test, tal_file_sync(test->comm, file) == TAL_OK);
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
    RANKS_CHECK(test, tal_file_open_read(test->comm, path, &file) == TAL_OK);
    RANKS_CHECK(test, tal_file_read_at(file, 0, data, 7, &count) == TAL_OK);
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_FILE_OPEN, 4, 0, 0));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_FILE_WRITE, 1, 0, 10));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_FILE_SYNC, 1, 0, 0));
    RANKS_CHECK(test, has_grown(test, TAL_TRAFFIC_FILE_READ, 1, 0, 7));
}

static void sums_part_waiting_data_and_files(ranks_test *test)
{
    tal_traffic_sums sums = tal_traffic_sum(test->comm);
    uint64_t calls = 0;
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++)
        calls += tal_traffic_get(test->comm, (tal_traffic_kind)kind).calls;
    RANKS_CHECK(test, sums.waiting.calls + sums.data.calls + sums.files.calls == calls);
    tal_traffic opens = tal_traffic_get(test->comm, TAL_TRAFFIC_FILE_OPEN);
    tal_traffic agrees = tal_traffic_get(test->comm, TAL_TRAFFIC_AGREE);
    RANKS_CHECK(test, sums.files.calls > opens.calls);
    RANKS_CHECK(test, sums.waiting.calls > agrees.calls);
}

static void the_first_ranks_work_while_the_others_rest(ranks_test *test)
{
    for (int count = 1; count <= test->size; count++) {
        tal_comm *part = NULL;
        RANKS_CHECK(test, tal_comm_create_part(test->comm, count, &part) == TAL_OK);
        RANKS_CHECK(test, (part != NULL) == (test->rank < count));
        if (part != NULL) {
            uint64_t sum = 1;
            RANKS_CHECK(test, tal_comm_rank(part) == test->rank && tal_comm_size(part) == count);
            RANKS_CHECK(test, tal_traffic_sum(part).data.calls == 0);
            tal_comm_sum_u64(part, &sum, 1);
            RANKS_CHECK(test, sum == (uint64_t)count);
            RANKS_CHECK(test, tal_traffic_sum(part).data.calls == 1);
        }
        tal_comm_destroy(part);
        tal_comm_rest(test->comm);
    }
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, collectives_count_what_a_rank_gives);
    RANKS_RUN(&test, an_exchange_counts_messages_to_others);
    RANKS_RUN(&test, files_count_what_is_read_and_written);
    RANKS_RUN(&test, sums_part_waiting_data_and_files);
    RANKS_RUN(&test, the_first_ranks_work_while_the_others_rest);
    return ranks_end(&test);
}
