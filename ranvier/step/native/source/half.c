#include "half.h"

#include "memory.h"
#include "threads.h"
#include "tile.h"

/* Places of one block of a long sum: what is packed of it stays in the second-level cache. */
#define RV_HALF_BLOCK 256

int rv_has_half(void) { return RV_HAS_HALF; }

#if RV_HAS_HALF

#define RV_UNROLL _Pragma("GCC unroll 16")

/* Sixteen pairs of the floats of two vectors, lane by lane. */
RV_INLINE __m512i rv_pair_lanes(rv_vector even, rv_vector odd) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)even));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)odd));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* Sixteen pairs of neighbours of the first `count` floats, zeros behind them. */
RV_INLINE __m512i rv_pair_neighbours(const float *from, long count) {
    const rv_vector first = rv_load_first(from, RV_MIN(count, RV_WIDTH));
    const rv_vector second =
        count > RV_WIDTH ? rv_load_first(from + RV_WIDTH, RV_MIN(count - RV_WIDTH, RV_WIDTH))
                         : (rv_vector){0};
    return (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

RV_INLINE void rv_store_pairs(rv_pair *to, __m512i pairs, long count) {
    _mm512_mask_storeu_epi32(to, (__mmask16)((1u << RV_MIN(count, RV_WIDTH)) - 1u), pairs);
}

void rv_half_row(const float *from, long count, rv_pair *to) {
    for (long i = 0; i < count; i += 2 * RV_WIDTH)
        rv_store_pairs(to + i / 2, rv_pair_neighbours(from + i, count - i), RV_PAIRS(count - i));
}

static void rv_half_pack_contiguous(const float *b, long place, long columns, long places,
                                    rv_pair *packed) {
    const long width = RV_ROUND_UP(columns, RV_WIDTH);
    for (long p = 0; p < places; p += 2, packed += width)
        for (long j = 0; j < columns; j += RV_WIDTH) {
            const long count = RV_MIN(RV_WIDTH, columns - j);
            const float *from = b + p * place + j;
            const rv_vector even = rv_load_first(from, count);
            const rv_vector odd =
                p + 1 < places ? rv_load_first(from + place, count) : (rv_vector){0};
            _mm512_storeu_si512(packed + j, rv_pair_lanes(even, odd));
        }
}

static void rv_half_pack_transposed(const float *b, long column, long columns, long places,
                                    rv_pair *packed) {
    const long width = RV_ROUND_UP(columns, RV_WIDTH);
    for (long p = 0; p < places; p += 2 * RV_WIDTH)
        for (long j = 0; j < columns; j += RV_WIDTH) {
            const long pairs = RV_MIN(RV_WIDTH, RV_PAIRS(places - p));
            rv_vector square[RV_WIDTH];
            for (int i = 0; i < RV_WIDTH; i++)
                square[i] = (rv_vector)rv_pair_neighbours(b + (j + i) * column + p,
                                                          j + i < columns ? places - p : 0);
            rv_transpose(square);
            for (long i = 0; i < pairs; i++)
                _mm512_storeu_si512(packed + (p / 2 + i) * width + j, (__m512i)square[i]);
        }
}

void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed) {
    if (column == 1)
        rv_half_pack_contiguous(b, place, columns, places, packed);
    else
        rv_half_pack_transposed(b, column, columns, places, packed);
}

/* rows and vectors are constants where this is expanded, as in tile.c. */
RV_INLINE void rv_half_multiply(const int rows, const int vectors, const rv_half_tile *t) {
    const long row_a = t->row_a, place_a = t->place_a, row_b = t->row_b, pairs = t->pairs;
    const rv_pair *a = t->a, *b = t->b;
    __m512 sum[RV_TILE_ROWS][RV_TILE_VECTORS];
    RV_UNROLL for (int i = 0; i < rows; i++) {
        RV_UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm512_setzero_ps();
    }
    for (long p = 0; p < pairs; p++, a += place_a, b += row_b) {
        __m512bh row[RV_TILE_VECTORS];
        RV_UNROLL for (int v = 0; v < vectors; v++)
            row[v] = (__m512bh)_mm512_loadu_si512(b + v * RV_WIDTH);
        RV_UNROLL for (int i = 0; i < rows; i++) {
            const __m512bh factor = (__m512bh)_mm512_set1_epi32((int)a[i * row_a]);
            RV_UNROLL for (int v = 0; v < vectors; v++)
                sum[i][v] = _mm512_dpbf16_ps(sum[i][v], factor, row[v]);
        }
    }
    RV_UNROLL for (int v = 0; v < vectors; v++) {
        const long count = v == vectors - 1 ? t->last : RV_WIDTH;
        RV_UNROLL for (int i = 0; i < rows; i++) {
            float *c = t->c + i * t->row_c + v * RV_WIDTH;
            rv_vector x = (rv_vector)sum[i][v];
            if (t->beta != 0.0f) x += t->beta * rv_load_first(c, count);
            rv_store_first(c, x, count);
        }
    }
}

#define RV_HALF_DEFINE(rows)                                                                  \
    static void rv_half_##rows##x1(const rv_half_tile *t) { rv_half_multiply(rows, 1, t); } \
    static void rv_half_##rows##x2(const rv_half_tile *t) { rv_half_multiply(rows, 2, t); }
#define RV_HALF_NAMES(rows) rv_half_##rows##x1, rv_half_##rows##x2,
#define RV_HALF_EACH(what)                                                                       \
    what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11)    \
    what(12) what(13) what(14)

RV_HALF_EACH(RV_HALF_DEFINE)

typedef void (*rv_half_function)(const rv_half_tile *);
static const rv_half_function TILES[] = {RV_HALF_EACH(RV_HALF_NAMES)};

void rv_half_tile_run(int rows, int vectors, const rv_half_tile *tile) {
    TILES[(rows - 1) * 2 + vectors - 1](tile);
}

typedef struct {
    long m, n, k;
    const float *a;
    long lda;
    const float *b;
    long ldb;
    float beta, *c;
    long ldc;
    float *workspace;
} rv_half_product;

static long rv_half_packed_b(long n) {
    return RV_ROUND_UP(n, RV_TILE_COLUMNS) * (RV_HALF_BLOCK / 2);
}

static long rv_half_share_size(long m, long n) {
    return RV_ROUND_UP(rv_half_packed_b(n) + (m + RV_WIDTH) * (RV_HALF_BLOCK / 2), RV_LINE);
}

long rv_half_gemm_workspace(long m, long n, int threads) {
    return RV_MAX(threads, 1) * rv_half_share_size(m, n) + RV_LINE;
}

/* Columns [i, i + rows) of A as the rows of a tile; each store spills into the next one's place. */
static void rv_half_pack_tile(const rv_half_product *g, long i, int rows, long p0, long places,
                              rv_pair *packed) {
    for (long p = 0; p < places; p += 2, packed += rows) {
        const float *from = g->a + (p0 + p) * g->lda + i;
        const rv_vector even = rv_load_first(from, rows);
        const rv_vector odd = p + 1 < places ? rv_load_first(from + g->lda, rows) : (rv_vector){0};
        _mm512_storeu_si512(packed, rv_pair_lanes(even, odd));
    }
}

static void rv_half_block(const rv_half_product *g, long from, long to, long p0, long places,
                          rv_pair *packed_a, const rv_pair *packed_b) {
    const rv_slivers cut = rv_cut_rows(to - from);
    const long pairs = RV_PAIRS(places);
    for (long s = 0, i = from; s < cut.count; s++) {
        const int rows = rv_sliver_height(&cut, s);
        rv_half_pack_tile(g, i, rows, p0, places, packed_a);
        for (long j = 0; j < g->n; j += RV_TILE_COLUMNS) {
            const long width = RV_MIN(RV_TILE_COLUMNS, g->n - j);
            const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
            const rv_half_tile tile = {.pairs = pairs,
                                       .a = packed_a,
                                       .row_a = 1,
                                       .place_a = rows,
                                       .b = packed_b + j * pairs,
                                       .row_b = vectors * RV_WIDTH,
                                       .c = g->c + i * g->ldc + j,
                                       .row_c = g->ldc,
                                       .beta = p0 ? 1.0f : g->beta,
                                       .last = width - (vectors - 1) * RV_WIDTH};
            rv_half_tile_run(rows, vectors, &tile);
        }
        i += rows;
    }
}

static void rv_half_share(void *context, int share, int shares) {
    const rv_half_product *g = context;
    long from, to;
    rv_part(g->m, RV_TILE_ROWS, share, shares, &from, &to);
    if (from == to) return;
    rv_pair *packed_b = (rv_pair *)(g->workspace + share * rv_half_share_size(g->m, g->n));
    rv_pair *packed_a = packed_b + rv_half_packed_b(g->n);
    for (long p = 0; p < g->k; p += RV_HALF_BLOCK) {
        const long places = RV_MIN(RV_HALF_BLOCK, g->k - p);
        for (long j = 0; j < g->n; j += RV_TILE_COLUMNS)
            rv_half_pack_columns(g->b + p * g->ldb + j, g->ldb, 1,
                                 RV_MIN(RV_TILE_COLUMNS, g->n - j), places,
                                 packed_b + j * RV_PAIRS(places));
        rv_half_block(g, from, to, p, places, packed_a, packed_b);
    }
}

void rv_half_gemm_transposed(long m, long n, long k, const float *a, long lda, const float *b,
                             long ldb, float beta, float *c, long ldc, int threads,
                             float *workspace) {
    rv_half_product product = {m, n, k, a, lda, b, ldb, beta, c, ldc, rv_line_start(workspace)};
    rv_parallel(threads, rv_half_share, &product);
}

#else

void rv_half_row(const float *from, long count, rv_pair *to) { (void)from, (void)count, (void)to; }

void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed) {
    (void)b, (void)place, (void)column, (void)columns, (void)places, (void)packed;
}

void rv_half_tile_run(int rows, int vectors, const rv_half_tile *tile) {
    (void)rows, (void)vectors, (void)tile;
}

void rv_half_gemm_transposed(long m, long n, long k, const float *a, long lda, const float *b,
                             long ldb, float beta, float *c, long ldc, int threads,
                             float *workspace) {
    (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)ldb, (void)beta, (void)c;
    (void)ldc, (void)threads, (void)workspace;
}

long rv_half_gemm_workspace(long m, long n, int threads) {
    (void)m, (void)n, (void)threads;
    return 0;
}

#endif
