/* Blocks for the caches round tiles in registers.
 *
 * Reference: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008. */
#include <stddef.h>

#include "half.h"
#include "kernels.h"
#include "memory.h"
#include "pack.h"
#include "threads.h"
#include "tile.h"

/* Places of one block: a panel of B (places x tile columns) fills half of a first-level cache. */
#define RV_BLOCK_PLACES 256
/* Rows of one block: places x rows of A fill less than half of a second-level cache of 1 MiB. */
#define RV_BLOCK_ROWS (RV_TILE_ROWS * (336 / RV_TILE_ROWS))
#define RV_BLOCK_COLUMNS 1536
/* An operand of so many floats lies well enough in the first-level cache as it is. */
#define RV_SMALL_OPERAND 8192
/* Fewer multiplications than this are done before another thread has woken. */
#define RV_WORTH_A_THREAD 500000.0

typedef struct {
    long m, n, k;
    float alpha, beta;
    const float *a, *b;
    long row_a, place_a, place_b, column_b;
    float *c;
    long row_c;
    const float *bias;
    int relu;
    int pairs;      /* operands are rounded to bfloat16 while they are packed */
    int by_columns; /* how threads divide C */
    float *workspace;
    long workspace_of_one;
} rv_product;

typedef struct {
    long block_k;    /* places of every block but the last */
    int packs_a, packs_b;
    float *packed_a, *packed_b;
} rv_plan;

static long rv_block_places(long k) {
    const long blocks = RV_CEIL_DIV(k, RV_BLOCK_PLACES);
    return blocks ? RV_CEIL_DIV(k, blocks) : 0;
}

/* A product of fewer places may have more of them in a block (257 are cut in two, 256 are not), and
 * is to fit into the same room. */
static long rv_places_to_hold(long k) { return RV_MIN(k, RV_BLOCK_PLACES); }

static long rv_packed_a_size(long m, long k) {
    return RV_ROUND_UP(RV_MIN(m, RV_BLOCK_ROWS) * rv_places_to_hold(k) + RV_WIDTH, RV_LINE);
}

static long rv_packed_b_size(long n, long k) {
    return RV_ROUND_UP(RV_MIN(n, RV_BLOCK_COLUMNS), RV_TILE_COLUMNS) * rv_places_to_hold(k);
}

static long rv_share_size(long m, long n, long k) {
    return RV_ROUND_UP(rv_packed_a_size(m, k) + rv_packed_b_size(n, k), RV_LINE);
}

long rv_gemm_workspace(long m, long n, long k, int threads) {
    return RV_MAX(threads, 1) * rv_share_size(m, n, k) + RV_LINE;
}

static void rv_pack_block_of_a(const rv_product *g, long i0, long rows, long p0, long places,
                               float *packed) {
    const rv_slivers cut = rv_cut_rows(rows);
    const float *a = g->a + i0 * g->row_a + p0 * g->place_a;
    for (long s = 0; s < cut.count; s++) {
        const int height = rv_sliver_height(&cut, s);
        if (g->pairs)
            rv_half_pack_rows(a, g->row_a, g->place_a, height, places, (rv_pair *)packed);
        else
            rv_pack_rows(a, g->row_a, g->place_a, height, places, packed);
        packed += height * places;
        a += height * g->row_a;
    }
}

static void rv_pack_block_of_b(const rv_product *g, long j0, long columns, long p0, long places,
                               float *packed) {
    const float *b = g->b + p0 * g->place_b + j0 * g->column_b;
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, columns - j);
        float *panel = packed + j * places;
        const float *from = b + j * g->column_b;
        if (g->pairs)
            rv_half_pack_columns(from, g->place_b, g->column_b, width, places, (rv_pair *)panel);
        else
            rv_pack_columns(from, g->place_b, g->column_b, width, places, panel);
    }
}

/* All tiles of rows [i0, i0 + rows) and columns [j0, j0 + columns) over the places of one block. */
static void rv_multiply_block(const rv_product *g, const rv_plan *plan, long i0, long rows, long j0,
                              long columns, long p0, long places) {
    const rv_slivers cut = rv_cut_rows(rows);
    const int is_last = p0 + places == g->k;
    rv_tile tile = {.segments = 1,
                    .k = g->pairs ? (places + 1) / 2 : places,
                    .pairs = g->pairs,
                    .row_c = g->row_c,
                    .alpha = g->alpha,
                    .beta = p0 ? 1.0f : g->beta,
                    .relu = is_last && g->relu};
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, columns - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        const float *a = g->a + i0 * g->row_a + p0 * g->place_a, *packed_a = plan->packed_a;
        float *c = g->c + i0 * g->row_c + j0 + j;
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.bias = is_last && g->bias ? g->bias + j0 + j : NULL;
        tile.b = plan->packs_b ? plan->packed_b + j * places : g->b + p0 * g->place_b + j0 + j;
        tile.row_b = plan->packs_b ? vectors * RV_WIDTH : g->place_b;
        for (long s = 0; s < cut.count; s++) {
            const int height = rv_sliver_height(&cut, s);
            tile.a = plan->packs_a ? packed_a : a;
            tile.row_a = plan->packs_a ? 1 : g->row_a;
            tile.place_a = plan->packs_a ? height : g->place_a;
            tile.c = c;
            rv_tile_run(height, vectors, &tile);
            a += height * g->row_a;
            packed_a += height * places;
            c += height * g->row_c;
        }
    }
}

/* Packing pays where tiles would read far-apart memory again and again. */
static rv_plan rv_make_plan(const rv_product *g, long rows, long columns, float *workspace) {
    const int reads_b_behind = !RV_TILE_READS_EXACTLY && columns % RV_WIDTH;
    rv_plan plan = {.block_k = rv_block_places(g->k), .packed_a = workspace};
    /* Contiguous rows are read line by line anyway, and have to be transposed to be packed. */
    const long panels = g->row_a == 1 ? 2 : 4;
    plan.packs_a = g->pairs || (rows * g->k > RV_SMALL_OPERAND && columns > panels * RV_TILE_COLUMNS);
    plan.packs_b = g->pairs || g->column_b != 1 || reads_b_behind ||
                   (columns * g->k > RV_SMALL_OPERAND && rows > 2 * RV_TILE_ROWS);
    plan.packed_b = workspace + rv_packed_a_size(g->m, g->k);
    return plan;
}

static void rv_multiply_part(const rv_product *g, long i0, long i1, long j0, long j1,
                             float *workspace) {
    const rv_plan plan = rv_make_plan(g, i1 - i0, j1 - j0, workspace);
    for (long j = j0; j < j1; j += RV_BLOCK_COLUMNS) {
        const long columns = RV_MIN(RV_BLOCK_COLUMNS, j1 - j);
        long p = 0;
        do {
            const long places = RV_MIN(plan.block_k, g->k - p);
            if (plan.packs_b) rv_pack_block_of_b(g, j, columns, p, places, plan.packed_b);
            for (long i = i0; i < i1; i += RV_BLOCK_ROWS) {
                const long rows = RV_MIN(RV_BLOCK_ROWS, i1 - i);
                if (plan.packs_a) rv_pack_block_of_a(g, i, rows, p, places, plan.packed_a);
                rv_multiply_block(g, &plan, i, rows, j, columns, p, places);
            }
            p += places;
        } while (p < g->k);
    }
}

static void rv_multiply_share(void *context, int share, int shares) {
    const rv_product *g = context;
    long from, to;
    float *workspace = g->workspace + share * g->workspace_of_one;
    if (g->by_columns) {
        rv_part(g->n, RV_TILE_COLUMNS, share, shares, &from, &to);
        if (from < to) rv_multiply_part(g, 0, g->m, from, to, workspace);
    } else {
        rv_part(g->m, RV_TILE_ROWS, share, shares, &from, &to);
        if (from < to) rv_multiply_part(g, from, to, 0, g->n, workspace);
    }
}

static void rv_multiply(rv_product *g, int threads, float *workspace) {
    const double multiplications = (double)g->m * (double)g->n * (double)g->k;
    const long tall = RV_CEIL_DIV(g->m, RV_TILE_ROWS), wide = RV_CEIL_DIV(g->n, RV_TILE_COLUMNS);
    if (g->m <= 0 || g->n <= 0) return;
    g->workspace = rv_line_start(workspace);
    if (threads <= 1 || multiplications < RV_WORTH_A_THREAD) {
        rv_multiply_part(g, 0, g->m, 0, g->n, g->workspace);
        return;
    }
    /* The operand that is not divided is packed by every thread: better the smaller one. */
    g->by_columns = wide >= threads && (g->m <= g->n || tall < threads);
    g->workspace_of_one = rv_share_size(g->m, g->n, g->k);
    rv_parallel(threads, rv_multiply_share, g);
}

static rv_product rv_product_make(int trans_a, int trans_b, long m, long n, long k, float alpha,
                                  const float *a, long lda, const float *b, long ldb, float beta,
                                  float *c, long ldc, const float *bias, rv_epilogue epilogue) {
    return (rv_product){.m = m,
                        .n = n,
                        .k = k,
                        .alpha = alpha,
                        .beta = beta,
                        .a = a,
                        .b = b,
                        .row_a = trans_a ? 1 : lda,
                        .place_a = trans_a ? lda : 1,
                        .place_b = trans_b ? 1 : ldb,
                        .column_b = trans_b ? ldb : 1,
                        .c = c,
                        .row_c = ldc,
                        .bias = epilogue == RV_PLAIN ? NULL : bias,
                        .relu = epilogue == RV_BIAS_RELU};
}

void rv_gemm_epilogue(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a,
                      long lda, const float *b, long ldb, float beta, float *c, long ldc,
                      const float *bias, rv_epilogue epilogue, int threads, float *workspace) {
    rv_product product = rv_product_make(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                                         ldc, bias, epilogue);
    rv_multiply(&product, threads, workspace);
}

int rv_has_bf16(void) { return RV_TILE_PAIRS; }

void rv_gemm_bf16(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a,
                  long lda, const float *b, long ldb, float beta, float *c, long ldc,
                  const float *bias, rv_epilogue epilogue, int threads, float *workspace) {
    rv_product product = rv_product_make(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                                         ldc, bias, epilogue);
    product.pairs = RV_TILE_PAIRS;
    rv_multiply(&product, threads, workspace);
}

void rv_gemm(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a, long lda,
             const float *b, long ldb, float beta, float *c, long ldc, int threads,
             float *workspace) {
    rv_gemm_epilogue(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, RV_PLAIN,
                     threads, workspace);
}
