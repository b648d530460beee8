/* Both passes with OFFSETS states, a number that the compiler knows; see repeats_template.h. */
#define JOIN_(name, offsets) name##_##offsets
#define JOIN(name, offsets)  JOIN_(name, offsets)
#define rates                JOIN(rates, OFFSETS)
#define states               JOIN(states, OFFSETS)
#define scale_states         JOIN(scale_states, OFFSETS)
#define sum_states           JOIN(sum_states, OFFSETS)
#define step_forward         JOIN(step_forward, OFFSETS)
#define step_backward        JOIN(step_backward, OFFSETS)
#define run_passes           JOIN(run_passes, OFFSETS)

/* The states after (forward) or before (backward) a residue, and what they were scaled by. */
typedef struct states {
    float background;
    int32_t power;
    vf repeat[OFFSETS / VF_LANES];
} states;

/* Bring the background to [1, 2). */
static inline void scale_states(states *at)
{
    const int32_t power = power_of(at->background);
    const vf factor = vf_set1(two_to_the(-power));
    at->background *= two_to_the(-power);
    at->power += power;
    for (int k = 0; k < OFFSETS / VF_LANES; k++)
        at->repeat[k] = vf_mul(at->repeat[k], factor);
}

static inline float sum_states(const vf *repeat)
{
    vf sums[PARTS];
    for (int k = 0; k < OFFSETS / VF_LANES; k++)
        sums[k % PARTS] = k < PARTS ? repeat[k] : vf_add(sums[k % PARTS], repeat[k]);
    return vf_sum(sums);
}

/* What does not change from residue to residue. */
typedef struct rates {
    float stay, leave;
    vf enter[OFFSETS / VF_LANES];
} rates;

static inline void step_forward(const rates *by, const float *ratios, states *at)
{
    const vf background = vf_set1(at->background);
    const float sum = sum_states(at->repeat);
    for (int k = 0; k < OFFSETS / VF_LANES; k++) {
        const vf entered = vf_add(at->repeat[k], vf_mul(background, by->enter[k]));
        at->repeat[k] = vf_mul(entered, vf_load(ratios + k * VF_LANES));
    }
    at->background = at->background * by->stay + sum * by->leave;
}

static inline void step_backward(const rates *by, const float *ratios, states *at)
{
    const vf leave = vf_set1(at->background * by->leave);
    vf entered[OFFSETS / VF_LANES];
    for (int k = 0; k < OFFSETS / VF_LANES; k++) {
        const vf here = vf_mul(at->repeat[k], vf_load(ratios + k * VF_LANES));
        entered[k] = vf_mul(here, by->enter[k]);
        at->repeat[k] = vf_add(here, leave);
    }
    at->background = at->background * by->stay + sum_states(entered);
}

static float run_passes(const tal_repeats_job *job)
{
    rates by = {.stay = job->model->stay, .leave = job->model->leave};
    const int32_t len = job->len;
    const int32_t span = len < TAL_REPEATS_SPAN ? len : TAL_REPEATS_SPAN;
    states forward = {.background = 1.0f};
    states backward = {.background = by.stay};
    bool occurs[TAL_REPEATS_CODES] = {false};
    layout first, last; /* of the forward and of the backward pass */
    for (int k = 0; k < OFFSETS / VF_LANES; k++) {
        by.enter[k] = vf_load(job->model->enter + k * VF_LANES);
        forward.repeat[k] = vf_set1(0.0f);
        backward.repeat[k] = vf_set1(by.leave);
    }
    for (int32_t i = 0; i < len; i++)
        occurs[job->turned[i]] = true;
    for (int32_t at = 0; at < len;) {
        if (at % TAL_REPEATS_SPAN == 0) {
            const int32_t end = len - at < span ? len : at + span;
            lay_out(job, occurs, at, end, job->ratios, &first);
            last = first;
            if (len > span)
                lay_out(job, occurs, len - end, len - at,
                        job->ratios + TAL_REPEATS_CODES * tal_repeats_stride(span), &last);
        }
        scale_states(&forward);
        scale_states(&backward);
        job->forward_powers[at / TAL_REPEATS_STEP] = forward.power;
        job->backward_powers[at / TAL_REPEATS_STEP] = backward.power;
        const int32_t stop = len - at < TAL_REPEATS_STEP ? len : at + TAL_REPEATS_STEP;
        for (; at < stop; at++) {
            const int32_t from_end = len - 1 - at;
            step_forward(&by, find_ratios(job, &first, at), &forward);
            job->forward[at] = forward.background;
            job->backward[from_end] = backward.background;
            step_backward(&by, find_ratios(job, &last, from_end), &backward);
        }
    }
    return forward.background * by.stay + sum_states(forward.repeat) * by.leave;
}

#undef rates
#undef states
#undef scale_states
#undef sum_states
#undef step_forward
#undef step_backward
#undef run_passes
#undef JOIN
#undef JOIN_
