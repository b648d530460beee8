/* A reduced set whose members do not meet what the file promises is found out, whichever threshold
 * it is. */
#include "ranks.h"
#include "team_of.h"

#include "reduce/reduce.h"
#include "seq/load.h"
#include "store/pack.h"
#include "store/terms.h"
#include "store/unpack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Four proteins: one, two that differ in a tenth of it, and another. */
static void write_input(const ranks_test *test, const char *path)
{
    static const char first[] = "MKVLAAGIVGLCAKAYLERGHEVRLVDRDPARVEALRALGWEVVPTDNQS";
    static const char other[] = "MSTNPKPQRKTKRNTNRRPQDVKFPGGGQIVGGVYLLPRRGPRLGVRATR";
    if (test->rank == 0) {
        FILE *file = fopen(path, "w");
        if (file != NULL) {
            (void)fprintf(file, ">a\n%s\n>b\nW%s\n>c\n%sAAAAA\n>d\n%s\n", first, first, first,
                          other); /* Missing lines fail the test. */
            (void)fclose(file);   /* Likewise. */
        }
    }
    tal_comm_barrier(test->comm);
}

/* Faults of a set that is made by `made` and says it was by `told`. */
static uint64_t count_faults(ranks_test *test, const tal_reduce_params *made,
                             const tal_reduce_params *told)
{
    char input[RANKS_PATH_BYTES], output[RANKS_PATH_BYTES];
    ranks_path(test, "in.fa", input);
    ranks_path(test, "out.h5", output);
    write_input(test, input);
    const char *paths[] = {input};
    const tal_load_params load = {
        .paths = paths, .path_count = 1, .role = "references", .open_file_limit = 1};
    tal_team *team = NULL;
    tal_seqset *set = NULL;
    tal_set_info info = {0};
    tal_assignment *assignment = NULL;
    tal_reduce_summary summary;
    tal_result_attribute attributes[TAL_TERM_COUNT];
    tal_container *container = NULL;
    tal_unpacker *unpacker = NULL;
    tal_buffer faults = {0};
    tal_check_summary checked = {.fault_count = UINT64_MAX};
    tal_pack_summary packed;
    tal_status status = team_of(1, &team);
    if (status == TAL_OK)
        status = tal_load_partition(test->comm, &load, &set, &info);
    if (status == TAL_OK)
        status = tal_reduce(test->comm, team, set, made, &assignment, &summary);
    RANKS_CHECK(test, status == TAL_OK);
    RANKS_CHECK(test, summary.representative_count == 2);
    const tal_pack_params pack = {.path = output,
                                  .is_forced = true,
                                  .set = set,
                                  .info = &info,
                                  .assignment = assignment,
                                  .matrix = made->matrix,
                                  .parameters = attributes,
                                  .parameter_count = tal_terms_list(told, attributes)};
    if (status == TAL_OK)
        status = tal_pack(test->comm, team, &pack, &packed);
    if (status == TAL_OK)
        status = tal_container_open(output, &container);
    if (status == TAL_OK)
        status = tal_unpacker_create(test->comm, team, container, &unpacker);
    if (status == TAL_OK)
        status = tal_unpack_check(unpacker, &faults, &checked);
    RANKS_CHECK(test, status == TAL_OK);
    if (checked.fault_count > 0 && test->rank == 0)
        RANKS_CHECK(test, faults.bytes > 0 && memchr(faults.data, '\n', faults.bytes) != NULL);
    tal_buffer_deinit(&faults);
    tal_unpacker_destroy(unpacker);
    tal_container_close(container);
    tal_assignment_destroy(assignment);
    tal_set_info_deinit(&info);
    tal_seqset_destroy(set);
    tal_team_destroy(team);
    return checked.fault_count;
}

static void promises_are_verified(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    tal_reduce_params made = {.identity = 9000,
                              .coverage = 8000,
                              .evalue = INFINITY,
                              .matrix = &matrix,
                              .gaps = tal_gaps_default(&matrix),
                              .residue_count = 206,
                              .sequence_count = 4};
    RANKS_CHECK(test, tal_stats_find(&matrix, made.gaps, &made.stats) == TAL_OK);
    RANKS_CHECK(test, count_faults(test, &made, &made) == 0);
    tal_reduce_params told = made;
    told.evalue = 1e-10;
    RANKS_CHECK(test, count_faults(test, &made, &told) == 0);
    told.evalue = 1e-100;
    RANKS_CHECK(test, count_faults(test, &made, &told) > 0);
    told = made;
    told.coverage = 10000;
    RANKS_CHECK(test, count_faults(test, &made, &told) > 0);
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, promises_are_verified);
    return ranks_end(&test);
}
