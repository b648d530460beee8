/* Sorting of records; see sort.h.
 *
 * Buckets by the highest bits of the scaled key, filled by all threads from slices of the input;
 * then each bucket by one thread: two passes of a radix sort on the next bits, after which only
 * equal or nearly equal keys are left in no order. Every step is a function of the records alone.
 */
#include "reduce/sort.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKET_BITS_MAX = 12,
    BUCKET_RECORDS = 2048, /* aimed at: a bucket and its copy fit in the second cache */
    DIGIT_BITS = 8,
    DIGIT_COUNT = 1 << DIGIT_BITS,
    INSERTION_MAX = 24, /* longer runs are left to qsort */
};

typedef struct sorter {
    tal_sort_record *records, *out;
    size_t count;
    uint64_t scale;
    unsigned bucket_shift;
    size_t bucket_count, slice_count;
    size_t *at; /* slice_count x bucket_count: where a slice puts its next record of a bucket */
    size_t *bucket_begin;
} sorter;

static int compare(const void *left, const void *right)
{
    const tal_sort_record *a = left;
    const tal_sort_record *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->sub != b->sub)
        return a->sub < b->sub ? -1 : 1;
    return (a->rest > b->rest) - (a->rest < b->rest);
}

static size_t bucket_of(const sorter *self, const tal_sort_record *record)
{
    return self->bucket_count == 1 ? 0
                                   : (size_t)((record->key * self->scale) >> self->bucket_shift);
}

static size_t slice_begin(const sorter *self, size_t slice)
{
    return self->count / self->slice_count * slice +
           (self->count % self->slice_count) * slice / self->slice_count;
}

static tal_status count_slice(void *context, int worker, size_t slice)
{
    (void)worker; /* all are alike */
    sorter *self = context;
    size_t *at = self->at + slice * self->bucket_count;
    for (size_t i = slice_begin(self, slice); i < slice_begin(self, slice + 1); i++)
        at[bucket_of(self, &self->records[i])]++;
    return TAL_OK;
}

static tal_status scatter_slice(void *context, int worker, size_t slice)
{
    (void)worker; /* all are alike */
    sorter *self = context;
    size_t *at = self->at + slice * self->bucket_count;
    for (size_t i = slice_begin(self, slice); i < slice_begin(self, slice + 1); i++)
        self->out[at[bucket_of(self, &self->records[i])]++] = self->records[i];
    return TAL_OK;
}

/* Counts become places. */
static void place(sorter *self)
{
    size_t total = 0;
    for (size_t bucket = 0; bucket < self->bucket_count; bucket++) {
        self->bucket_begin[bucket] = total;
        for (size_t slice = 0; slice < self->slice_count; slice++) {
            size_t *at = &self->at[slice * self->bucket_count + bucket];
            size_t here = *at;
            *at = total;
            total += here;
        }
    }
    self->bucket_begin[self->bucket_count] = total;
}

static void radix_pass(const tal_sort_record *from, size_t count, uint64_t scale, unsigned shift,
                       tal_sort_record *to)
{
    size_t begin[DIGIT_COUNT] = {0};
    for (size_t i = 0; i < count; i++)
        begin[(from[i].key * scale) >> shift & (DIGIT_COUNT - 1)]++;
    size_t total = 0;
    for (size_t digit = 0; digit < DIGIT_COUNT; digit++) {
        size_t here = begin[digit];
        begin[digit] = total;
        total += here;
    }
    for (size_t i = 0; i < count; i++)
        to[begin[(from[i].key * scale) >> shift & (DIGIT_COUNT - 1)]++] = from[i];
}

static void insertion_sort(tal_sort_record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        tal_sort_record record = records[i];
        size_t j = i;
        for (; j > 0 && compare(&records[j - 1], &record) > 0; j--)
            records[j] = records[j - 1];
        records[j] = record;
    }
}

/* Runs whose digits were equal, each on its own. */
static void finish_runs(tal_sort_record *records, size_t count, uint64_t scale, unsigned shift)
{
    for (size_t begin = 0; begin < count;) {
        uint64_t head = (records[begin].key * scale) >> shift;
        size_t end = begin + 1;
        while (end < count && (records[end].key * scale) >> shift == head)
            end++;
        if (end - begin <= INSERTION_MAX)
            insertion_sort(records + begin, end - begin);
        else
            qsort(records + begin, end - begin, sizeof(*records), compare);
        begin = end;
    }
}

static tal_status sort_bucket(void *context, int worker, size_t bucket)
{
    (void)worker; /* all are alike */
    sorter *self = context;
    size_t begin = self->bucket_begin[bucket];
    size_t count = self->bucket_begin[bucket + 1] - begin;
    tal_sort_record *records = self->out + begin;
    if (count <= INSERTION_MAX) {
        insertion_sort(records, count);
        return TAL_OK;
    }
    unsigned high = self->bucket_count == 1 ? 64 : self->bucket_shift;
    radix_pass(records, count, self->scale, high - 2 * DIGIT_BITS, self->records + begin);
    radix_pass(self->records + begin, count, self->scale, high - DIGIT_BITS, records);
    finish_runs(records, count, self->scale, high - 2 * DIGIT_BITS);
    return TAL_OK;
}

tal_status tal_sort_records(tal_team *team, tal_sort_record *records, size_t count, uint64_t scale,
                            tal_sort_record *out)
{
    unsigned bits = 0;
    while (bits < BUCKET_BITS_MAX && (count >> bits) > BUCKET_RECORDS)
        bits++;
    sorter self = {
        .records = records,
        .out = out,
        .count = count,
        .scale = scale,
        .bucket_shift = 64 - bits,
        .bucket_count = (size_t)1 << bits,
        .slice_count = bits == 0 ? 1 : (size_t)tal_team_size(team),
    };
    self.at = tal_alloc_zero(self.slice_count * self.bucket_count * sizeof(*self.at));
    self.bucket_begin = tal_alloc_array(self.bucket_count + 1, sizeof(*self.bucket_begin));
    tal_status status = self.at == NULL || self.bucket_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_team_for(team, self.slice_count, count_slice, &self);
    if (status == TAL_OK) {
        place(&self);
        status = tal_team_for(team, self.slice_count, scatter_slice, &self);
    }
    if (status == TAL_OK)
        status = tal_team_for(team, self.bucket_count, sort_bucket, &self);
    tal_free(self.bucket_begin);
    tal_free(self.at);
    return status;
}
