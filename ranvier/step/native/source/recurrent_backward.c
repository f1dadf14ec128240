/* From the last turn to the first, a few places at a time: through them row by row as on the way
 * there, then one product over all of them for the gradient of each weight. */
#include <stddef.h>

#include "cells.h"
#include "kernels.h"
#include "memory.h"
#include "recurrent_parts.h"
#include "tile.h"

typedef struct {
    const rv_recurrent *g;
    const rv_recurrent_backward_values *values;
    rv_columns cut;
    rv_room room;
    rv_factor state, input;
    long first_turn, turns; /* of this chunk */
    long first_place;       /* the smallest of its places, the first in `gates_gradient` */
} rv_backward;

static void rv_start_back(float *to, const float *from, long count) {
    if (from)
        rv_copy(to, from, count);
    else
        rv_zero(to, count);
}

static void rv_back_through_cells(const rv_backward *f, long turn, long from, long to,
                                  float *gates_gradient) {
    const rv_recurrent *g = f->g;
    const rv_recurrent_backward_values *values = f->values;
    const long units = g->units, t = rv_place(g, turn), at = t * g->rows;
    const float *outer = values->output_gradient, *memory = g->first_memory;
    if (g->memories && turn) memory = g->memories + rv_place(g, turn - 1) * g->rows * units;
    for (long b = from; b < to; b++) {
        const rv_cell_row_back row = {
            .units = units,
            .gates = g->gates + (at + b) * f->cut.columns,
            .hidden = g->read + (at + b) * f->cut.width + g->features + 1,
            .memory = memory ? memory + b * units : NULL,
            .new_memory = g->memories ? g->memories + (at + b) * units : NULL,
            .output_gradient =
                outer ? outer + b * values->output_row + t * values->output_place : NULL,
            .hidden_gradient = values->first_hidden + b * units,
            .memory_gradient = g->memories ? values->first_memory + b * units : NULL,
            .gates_gradient = gates_gradient + b * f->cut.columns};
        rv_cell_run_back(g->cell, &row);
    }
}

static void rv_backward_share(void *context, int share, int shares) {
    const rv_backward *f = context;
    const rv_recurrent *g = f->g;
    const long units = g->units, columns = f->cut.columns;
    long from, to;
    rv_part(g->rows, 1, share, shares, &from, &to);
    if (from == to) return;
    for (long turn = f->first_turn + f->turns - 1; turn >= f->first_turn; turn--) {
        const long place = rv_place(g, turn) - f->first_place;
        float *gates_gradient = f->room.gates_gradient + place * g->rows * columns;
        rv_back_through_cells(f, turn, from, to, gates_gradient);
        rv_rows r = {.a = gates_gradient + from * columns + f->cut.state_start,
                     .row_a = columns,
                     .rows = to - from,
                     .c = f->values->first_hidden + from * units,
                     .row_c = units,
                     .beta = 1.0f,
                     .rounded = f->room.rounded + from * rv_rounded_width(g)};
        rv_factor_multiply(&f->state, &r);
        if (!f->values->input_gradient) continue;
        r.a = gates_gradient + from * columns;
        r.c = f->values->input_gradient + (rv_place(g, turn) * g->rows + from) * g->features;
        r.row_c = g->features;
        r.beta = 0.0f;
        rv_factor_multiply(&f->input, &r);
    }
}

/* C [m, n] += the gates' gradients from column `first` on, times what was read from `from` on. */
typedef struct {
    const rv_backward *f;
    long first, m, from, n;
    float *c;
} rv_weight_product;

static void rv_add_share(void *context, int share, int shares) {
    const rv_weight_product *product = context;
    const rv_backward *f = product->f;
    const rv_recurrent *g = f->g;
    const long width = f->cut.width, columns = f->cut.columns, rows = f->turns * g->rows;
    const long n = product->n;
    long from, to;
    rv_part(product->m, RV_TILE_ROWS, share, shares, &from, &to);
    if (from == to) return;
    const float *gradients = f->room.gates_gradient + product->first + from;
    const float *read = g->read + f->first_place * g->rows * width + product->from;
    float *c = product->c + from * n, *products = f->room.products + share * rv_products_of_one(g);
    const __typeof__(&rv_gemm_bf16) gemm = rv_is_half(g) ? rv_gemm_bf16 : rv_gemm_epilogue;
    gemm(1, 0, to - from, n, rows, 1.0f, gradients, columns, read, width, 1.0f, c, n, NULL,
         RV_PLAIN, 1, products);
}

static void rv_add_chunk(const rv_backward *f) {
    const rv_recurrent *g = f->g;
    const rv_columns cut = f->cut;
    rv_weight_product input = {f, 0, cut.input_end, 0, g->features + 1, f->room.input_product};
    rv_weight_product state = {f,
                               cut.state_start,
                               cut.columns - cut.state_start,
                               cut.state_from,
                               cut.width - cut.state_from,
                               f->room.state_product};
    if (g->cell == RV_GRU) rv_parallel((int)g->threads, rv_add_share, &input);
    rv_parallel((int)g->threads, rv_add_share, &state);
}

/* The gradients of the matrix to where they belong. */
static void rv_scatter_gradients(const rv_backward *f) {
    const rv_recurrent *g = f->g;
    const rv_recurrent_backward_values *values = f->values;
    const rv_columns cut = f->cut;
    const int is_gru = g->cell == RV_GRU;
    const long features = g->features, units = g->units, state_width = cut.width - cut.state_from;
    const long input_width = is_gru ? features + 1 : state_width;
    const float *input = is_gru ? f->room.input_product : f->room.state_product;
    for (long w = 0; w < cut.input_end; w++, input += input_width) {
        const long row = rv_input_row(g, w);
        rv_copy(values->weight_input + row * features, input, features);
        if (values->bias_input) values->bias_input[row] = input[features];
        if (values->bias_state && !is_gru) values->bias_state[row] = input[features];
    }
    const float *state = f->room.state_product;
    for (long w = 0; w < cut.columns - cut.state_start; w++, state += state_width) {
        rv_copy(values->weight_state + w * units, state + state_width - units, units);
        if (values->bias_state && is_gru) values->bias_state[w] = state[0];
    }
}

void rv_recurrent_backward(const rv_recurrent *layer, const rv_recurrent_backward_values *values) {
    rv_backward f = {.g = layer,
                     .values = values,
                     .cut = rv_columns_of(layer),
                     .room = rv_room_of(layer)};
    const rv_columns cut = f.cut;
    const long start = cut.state_start, units = layer->units, at_once = rv_places_at_once(layer);
    float *next = f.room.packed;
    rv_gather_weights(layer, f.room.matrix);
    f.state = rv_factor_pack(f.room.matrix + start * cut.width + layer->features + 1, cut.width, 1,
                             cut.columns - start, units, rv_is_half(layer), &next);
    if (values->input_gradient)
        f.input = rv_factor_pack(f.room.matrix, cut.width, 1, cut.input_end, layer->features,
                                 rv_is_half(layer), &next);
    rv_start_back(values->first_hidden, values->hidden_gradient, layer->rows * units);
    if (layer->cell == RV_LSTM)
        rv_start_back(values->first_memory, values->memory_gradient, layer->rows * units);
    rv_zero(f.room.input_product, cut.input_end * (layer->features + 1));
    rv_zero(f.room.state_product, (cut.columns - start) * (cut.width - cut.state_from));
    for (long end = layer->places; end > 0; end -= f.turns) {
        f.turns = RV_MIN(at_once, end);
        f.first_turn = end - f.turns;
        f.first_place = layer->reverse ? layer->places - end : f.first_turn;
        rv_parallel((int)RV_MIN(layer->threads, layer->rows), rv_backward_share, &f);
        rv_add_chunk(&f);
    }
    rv_scatter_gradients(&f);
}
