#include "factor.h"

#include "memory.h"
#include "pack.h"
#include "tile.h"

long rv_factor_size(long places, long columns) {
    return RV_ROUND_UP(RV_ROUND_UP(columns, RV_TILE_COLUMNS) * places, RV_LINE);
}

rv_factor rv_factor_pack(const float *b, long place, long column, long places, long columns,
                         int is_half, float **next) {
    const long depth = is_half ? RV_PAIRS(places) : places;
    float *packed = rv_take(next, rv_factor_size(depth, columns));
    for (long j = 0; j < columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, columns - j);
        float *panel = packed + j * depth;
        if (is_half)
            rv_half_pack_columns(b + j * column, place, column, width, places, (rv_pair *)panel);
        else
            rv_pack_columns(b + j * column, place, column, width, places, panel);
    }
    return (rv_factor){places, columns, is_half, packed};
}

/* Rounds the rows to bfloat16; gives where they lie and how far apart. */
static const float *rv_round_rows(const rv_rows *r, long places, long *row) {
    *row = RV_PAIRS(places);
    for (long i = 0; i < r->rows; i++)
        rv_half_row(r->a + i * r->row_a, places, r->rounded + i * *row);
    return (const float *)r->rounded;
}

void rv_factor_multiply(const rv_factor *factor, const rv_rows *r) {
    const rv_slivers cut = rv_cut_rows(r->rows);
    const long depth = factor->is_half ? RV_PAIRS(factor->places) : factor->places;
    long row_a = r->row_a;
    const float *a = factor->is_half ? rv_round_rows(r, factor->places, &row_a) : r->a;
    rv_tile tile = {.segments = 1,
                    .k = depth,
                    .pairs = factor->is_half,
                    .row_a = row_a,
                    .place_a = 1,
                    .row_c = r->row_c,
                    .alpha = 1.0f,
                    .beta = r->beta};
    for (long j = 0; j < factor->columns; j += RV_TILE_COLUMNS) {
        const long width = RV_MIN(RV_TILE_COLUMNS, factor->columns - j);
        const int vectors = (int)RV_CEIL_DIV(width, RV_WIDTH);
        tile.last = width - (vectors - 1) * RV_WIDTH;
        tile.b = factor->packed + j * depth;
        tile.row_b = vectors * RV_WIDTH;
        tile.a = a;
        tile.c = r->c + j;
        for (long s = 0; s < cut.count; s++) {
            const int height = rv_sliver_height(&cut, s);
            rv_tile_run(height, vectors, &tile);
            tile.a += height * row_a;
            tile.c += height * r->row_c;
        }
    }
}
