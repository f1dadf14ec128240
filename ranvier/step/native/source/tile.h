/* The innermost product: a block of C small enough to stay in registers. */
#ifndef RV_TILE_H
#define RV_TILE_H

#include "vector.h"

/* Rows x vectors of C held at once, by how many vector registers there are: all but those for
 * one row of B and one number of A. */
#if RV_WIDTH == 16
#define RV_TILE_ROWS 14
#define RV_TILE_VECTORS 2
#elif RV_WIDTH == 8
#define RV_TILE_ROWS 6
#define RV_TILE_VECTORS 2
#else
#define RV_TILE_ROWS 8
#define RV_TILE_VECTORS 3
#endif
#define RV_TILE_COLUMNS (RV_TILE_VECTORS * RV_WIDTH)

/* What a tile computes: C = relu(alpha A B + beta C + bias), relu and bias where they are asked.
 *
 * Row i of A at place p is a[i * row_a + p * place_a], one of the two strides being 1. Row p of B
 * is contiguous from b + p * row_b. A may lie in several segments of k places each, as the windows
 * of a convolution do: then segment s starts at a + offset[s], and B goes on from one to the next. */
typedef struct {
    long segments, k;
    const float *a;
    const long *offset; /* NULL where all offsets are 0 */
    long row_a, place_a;
    const float *b;
    long row_b;
    float *c;
    long row_c;
    float alpha, beta;
    const float *bias; /* of these columns, or NULL */
    int relu;
    long last; /* columns in use of the last vector, 1 to RV_WIDTH */
    int pairs; /* A and B hold pairs of bfloat16 (pack.h), k counts them */
} rv_tile;

/* The tile of so many rows (1 to RV_TILE_ROWS) and vectors (1 to RV_TILE_VECTORS). B's rows must
 * be readable to the end of the last vector unless RV_TILE_READS_EXACTLY. */
void rv_tile_run(int rows, int vectors, const rv_tile *tile);

/* Rows cut into tiles of nearly one height: 32 rows are 11 + 11 + 10, not 14 + 14 + 4. */
typedef struct {
    long count, height, taller;
} rv_slivers;

static inline rv_slivers rv_cut_rows(long rows) {
    const long count = RV_CEIL_DIV(rows, RV_TILE_ROWS);
    return (rv_slivers){count, count ? rows / count : 0, count ? rows % count : 0};
}

static inline int rv_sliver_height(const rv_slivers *cut, long sliver) {
    return (int)(cut->height + (sliver < cut->taller));
}

/* Whether there is an instruction that multiplies pairs of bfloat16 and adds in float. */
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#define RV_TILE_PAIRS 1
#else
#define RV_TILE_PAIRS 0
#endif

/* Whether a tile never reads behind the last column in use, so that B may be used where it lies. */
#if defined(__AVX512F__)
#define RV_TILE_READS_EXACTLY 1
#else
#define RV_TILE_READS_EXACTLY 0
#endif

#endif
