#include "elements.h"

#include <stddef.h>

#include "functions.h"
#include "threads.h"

#define RV_BLOCK 512
#define RV_MAX_BLOCKS 24
#define RV_MAX_REGISTERS 96

typedef struct {
    long count;
    int dimensions;
    const int64_t *sizes;
    long num_loads, num_stores, num_steps, blocks;
    long operand_words; /* of one load or store */
    const int64_t *loads, *steps, *stores;
    int wide;
} rv_group;

#define RV_REAL float
#define RV_NAMED(name) rv_float_##name
#define RV_MATH(name) name##f
#define RV_EXACT(name, x) rv_##name((float)(x))
#define RV_SIGMOID(x) rv_sigmoid(x)
#include "element_loops.h"
#undef RV_REAL
#undef RV_NAMED
#undef RV_MATH
#undef RV_EXACT
#undef RV_SIGMOID

#define RV_REAL double
#define RV_NAMED(name) rv_double_##name
#define RV_MATH(name) name
#define RV_EXACT(name, x) name(x)
#define RV_SIGMOID(x) (1 / (1 + exp(-(x))))
#include "element_loops.h"

#define RV_UNARY(name, expression) #name "_v",
#define RV_BINARY(name, expression) #name "_vv", #name "_vs", #name "_sv",
#define RV_TERNARY(name, expression) #name "_vvv",
static const char *const rv_names[] = {
#include "element_list.h"
    NULL};

const char *rv_element_name(int operation) { return rv_names[operation]; }

static void rv_run_share(void *context, int share, int shares) {
    const rv_group *group = context;
    long from, to;
    rv_part(group->count, RV_BLOCK, share, shares, &from, &to);
    if (from >= to) return;
    if (group->wide)
        rv_double_run_part(group, from, to);
    else
        rv_float_run_part(group, from, to);
}

void rv_elements(const int64_t *words) {
    rv_group group = {.wide = (int)words[0], .count = words[2], .dimensions = (int)words[3]};
    const int threads = (int)words[1];
    group.sizes = words + 4;
    const int64_t *rest = group.sizes + group.dimensions;
    group.num_loads = rest[0];
    group.num_stores = rest[1];
    group.num_steps = rest[2];
    group.blocks = rest[3];
    group.operand_words = 4 + group.dimensions;
    group.loads = rest + 4;
    group.steps = group.loads + group.num_loads * group.operand_words;
    group.stores = group.steps + group.num_steps * 5;
    if (threads > 1)
        rv_parallel(threads, rv_run_share, &group);
    else
        rv_run_share(&group, 0, 1);
}
