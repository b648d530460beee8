/* Masking of sets; see mask.h. */
#include "mask/mask_internal.h"

#include "base/alloc.h"
#include "base/check.h"

/* Residues of one item of work: some milliseconds. */
#define ITEM_RESIDUES (1u << 16)

const char *tal_mask_name(tal_mask_method method)
{
    static const char *const names[TAL_MASK_METHOD_COUNT] = {"none", "tantan", "seg", "dust",
                                                             "tantan-short"};
    return names[method];
}

bool tal_mask_is_for(tal_mask_method method, tal_alphabet alphabet)
{
    return method == TAL_MASK_SEG    ? alphabet == TAL_PROTEIN
           : method == TAL_MASK_DUST ? alphabet == TAL_NUCLEOTIDE
                                     : true;
}

void tal_mask_scratch_deinit(tal_mask_scratch *scratch)
{
    tal_buffer_deinit(&scratch->model);
    tal_buffer_deinit(&scratch->log_factorials);
    tal_buffer_deinit(&scratch->ratios);
    tal_buffer_deinit(&scratch->found);
    tal_buffer_deinit(&scratch->numbers);
    tal_buffer_deinit(&scratch->bytes);
}

tal_status tal_mask_append(tal_buffer *masks, size_t first, int32_t begin, int32_t end)
{
    if (masks->bytes > first) {
        tal_mask_span *last =
            (tal_mask_span *)(void *)(masks->data + masks->bytes - sizeof(tal_mask_span));
        TAL_ASSERT(begin >= last->begin);
        if (begin <= last->end) {
            last->end = end > last->end ? end : last->end;
            return TAL_OK;
        }
    }
    tal_mask_span span = {begin, end};
    return tal_buffer_append(masks, &span, sizeof(span));
}

tal_status tal_mask_find(tal_mask_method method, tal_isa isa, tal_alphabet alphabet,
                         const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                         tal_buffer *masks)
{
    TAL_ASSERT(tal_mask_is_for(method, alphabet));
    switch (method) {
    case TAL_MASK_TANTAN:
    case TAL_MASK_TANTAN_SHORT:
        return tal_mask_tantan(method, isa, alphabet, codes, len, scratch, masks);
    case TAL_MASK_SEG:
        return tal_mask_seg(codes, len, scratch, masks);
    case TAL_MASK_DUST:
        return tal_mask_dust(codes, len, scratch, masks);
    default:
        return TAL_OK;
    }
}

/* A run of sequences and their ranges: for each sequence how many, and all of them. */
typedef struct mask_item {
    tal_lid begin, end;
    tal_buffer counts; /* uint32_t */
    tal_buffer masks;  /* tal_mask_span */
} mask_item;

typedef struct mask_pass {
    tal_mask_method method;
    tal_isa isa;
    const tal_seqset *set;
    mask_item *items;
    tal_mask_scratch *scratch; /* of each worker */
} mask_pass;

static tal_status find_item(void *context, int worker, size_t index)
{
    mask_pass *pass = context;
    mask_item *item = &pass->items[index];
    for (tal_lid lid = item->begin; lid < item->end; lid++) {
        size_t before = item->masks.bytes;
        tal_status status =
            tal_mask_find(pass->method, pass->isa, tal_seqset_alphabet(pass->set),
                          tal_seqset_residues(pass->set, lid), tal_seqset_len(pass->set, lid),
                          &pass->scratch[worker], &item->masks);
        uint32_t count = (uint32_t)((item->masks.bytes - before) / sizeof(tal_mask_span));
        if (status == TAL_OK)
            status = tal_buffer_append(&item->counts, &count, sizeof(count));
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

/* Cut the set into items of about equal residues; returns their count. */
static size_t cut_items(const tal_seqset *set, mask_item *items)
{
    size_t count = 0;
    uint64_t residues = 0;
    tal_lid begin = 0;
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        residues += (uint64_t)tal_seqset_len(set, lid);
        if (residues < ITEM_RESIDUES && lid + 1 < tal_seqset_count(set))
            continue;
        items[count++] = (mask_item){.begin = begin, .end = lid + 1};
        begin = lid + 1;
        residues = 0;
    }
    return count;
}

static tal_status apply_item(const mask_item *item, tal_seqset *set)
{
    const uint32_t *counts = (const uint32_t *)(const void *)item->counts.data;
    const tal_mask_span *span = (const tal_mask_span *)(const void *)item->masks.data;
    tal_status status = TAL_OK;
    for (tal_lid lid = item->begin; lid < item->end; lid++)
        for (uint32_t i = 0; i < counts[lid - item->begin] && status == TAL_OK; i++, span++)
            status = tal_seqset_mask(set, lid, span->begin, span->end);
    return status;
}

tal_status tal_mask_set(tal_team *team, tal_mask_method method, tal_isa isa, tal_seqset *set)
{
    if (method == TAL_MASK_NONE || tal_seqset_count(set) == 0)
        return TAL_OK;
    int workers = tal_team_size(team);
    size_t room = (size_t)(tal_seqset_residue_count(set) / ITEM_RESIDUES) + 1;
    mask_pass pass = {
        .method = method,
        .isa = isa,
        .set = set,
        .items = tal_alloc_array(room, sizeof(*pass.items)),
        .scratch = tal_alloc_zero((size_t)workers * sizeof(*pass.scratch)),
    };
    tal_status status = pass.items == NULL || pass.scratch == NULL ? TAL_ERR_MEMORY : TAL_OK;
    size_t count = status == TAL_OK ? cut_items(set, pass.items) : 0;
    if (status == TAL_OK)
        status = tal_team_for(team, count, find_item, &pass);
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        status = apply_item(&pass.items[i], set);
    for (size_t i = 0; i < count; i++) {
        tal_buffer_deinit(&pass.items[i].counts);
        tal_buffer_deinit(&pass.items[i].masks);
    }
    for (int i = 0; pass.scratch != NULL && i < workers; i++)
        tal_mask_scratch_deinit(&pass.scratch[i]);
    tal_free(pass.scratch);
    tal_free(pass.items);
    return status;
}
