/* Ranks and shared files: run with 1, 2, 3, 4 ranks. */
#include "ranks.h"

#include "base/alloc.h"
#include "comm/file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A function of its arguments that looks random: what a byte or size must be, without telling. */
static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xbf58476d1ce4e5b9) +
                 c * UINT64_C(0x94d049bb133111eb) + 1;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void ranks_are_numbered_and_nodes_are_within_the_world(ranks_test *test)
{
    RANKS_CHECK(test, test->rank >= 0 && test->rank < test->size);
    int node_rank = tal_comm_node_rank(test->comm);
    int node_size = tal_comm_node_size(test->comm);
    RANKS_CHECK(test, node_size >= 1 && node_size <= test->size);
    RANKS_CHECK(test, node_rank >= 0 && node_rank < node_size);
}

static void agree_on_success_is_success(ranks_test *test)
{
    RANKS_CHECK(test, tal_comm_agree(test->comm, TAL_OK) == TAL_OK);
    RANKS_CHECK(test, tal_status_message()[0] == '\0');
}

static void agree_gives_worst_status_and_message_of_its_lowest_rank(ranks_test *test)
{
    for (int culprit = 0; culprit < test->size; culprit++) {
        tal_status_clear();
        tal_status status = TAL_OK;
        if (test->rank == culprit || test->rank == test->size - 1)
            status = tal_fail(TAL_ERR_IO, "rank %d is full", test->rank);
        else if (test->rank % 2 == 0)
            status = tal_fail(TAL_ERR_DATA, "rank %d has bad data", test->rank);
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "rank %d is full", culprit);
        RANKS_CHECK(test, tal_comm_agree(test->comm, status) == TAL_ERR_IO);
        RANKS_CHECK(test, strcmp(tal_status_message(), expected) == 0);
    }
}

static void agree_carries_a_message_longer_than_its_room_cut_short(ranks_test *test)
{
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tal_status status = TAL_OK;
    if (test->rank == test->size - 1)
        status = tal_fail(TAL_ERR_DATA, "%s", text);
    RANKS_CHECK(test, tal_comm_agree(test->comm, status) == TAL_ERR_DATA);
    size_t len = strlen(tal_status_message());
    RANKS_CHECK(test, len >= 1000 && len < sizeof(text));
    RANKS_CHECK(test, strspn(tal_status_message(), "x") == len);
}

static void prefix_is_the_sum_of_lower_ranks(ranks_test *test)
{
    for (uint64_t trial = 0; trial < 10; trial++) {
        uint64_t expected = 0;
        for (int rank = 0; rank < test->rank; rank++)
            expected += mix(trial, (uint64_t)rank, 1) >> 8;
        uint64_t mine = mix(trial, (uint64_t)test->rank, 1) >> 8;
        RANKS_CHECK(test, tal_comm_prefix_u64(test->comm, mine) == expected);
    }
}

static void sums_maxima_and_gathers_agree_with_a_loop(ranks_test *test)
{
    enum { COUNT = 1000, SIZE_MAX_HERE = 64 };
    uint64_t sum[COUNT], max[COUNT], total[COUNT], gathered[SIZE_MAX_HERE];
    for (uint64_t i = 0; i < COUNT; i++)
        sum[i] = max[i] = total[i] = mix(i, (uint64_t)test->rank, 2) >> 8;
    tal_comm_sum_u64(test->comm, sum, COUNT);
    tal_comm_max_u64(test->comm, max, COUNT);
    tal_comm_accumulate_u64(test->comm, total, COUNT);
    bool is_equal = true;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t expected_sum = 0;
        uint64_t expected_max = 0;
        for (int rank = 0; rank < test->size; rank++) {
            uint64_t value = mix(i, (uint64_t)rank, 2) >> 8;
            expected_sum += value;
            expected_max = value > expected_max ? value : expected_max;
        }
        is_equal = is_equal && sum[i] == expected_sum && max[i] == expected_max;
        is_equal = is_equal && (test->rank != 0 || total[i] == expected_sum);
    }
    RANKS_CHECK(test, is_equal);
    RANKS_CHECK(test, test->size <= SIZE_MAX_HERE);
    int node[SIZE_MAX_HERE];
    tal_comm_node_gather(test->comm, 7 * tal_comm_node_rank(test->comm), node);
    for (int rank = 0; rank < tal_comm_node_size(test->comm); rank++)
        RANKS_CHECK(test, node[rank] == 7 * rank);
    tal_comm_gather_u64(test->comm, mix(3, (uint64_t)test->rank, 3), gathered);
    for (int rank = 0; rank < test->size; rank++)
        RANKS_CHECK(test, gathered[rank] == mix(3, (uint64_t)rank, 3));
}

static void broadcast_reaches_all_from_any_root(ranks_test *test)
{
    static const uint64_t sizes[] = {0, 1, 4097, 3000001};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int root = 0; root < test->size; root++) {
            uint8_t *data = tal_alloc(sizes[i]);
            RANKS_CHECK(test, data != NULL);
            for (uint64_t k = 0; k < sizes[i]; k++)
                data[k] = test->rank == root ? (uint8_t)mix(k, i, (uint64_t)root) : 0xEE;
            tal_comm_broadcast(test->comm, data, sizes[i], root);
            uint64_t wrong_count = 0;
            for (uint64_t k = 0; k < sizes[i]; k++)
                wrong_count += data[k] != (uint8_t)mix(k, i, (uint64_t)root);
            RANKS_CHECK(test, wrong_count == 0);
            tal_free(data);
        }
}

/* Bytes `from` sends to `to` in a trial; trial 0 sends nothing, the last one more than any round
 * holds from one rank. */
enum { TRIALS = 6, MORE_THAN_A_ROUND = (1 << 24) + 12345 };

static uint64_t message_bytes(uint64_t trial, uint64_t from, uint64_t to)
{
    uint64_t random = mix(trial, from, to + 100);
    if (trial == 0 || random % 4 == 0)
        return 0;
    if (trial == TRIALS - 1 && from == 0)
        return MORE_THAN_A_ROUND;
    return random >> 8 & ((UINT64_C(1) << (4 * trial)) - 1);
}

static uint8_t message_byte(uint64_t trial, uint64_t from, uint64_t to, uint64_t at)
{
    return (uint8_t)(mix(trial, from, to) + at * 131 + (at >> 12));
}

/* Bytes of `data` that are not those of the message. */
static uint64_t count_wrong(const uint8_t *data, uint64_t trial, uint64_t from, uint64_t to)
{
    uint64_t wrong_count = 0;
    for (uint64_t at = 0; at < message_bytes(trial, from, to); at++)
        wrong_count += data[at] != message_byte(trial, from, to, at);
    return wrong_count;
}

static void exchange_trial(ranks_test *test, uint64_t trial, tal_buffer *received)
{
    uint64_t me = (uint64_t)test->rank;
    uint64_t size = (uint64_t)test->size;
    tal_buffer send = {0};
    uint64_t begin[65] = {0};
    uint64_t received_begin[65];
    for (uint64_t to = 0; to < size; to++) {
        uint64_t bytes = message_bytes(trial, me, to);
        RANKS_CHECK(test, tal_buffer_reserve(&send, bytes) == TAL_OK);
        for (uint64_t at = 0; at < bytes; at++)
            send.data[send.bytes + at] = message_byte(trial, me, to, at);
        send.bytes += bytes;
        begin[to + 1] = send.bytes;
    }
    uint64_t before = received->bytes;
    bool wants_begin = trial % 2 == 1;
    tal_status status = tal_comm_exchange(test->comm, send.data, begin, received,
                                          wants_begin ? received_begin : NULL);
    RANKS_CHECK(test, status == TAL_OK);
    uint64_t at = before;
    for (uint64_t from = 0; from < size; from++) {
        if (wants_begin)
            RANKS_CHECK(test, received_begin[from] == at - before);
        uint64_t bytes = message_bytes(trial, from, me);
        bool is_inside = at + bytes <= received->bytes;
        RANKS_CHECK(test, is_inside);
        if (is_inside)
            RANKS_CHECK(test, count_wrong(received->data + at, trial, from, me) == 0);
        at += bytes;
    }
    RANKS_CHECK(test, received->bytes == at);
    if (wants_begin)
        RANKS_CHECK(test, received_begin[size] == at - before);
    tal_buffer_deinit(&send);
}

static void exchange_delivers_messages_of_any_size_in_rank_order(ranks_test *test)
{
    tal_buffer received = {0};
    for (uint64_t trial = 0; trial < TRIALS; trial++)
        exchange_trial(test, trial, &received); /* Appends: what came before must stay. */
    uint64_t first = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++)
        for (uint64_t from = 0; from < (uint64_t)test->size; from++) {
            uint64_t me = (uint64_t)test->rank;
            RANKS_CHECK(test, count_wrong(received.data + first, trial, from, me) == 0);
            first += message_bytes(trial, from, me);
        }
    tal_buffer_deinit(&received);
}

static uint8_t file_byte(uint64_t at)
{
    return (uint8_t)(at * 7 + (at >> 8) * 13);
}

/* Write a file in three rounds of odd pieces per rank; its size. */
static uint64_t write_file(ranks_test *test, const char *path)
{
    tal_file *file = NULL;
    RANKS_CHECK(test, tal_file_open_write(test->comm, path, &file) == TAL_OK);
    uint64_t done = 0;
    for (uint64_t round = 0; round < 3; round++) {
        /* Some ranks have nothing. */
        uint64_t mine = (round + (uint64_t)test->rank) % 3 == 0
                            ? 0
                            : 1000 + mix(round, (uint64_t)test->rank, 9) % 300000;
        uint64_t offset = done + tal_comm_prefix_u64(test->comm, mine);
        uint8_t *data = tal_alloc(mine);
        for (uint64_t i = 0; i < mine; i++)
            data[i] = file_byte(offset + i);
        RANKS_CHECK(test, tal_file_write_at_all(test->comm, file, offset, data, mine) == TAL_OK);
        tal_free(data);
        tal_comm_sum_u64(test->comm, &mine, 1);
        done += mine;
    }
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
    return done;
}

static void file_written_by_all_ranks_reads_back_on_every_rank(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "shared", path);
    uint64_t bytes = write_file(test, path);
    tal_file *file = NULL;
    RANKS_CHECK(test, tal_file_open_read(test->comm, path, &file) == TAL_OK);
    RANKS_CHECK(test, tal_file_bytes(file) == bytes);
    uint8_t *data = tal_alloc(bytes + 100);
    uint64_t read_bytes = 0;
    RANKS_CHECK(test, tal_file_read_at(file, 0, data, bytes + 100, &read_bytes) == TAL_OK);
    RANKS_CHECK(test, read_bytes == bytes);
    uint64_t wrong_count = 0;
    for (uint64_t i = 0; i < read_bytes; i++)
        wrong_count += data[i] != file_byte(i);
    RANKS_CHECK(test, wrong_count == 0);
    /* Pieces, different on each rank: independent reads. */
    for (uint64_t trial = 0; trial < 20 && bytes > 0; trial++) {
        uint64_t offset = mix(trial, (uint64_t)test->rank, 5) % bytes;
        uint64_t wanted = 1 + mix(trial, (uint64_t)test->rank, 6) % 5000;
        RANKS_CHECK(test, tal_file_read_at(file, offset, data, wanted, &read_bytes) == TAL_OK);
        RANKS_CHECK(test, read_bytes == (wanted < bytes - offset ? wanted : bytes - offset));
        RANKS_CHECK(test, read_bytes == 0 || data[0] == file_byte(offset));
    }
    RANKS_CHECK(test, tal_file_read_at(file, bytes + 5, data, 10, &read_bytes) == TAL_OK);
    RANKS_CHECK(test, read_bytes == 0);
    tal_free(data);
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
}

static void writing_again_truncates_the_file(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "again", path);
    (void)write_file(test, path);
    tal_file *file = NULL;
    RANKS_CHECK(test, tal_file_open_write(test->comm, path, &file) == TAL_OK);
    uint64_t mine = test->rank == 0 ? 3 : 0;
    RANKS_CHECK(test, tal_file_write_at_all(test->comm, file, 0, "abc", mine) == TAL_OK);
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
    RANKS_CHECK(test, tal_file_open_read(test->comm, path, &file) == TAL_OK);
    RANKS_CHECK(test, tal_file_bytes(file) == 3);
    RANKS_CHECK(test, tal_file_close(test->comm, file) == TAL_OK);
}

static void opening_what_is_no_file_names_it_and_the_cause(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "missing", path);
    tal_file *file = NULL;
    RANKS_CHECK(test, tal_file_open_read(test->comm, path, &file) == TAL_ERR_NO_INPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), path) != NULL);
    RANKS_CHECK(test, strstr(tal_status_message(), "No such file") != NULL);
    tal_status_clear();
    RANKS_CHECK(test, tal_file_open_read(test->comm, test->folder, &file) == TAL_ERR_NO_INPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), "directory") != NULL);
    tal_status_clear();
    ranks_path(test, "no-such-folder/file", path);
    RANKS_CHECK(test, tal_file_open_write(test->comm, path, &file) == TAL_ERR_OUTPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), path) != NULL);
    RANKS_CHECK(test, file == NULL);
    RANKS_CHECK(test, tal_file_close(test->comm, NULL) == TAL_OK);
}

/* A limit on the size of files stands for a full disk: writing past it fails alike. */
static void full_disk_is_an_error_on_all_ranks(ranks_test *test)
{
    enum { LIMIT = 1 << 20 };
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "full", path);
    tal_file *file = NULL;
    RANKS_CHECK(test, tal_file_open_write(test->comm, path, &file) == TAL_OK);
    (void)signal(SIGXFSZ, SIG_IGN); /* So that write fails instead. */
    struct rlimit old;
    RANKS_CHECK(test, getrlimit(RLIMIT_FSIZE, &old) == 0);
    struct rlimit low = {.rlim_cur = LIMIT, .rlim_max = old.rlim_max};
    RANKS_CHECK(test, setrlimit(RLIMIT_FSIZE, &low) == 0);
    uint64_t bytes = LIMIT;
    uint8_t *data = tal_alloc_zero(bytes);
    uint64_t offset = bytes * (uint64_t)test->rank + bytes / 2;
    tal_status status = tal_file_write_at_all(test->comm, file, offset, data, bytes);
    RANKS_CHECK(test, status == TAL_ERR_IO);
    RANKS_CHECK(test, strstr(tal_status_message(), path) != NULL);
    RANKS_CHECK(test, setrlimit(RLIMIT_FSIZE, &old) == 0);
    tal_free(data);
    (void)tal_file_close(test->comm, file); /* May or may not report the same failure. */
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, ranks_are_numbered_and_nodes_are_within_the_world);
    RANKS_RUN(&test, agree_on_success_is_success);
    RANKS_RUN(&test, agree_gives_worst_status_and_message_of_its_lowest_rank);
    RANKS_RUN(&test, agree_carries_a_message_longer_than_its_room_cut_short);
    RANKS_RUN(&test, prefix_is_the_sum_of_lower_ranks);
    RANKS_RUN(&test, sums_maxima_and_gathers_agree_with_a_loop);
    RANKS_RUN(&test, broadcast_reaches_all_from_any_root);
    RANKS_RUN(&test, exchange_delivers_messages_of_any_size_in_rank_order);
    RANKS_RUN(&test, file_written_by_all_ranks_reads_back_on_every_rank);
    RANKS_RUN(&test, writing_again_truncates_the_file);
    RANKS_RUN(&test, opening_what_is_no_file_names_it_and_the_cause);
    RANKS_RUN(&test, full_disk_is_an_error_on_all_ranks);
    return ranks_end(&test);
}
