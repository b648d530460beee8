/* Verification of pairs; see verify.h. */
#include "reduce/verify.h"

#include "align/band_trace.h"
#include "base/alloc.h"
#include "base/check.h"
#include "kernels/table.h"
#include "score/profile.h"

#include <math.h>
#include <string.h>

enum {
    /* Hundredths of the score that a passing alignment brings at least: real ones bring 4.3 a
     * column at 90 % identity, 1.7 at 50 %, 1.3 at 40 %, and most far more. */
    SCORE_IDENTICAL = 390,
    SCORE_OTHER = -112,
    SCORE_IDENTICAL_MIN = 120, /* at low identities */
    BAND_LEN_MIN = 256,        /* shorter sequences are not worth a band */
    BAND_IDENTITY_MIN = 5000,  /* below, words and bands show little */
    BAND_HALF_WIDTH = 64,
    BAND_GROWTH = 4,      /* of a band that proves nothing */
    VAGUE_SHARE = 8,      /* of what rows may bring: where words leave more, bands refuse nothing */
    WHOLE_LEN_MAX = 8192, /* the whole matrix is then cheap enough to be looked at first */
    STRICT_PENALTY_MIN = 8,
    LETTER_BYTES = 8 + TAL_CODE_COUNT + 32 + 48, /* of a residue: tracing, proofs, words, reach */
    VERIFIER_BYTES = 256 << 10,                  /* whatever the lengths */
    SEED_SCORE = 42, /* of the seed's diagonal, at least: 22 bits under BLOSUM62, what BLAST
                        wants before it opens gaps */
};

struct tal_verifier {
    const tal_criteria *criteria;
    tal_ladder_scratch scratch;
    tal_prover_memory prover;
    tal_tracer *tracer;
    const uint8_t *member; /* as stored */
    int32_t len;
    bool has_strand[2]; /* whether profile and codes of that strand are of this member */
    uint8_t *reverse;   /* codes of the other strand */
    int8_t *profiles[2];
    size_t capacity; /* residues */

    /* Nucleotides. Strict scores are negative where the identity is too low; of this identity. */
    int32_t strict_identity; /* 0: none */
    tal_band_aligner aligner;
    tal_band_scoring scoring, strict;
    tal_matrix strict_matrix;
    int8_t *strict_profiles[2];
    bool has_strict[2];
    tal_verifier_counts counts;
};

bool tal_criteria_allow_lengths(const tal_criteria *criteria, int64_t member_len,
                                int64_t representative_len)
{
    bool member_fits = representative_len * TAL_REDUCE_SHARE_ONE >= member_len * criteria->coverage;
    bool representative_fits =
        member_len * TAL_REDUCE_SHARE_ONE >= representative_len * criteria->coverage;
    switch (criteria->coverage_mode) {
    case TAL_COVERAGE_MEMBER:
        return member_fits;
    case TAL_COVERAGE_REPRESENTATIVE:
        return representative_fits;
    default:
        return member_fits && representative_fits;
    }
}

/* Whether spans of member and representative meet the coverage. */
static bool is_covered(const tal_criteria *criteria, int64_t member_span, int64_t member_len,
                       int64_t representative_span, int64_t representative_len)
{
    const int64_t one = TAL_REDUCE_SHARE_ONE;
    if (criteria->coverage_mode != TAL_COVERAGE_REPRESENTATIVE &&
        member_span * one < criteria->coverage * member_len)
        return false;
    return criteria->coverage_mode == TAL_COVERAGE_MEMBER ||
           representative_span * one >= criteria->coverage * representative_len;
}

bool tal_criteria_check(const tal_criteria *criteria, const tal_certificate *certificate,
                        int64_t member_len, int64_t representative_len)
{
    const int64_t one = TAL_REDUCE_SHARE_ONE;
    if (certificate->column_count == 0 ||
        certificate->identity_count * one < (int64_t)criteria->identity * certificate->column_count)
        return false;
    if (!is_covered(criteria, certificate->query_end - certificate->query_begin, member_len,
                    certificate->ref_end - certificate->ref_begin, representative_len))
        return false;
    if (isinf(criteria->evalue))
        return true;
    tal_search_space space = {member_len, criteria->residue_count, criteria->sequence_count};
    return tal_stats_evalue(criteria->stats, &space, certificate->score, representative_len) <=
           criteria->evalue;
}

/* Strict scores, made anew when the identity changes: of a path that keeps the identity they are 0
 * or more, for each identical column brings `bonus` and each other takes `penalty`, in about the
 * ratio that the identity allows. */
static void make_strict(tal_verifier *verifier)
{
    const tal_criteria *criteria = verifier->criteria;
    if (criteria->identity == verifier->strict_identity)
        return;
    verifier->strict_identity = criteria->identity;
    verifier->has_strict[0] = verifier->has_strict[1] = false;
    const int32_t other = TAL_REDUCE_SHARE_ONE - criteria->identity;
    int32_t bonus = 0, penalty = 1;
    while (other > 0 && penalty < STRICT_PENALTY_MIN && bonus < STRICT_PENALTY_MIN) {
        bonus++;
        penalty = bonus * criteria->identity / other;
    }
    penalty = penalty < -TAL_SCORE_MIN ? penalty : -TAL_SCORE_MIN;
    verifier->strict_matrix = *criteria->matrix;
    for (int a = 0; a < TAL_NUCLEOTIDE_LETTER_COUNT; a++)
        for (int b = 0; b < TAL_NUCLEOTIDE_LETTER_COUNT; b++)
            verifier->strict_matrix.score[a][b] = (int8_t)(a == b ? bonus : -penalty);
    const tal_gaps gaps = {.open = 0, .extend = penalty};
    tal_band_scoring_init(&verifier->strict, &verifier->strict_matrix, gaps);
}

tal_status tal_verifier_create(const tal_criteria *criteria, tal_verifier **out_verifier)
{
    tal_verifier *verifier = tal_alloc_zero(sizeof(*verifier));
    if (verifier == NULL)
        return TAL_ERR_MEMORY;
    verifier->criteria = criteria;
    tal_status status = tal_tracer_create(criteria->trace_bytes, &verifier->tracer);
    if (status != TAL_OK) {
        tal_verifier_destroy(verifier);
        return status;
    }
    tal_tracer_use_kernels(verifier->tracer, &criteria->ladder.table);
    if (criteria->matrix->alphabet == TAL_NUCLEOTIDE)
        tal_band_scoring_init(&verifier->scoring, criteria->matrix, criteria->ladder.gaps);
    *out_verifier = verifier;
    return TAL_OK;
}

uint64_t tal_verifier_bytes(const tal_criteria *criteria, int32_t len_max)
{
    const uint64_t len = (uint64_t)len_max, square = len * len;
    const bool is_stranded = criteria->matrix->alphabet == TAL_NUCLEOTIDE;
    const uint64_t path = square < criteria->trace_bytes ? square : criteria->trace_bytes;
    /* Profiles of both strands, real and strict; half as much again, so that they grow rarely. */
    const uint64_t profiles =
        (is_stranded ? 4U : 1U) * (uint64_t)TAL_PROFILE_STRIDE * (len + len / 2);
    /* Two rows of 4 bytes a column for each strip of a band of half of the matrix, both ways. */
    const uint64_t bands = is_stranded ? square / 8 : 0;
    return path + profiles + bands + tal_kernel_scratch_bytes(len_max, len_max) +
           len * LETTER_BYTES + VERIFIER_BYTES;
}

void tal_verifier_destroy(tal_verifier *verifier)
{
    if (verifier == NULL)
        return;
    for (int strand = 0; strand < 2; strand++) {
        tal_free(verifier->profiles[strand]);
        tal_free(verifier->strict_profiles[strand]);
    }
    tal_free(verifier->reverse);
    tal_band_aligner_deinit(&verifier->aligner);
    tal_tracer_destroy(verifier->tracer);
    tal_prover_memory_deinit(&verifier->prover);
    tal_ladder_scratch_deinit(&verifier->scratch);
    tal_free(verifier);
}

void tal_verifier_set_member(tal_verifier *verifier, const uint8_t *codes, int32_t len)
{
    verifier->member = codes;
    verifier->len = len;
    verifier->has_strand[0] = verifier->has_strand[1] = false;
    verifier->has_strict[0] = verifier->has_strict[1] = false;
}

static tal_status reserve(tal_verifier *verifier)
{
    const size_t len = (size_t)verifier->len;
    if (len <= verifier->capacity)
        return TAL_OK;
    size_t capacity = len + len / 2;
    verifier->capacity = 0;
    for (int strand = 0; strand < 2; strand++) {
        tal_free(verifier->profiles[strand]);
        tal_free(verifier->strict_profiles[strand]);
        verifier->profiles[strand] = verifier->strict_profiles[strand] = NULL;
    }
    tal_free(verifier->reverse);
    verifier->reverse = NULL;
    bool is_stranded = verifier->criteria->matrix->alphabet == TAL_NUCLEOTIDE;
    verifier->profiles[0] = tal_alloc_vector(capacity * TAL_PROFILE_STRIDE);
    if (is_stranded) {
        verifier->profiles[1] = tal_alloc_vector(capacity * TAL_PROFILE_STRIDE);
        verifier->reverse = tal_alloc(capacity);
    }
    if (verifier->profiles[0] == NULL ||
        (is_stranded && (verifier->profiles[1] == NULL || verifier->reverse == NULL)))
        return TAL_ERR_MEMORY;
    verifier->capacity = capacity;
    return TAL_OK;
}

/* The member as read on a strand. */
static tal_status read_member(tal_verifier *verifier, bool is_reverse, const uint8_t **out_codes)
{
    tal_status status = TAL_OK;
    if (is_reverse && !verifier->has_strand[1]) {
        status = reserve(verifier);
        if (status != TAL_OK)
            return status;
        tal_nucleotide_reverse_complement(verifier->member, (size_t)verifier->len,
                                          verifier->reverse);
    }
    *out_codes = is_reverse ? verifier->reverse : verifier->member;
    return TAL_OK;
}

static tal_status build_profile(tal_verifier *verifier, bool is_reverse, const uint8_t *codes)
{
    if (verifier->has_strand[is_reverse])
        return TAL_OK;
    tal_status status = reserve(verifier);
    if (status != TAL_OK)
        return status;
    tal_profile_build(verifier->criteria->matrix, codes, (size_t)verifier->len,
                      verifier->profiles[is_reverse]);
    verifier->has_strand[is_reverse] = true;
    return TAL_OK;
}

/* The columns that a passing alignment has at least. */
static int64_t columns_min(const tal_criteria *criteria, int64_t member_len,
                           int64_t representative_len)
{
    int64_t len = member_len > representative_len ? member_len : representative_len;
    if (criteria->coverage_mode == TAL_COVERAGE_MEMBER)
        len = member_len;
    if (criteria->coverage_mode == TAL_COVERAGE_REPRESENTATIVE)
        len = representative_len;
    return len * criteria->coverage / TAL_REDUCE_SHARE_ONE;
}

/* The least score, in 100 * TAL_REDUCE_SHARE_ONE-ths, that is not hopeless. */
static int64_t hope_of(const tal_criteria *criteria, int64_t member_len, int64_t representative_len)
{
    const int64_t identity = criteria->identity, other = TAL_REDUCE_SHARE_ONE - identity;
    const int64_t columns = columns_min(criteria, member_len, representative_len);
    int64_t column = SCORE_IDENTICAL * identity + SCORE_OTHER * other;
    int64_t least = SCORE_IDENTICAL_MIN * identity;
    if (criteria->matrix->alphabet ==
        TAL_NUCLEOTIDE) { /* Bases that pair score this much or more. */
        const tal_gaps gaps = criteria->ladder.gaps;
        const int64_t gap = gaps.open + gaps.extend, worst = -criteria->ladder.score_min;
        column =
            100 * (criteria->matrix->score[0][0] * identity - (gap > worst ? gap : worst) * other);
        least = 0;
    }
    column = column > least ? column : least;
    return column * columns;
}

bool tal_criteria_is_hopeless(const tal_criteria *criteria, int64_t score, int64_t member_len,
                              int64_t representative_len)
{
    return score * 100 * TAL_REDUCE_SHARE_ONE < hope_of(criteria, member_len, representative_len);
}

/* The least span that covers enough of a sequence. */
static int32_t span_min(const tal_criteria *criteria, int64_t len)
{
    return (int32_t)((len * criteria->coverage + TAL_REDUCE_SHARE_ONE - 1) / TAL_REDUCE_SHARE_ONE);
}

static tal_trace_job make_trace_job(const tal_verifier *verifier, const tal_verify_job *job,
                                    const uint8_t *codes)
{
    const tal_criteria *criteria = verifier->criteria;
    return (tal_trace_job){
        .profile = verifier->profiles[job->is_reverse],
        .query = codes,
        .query_len = verifier->len,
        .ref = job->codes,
        .ref_len = job->len,
        .mode = TAL_LOCAL,
        .query_span_min = criteria->coverage_mode == TAL_COVERAGE_REPRESENTATIVE
                              ? 0
                              : span_min(criteria, verifier->len),
        .ref_span_min =
            criteria->coverage_mode == TAL_COVERAGE_MEMBER ? 0 : span_min(criteria, job->len),
        .gaps = criteria->ladder.gaps,
    };
}

/* The least score that is looked for: what is not hopeless, and what some path is known to have. */
static int32_t least_score(const tal_verifier *verifier, const tal_verify_job *job, int32_t known)
{
    const int64_t one = 100 * TAL_REDUCE_SHARE_ONE;
    const int64_t hope = (hope_of(verifier->criteria, verifier->len, job->len) + one - 1) / one;
    return hope > known && hope < INT32_MAX ? (int32_t)hope : known;
}

/* Fill the matrix, as far as a score matters: *out_is_refused when it leaves no hope. `known`: what
 * some path scores. */
static tal_status align_in_full(tal_verifier *verifier, const tal_verify_job *job,
                                const uint8_t *codes, int32_t known, bool *out_is_refused,
                                tal_alignment *out_alignment)
{
    const tal_criteria *criteria = verifier->criteria;
    tal_trace_job trace_job = make_trace_job(verifier, job, codes);
    tal_ladder_peak peak;
    tal_status status = tal_ladder_find_peak(&criteria->ladder, &verifier->scratch,
                                             trace_job.profile, verifier->len, job->codes, job->len,
                                             least_score(verifier, job, known), &peak);
    if (status != TAL_OK)
        return status;
    TAL_ASSERT(peak.score >= known ||
               tal_criteria_is_hopeless(criteria, peak.score, verifier->len, job->len));
    trace_job.score = peak.score;
    trace_job.query_end = peak.query_end;
    trace_job.ref_end = peak.ref_end;
    trace_job.row_bests = peak.row_bests;
    *out_is_refused = tal_criteria_is_hopeless(criteria, trace_job.score, verifier->len, job->len);
    if (*out_is_refused)
        return TAL_OK;
    verifier->counts.aligned++;
    return tal_trace(verifier->tracer, &trace_job, out_alignment);
}

static tal_status build_strict_profile(tal_verifier *verifier, bool is_reverse,
                                       const uint8_t *codes)
{
    if (verifier->has_strict[is_reverse])
        return TAL_OK;
    if (verifier->strict_profiles[is_reverse] == NULL)
        verifier->strict_profiles[is_reverse] =
            tal_alloc_vector(verifier->capacity * TAL_PROFILE_STRIDE);
    if (verifier->strict_profiles[is_reverse] == NULL)
        return TAL_ERR_MEMORY;
    tal_profile_build(&verifier->strict_matrix, codes, (size_t)verifier->len,
                      verifier->strict_profiles[is_reverse]);
    verifier->has_strict[is_reverse] = true;
    return TAL_OK;
}

/* The positions of the member that a passing alignment spans at least: what covers enough of it, or
 * what identical columns it shares with enough of the representative. */
static int32_t rows_min(const tal_verifier *verifier, const tal_trace_job *job)
{
    const int64_t identical =
        (int64_t)job->ref_span_min * verifier->criteria->identity / TAL_REDUCE_SHARE_ONE;
    return identical > job->query_span_min ? (int32_t)identical : job->query_span_min;
}

/* Whether no path of enough rows has the identity, as far as a band shows. */
static tal_status refuse_by_band(tal_verifier *verifier, const tal_band_pair *pair,
                                 const tal_trace_job *trace_job, const int8_t *strict_profile,
                                 bool *out_is_refused)
{
    int64_t bound = 0;
    tal_status status = tal_band_aligner_choose(&verifier->aligner, pair);
    if (status == TAL_OK)
        status = tal_band_bound(&verifier->aligner, pair, &verifier->strict, strict_profile,
                                rows_min(verifier, trace_job), 0, &bound);
    *out_is_refused = status == TAL_OK && bound < 0;
    return status;
}

/* Decide the pair by one band: no path that spans enough has the identity, or the alignment is
 * found. */
static tal_status try_band(tal_verifier *verifier, const tal_band_pair *pair,
                           const tal_trace_job *trace_job, const int8_t *strict_profile,
                           bool *out_is_decided, bool *out_is_refused, tal_alignment *out_alignment)
{
    *out_is_decided = false;
    tal_status status = refuse_by_band(verifier, pair, trace_job, strict_profile, out_is_refused);
    *out_is_decided = *out_is_refused;
    if (status != TAL_OK || *out_is_decided)
        return status;
    status = tal_band_trace(&verifier->aligner, pair, &verifier->scoring, trace_job, out_is_decided,
                            out_alignment);
    if (status == TAL_OK && *out_is_decided) {
        verifier->counts.aligned++;
        *out_is_refused = tal_criteria_is_hopeless(verifier->criteria, out_alignment->score,
                                                   verifier->len, trace_job->ref_len);
    }
    return status;
}

/* Decide the pair by bands that grow, as long as they are small beside the matrix. */
static tal_status align_in_band(tal_verifier *verifier, tal_band_pair *pair,
                                const tal_verify_job *job, bool is_vague, bool *out_is_decided,
                                bool *out_is_refused, tal_alignment *out_alignment)
{
    const tal_trace_job trace_job = make_trace_job(verifier, job, pair->query);
    tal_status status = build_strict_profile(verifier, job->is_reverse, pair->query);
    if (status == TAL_OK && is_vague) {
        tal_band_pair whole = *pair;
        whole.band.half_width = verifier->len + job->len;
        status = refuse_by_band(verifier, &whole, &trace_job,
                                verifier->strict_profiles[job->is_reverse], out_is_refused);
        *out_is_decided = *out_is_refused;
    }
    while (status == TAL_OK && !*out_is_decided && pair->band.half_width < job->len / 4) {
        status = try_band(verifier, pair, &trace_job, verifier->strict_profiles[job->is_reverse],
                          out_is_decided, out_is_refused, out_alignment);
        pair->band.half_width *= BAND_GROWTH;
    }
    return status;
}

/* Whether the best segment of the seed's diagonal scores so little that the pair is refused unless
 * it is the alignment. */
static bool is_chance(const tal_verifier *verifier, const tal_verify_job *job, int32_t score)
{
    const tal_criteria *criteria = verifier->criteria;
    return job->is_seeded && criteria->matrix->alphabet == TAL_PROTEIN && score < SEED_SCORE &&
           tal_criteria_is_hopeless(criteria, score, verifier->len, job->len);
}

/* The alignment without gaps, where it can be proven. A pair whose seed's diagonal scores too
 * little is refused; where that covers too little, it would be refused as alignment, too. */
static tal_status align_on_diagonal(tal_verifier *verifier, const tal_verify_job *job,
                                    const uint8_t *codes, bool *out_is_decided,
                                    bool *out_is_refused, tal_alignment *out_alignment)
{
    const tal_criteria *criteria = verifier->criteria;
    const tal_prove_job prove_job = {
        .profile = verifier->profiles[job->is_reverse],
        .query = codes,
        .ref = job->codes,
        .query_len = verifier->len,
        .ref_len = job->len,
        .diagonal = job->diagonal,
    };
    tal_prove_find_segment(&prove_job, out_alignment);
    const int32_t span = out_alignment->query_end - out_alignment->query_begin;
    const bool is_by_chance = is_chance(verifier, job, out_alignment->score);
    *out_is_decided = false;
    if (!is_by_chance || is_covered(criteria, span, verifier->len, span, job->len)) {
        tal_status status = tal_prove(&criteria->prover, &verifier->prover, &prove_job,
                                      out_alignment, out_is_decided);
        verifier->counts.proven += *out_is_decided;
        if (status != TAL_OK || *out_is_decided)
            return status;
    }
    *out_is_refused = *out_is_decided = is_by_chance;
    return TAL_OK;
}

/* Whether words show that no path of enough rows has the identity; or else whether they say so
 * little that a band would be left by paths that look good. */
static tal_status refuse_by_words(tal_verifier *verifier, const tal_band_pair *pair,
                                  const tal_verify_job *job, bool *out_is_refused,
                                  bool *out_is_vague)
{
    const tal_trace_job trace_job = make_trace_job(verifier, job, pair->query);
    const int32_t rows = rows_min(verifier, &trace_job);
    *out_is_refused = *out_is_vague = false;
    tal_status status = tal_band_aligner_begin(&verifier->aligner, pair);
    if (status != TAL_OK)
        return status;
    const int64_t bound =
        tal_band_bound_by_words(&verifier->aligner, pair, &verifier->strict, rows);
    *out_is_refused = bound < 0;
    *out_is_vague = bound * VAGUE_SHARE > (int64_t)rows * verifier->strict.gain_max &&
                    job->len <= WHOLE_LEN_MAX && verifier->len <= WHOLE_LEN_MAX;
    return TAL_OK;
}

/* The canonical alignment, in the cheapest way that is certain. */
static tal_status align(tal_verifier *verifier, const tal_verify_job *job, bool *out_is_refused,
                        tal_alignment *out_alignment)
{
    const uint8_t *codes = NULL;
    bool is_decided = false, is_vague = false;
    int32_t known = 0;
    *out_is_refused = false;
    tal_status status = read_member(verifier, job->is_reverse, &codes);
    if (status != TAL_OK)
        return status;
    const bool has_band = verifier->criteria->matrix->alphabet == TAL_NUCLEOTIDE &&
                          verifier->criteria->identity >= BAND_IDENTITY_MIN &&
                          verifier->len >= BAND_LEN_MIN && job->len >= BAND_LEN_MIN;
    tal_band_pair pair = {
        .query = codes,
        .ref = job->codes,
        .query_len = verifier->len,
        .ref_len = job->len,
        .band = {.diagonal = job->diagonal,
                 .half_width = BAND_HALF_WIDTH,
                 .row_end = verifier->len,
                 .column_end = job->len},
        .waves = verifier->criteria->ladder.table.wave,
    };
    if (has_band) {
        make_strict(verifier);
        status = refuse_by_words(verifier, &pair, job, out_is_refused, &is_vague);
    }
    if (status != TAL_OK || *out_is_refused)
        return status;
    status = build_profile(verifier, job->is_reverse, codes);
    if (status == TAL_OK)
        status =
            align_on_diagonal(verifier, job, codes, &is_decided, out_is_refused, out_alignment);
    if (status == TAL_OK && !is_decided)
        known = out_alignment->score;
    if (status == TAL_OK && !is_decided && has_band)
        status = align_in_band(verifier, &pair, job, is_vague, &is_decided, out_is_refused,
                               out_alignment);
    if (status != TAL_OK || is_decided)
        return status;
    return align_in_full(verifier, job, codes, known, out_is_refused, out_alignment);
}

tal_status tal_verify(tal_verifier *verifier, const tal_verify_job *job, bool *out_passes,
                      tal_certificate *out_certificate, tal_buffer *edits)
{
    const tal_criteria *criteria = verifier->criteria;
    const int32_t shorter = verifier->len < job->len ? verifier->len : job->len;
    *out_passes = false;
    verifier->counts.pairs++;
    if (shorter == 0 || shorter > TAL_TRACE_SHORTER_MAX ||
        !tal_ladder_fits(&criteria->ladder, verifier->len, job->len))
        return TAL_OK;
    tal_alignment alignment;
    bool is_refused = false;
    tal_status status = align(verifier, job, &is_refused, &alignment);
    verifier->counts.refused += is_refused;
    if (status != TAL_OK || is_refused)
        return status;
    const tal_certificate certificate = {
        .score = alignment.score,
        .identity_count = alignment.identity_count,
        .column_count = alignment.column_count,
        .query_begin = alignment.query_begin,
        .query_end = alignment.query_end,
        .ref_begin = alignment.ref_begin,
        .ref_end = alignment.ref_end,
    };
    if (!tal_criteria_check(criteria, &certificate, verifier->len, job->len))
        return TAL_OK;
    status =
        tal_buffer_append(edits, alignment.cigar, alignment.cigar_count * sizeof(*alignment.cigar));
    if (status != TAL_OK)
        return status;
    *out_certificate = certificate;
    *out_passes = true;
    verifier->counts.passed++;
    return TAL_OK;
}

tal_verifier_counts tal_verifier_get_counts(const tal_verifier *verifier)
{
    return verifier->counts;
}
