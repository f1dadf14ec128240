#include "recurrent.h"

#include <stddef.h>

#include "kernels.h"
#include "memory.h"
#include "recurrent_parts.h"
#include "tile.h"

/* A million floats of a chunk would lie in the third-level cache only. */
#define RV_CHUNK_FLOATS 262144
/* Sums over fewer rows spend their time on loading and storing what they add to. */
#define RV_CHUNK_ROWS 256

rv_columns rv_columns_of(const rv_recurrent *g) {
    const long units = g->units, gates = g->cell == RV_LSTM || g->cell == RV_GRU ? 4 : 1;
    const int is_gru = g->cell == RV_GRU;
    return (rv_columns){.columns = gates * units,
                        .width = g->features + 1 + units,
                        .input_end = (is_gru ? 3 : gates) * units,
                        .state_start = is_gru ? units : 0,
                        .state_from = is_gru ? g->features : 0};
}

long rv_places_at_once(const rv_recurrent *g) {
    const long columns = rv_columns_of(g).columns;
    const long fitting = RV_CHUNK_FLOATS / (g->rows * columns);
    return RV_MIN(g->places, RV_MAX(fitting, RV_CEIL_DIV(RV_CHUNK_ROWS, g->rows)));
}

int rv_is_half(const rv_recurrent *g) { return RV_TILE_PAIRS && g->half; }

long rv_rounded_width(const rv_recurrent *g) {
    const rv_columns cut = rv_columns_of(g);
    return rv_is_half(g) ? RV_PAIRS(RV_MAX(cut.columns, cut.width)) : 0;
}

long rv_products_of_one(const rv_recurrent *g) {
    const rv_columns cut = rv_columns_of(g);
    const long all = rv_places_at_once(g) * g->rows;
    return RV_ROUND_UP(rv_gemm_workspace(cut.columns, cut.width, all, 1), RV_LINE);
}

/* Lays the parts out one after another, from `start` on, and says how many floats they take. */
static long rv_lay_out(const rv_recurrent *g, float *start, rv_room *room) {
    const rv_columns cut = rv_columns_of(g);
    float *next = start;
    room->matrix = rv_take(&next, cut.columns * cut.width);
    /* Three runs of columns are packed for a GRU, each with a last panel of its own. */
    const long ahead = rv_factor_size(cut.width + 1, cut.columns + 3 * RV_TILE_COLUMNS);
    const long back = rv_factor_size(cut.columns + 1, g->units + g->features + RV_TILE_COLUMNS);
    room->packed = rv_take(&next, RV_MAX(ahead, back));
    room->rounded = (rv_pair *)rv_take(&next, g->rows * rv_rounded_width(g));
    room->gates_gradient = rv_take(&next, rv_places_at_once(g) * g->rows * cut.columns);
    room->input_product = rv_take(&next, cut.input_end * (g->features + 1));
    room->state_product = rv_take(&next, cut.columns * cut.width);
    room->products = rv_take(&next, g->threads * rv_products_of_one(g));
    return next - start;
}

long rv_recurrent_workspace(const rv_recurrent *layer) {
    rv_room room;
    return rv_lay_out(layer, layer->workspace, &room) + RV_LINE;
}

rv_room rv_room_of(const rv_recurrent *layer) {
    rv_room room;
    rv_lay_out(layer, rv_line_start(layer->workspace), &room);
    return room;
}

long rv_input_row(const rv_recurrent *g, long column) {
    if (g->cell != RV_GRU) return column;
    return column < g->units ? column + 2 * g->units : column - g->units;
}

void rv_gather_weights(const rv_recurrent *g, float *matrix) {
    const rv_columns cut = rv_columns_of(g);
    const long features = g->features, units = g->units;
    rv_zero(matrix, cut.columns * cut.width);
    for (long w = 0; w < cut.columns; w++) {
        float *row = matrix + w * cut.width;
        if (w < cut.input_end) {
            const long from = rv_input_row(g, w);
            rv_copy(row, g->weight_input + from * features, features);
            if (g->bias_input) row[features] += g->bias_input[from];
        }
        if (w >= cut.state_start) {
            const long from = w - cut.state_start;
            rv_copy(row + features + 1, g->weight_state + from * units, units);
            if (g->bias_state) row[features] += g->bias_state[from];
        }
    }
}
