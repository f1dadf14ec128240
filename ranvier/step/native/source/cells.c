#include "cells.h"

#include <stddef.h>

#include "activations.h"
#include "recurrent.h"

RV_INLINE void rv_run_lstm(const rv_cell_row *row, long at, long count) {
    const long units = row->units;
    float *gates = row->gates + at;
    const rv_vector write = rv_vector_sigmoid(rv_load_first(gates, count));
    const rv_vector forget = rv_vector_sigmoid(rv_load_first(gates + units, count));
    const rv_vector new = rv_vector_tanh(rv_load_first(gates + 2 * units, count));
    const rv_vector output = rv_vector_sigmoid(rv_load_first(gates + 3 * units, count));
    const rv_vector memory = forget * rv_load_first(row->memory + at, count) + write * new;
    rv_store_first(gates, write, count);
    rv_store_first(gates + units, forget, count);
    rv_store_first(gates + 2 * units, new, count);
    rv_store_first(gates + 3 * units, output, count);
    rv_store_first(row->new_memory + at, memory, count);
    rv_store_first(row->output + at, output * rv_vector_tanh(memory), count);
}

RV_INLINE void rv_run_gru(const rv_cell_row *row, long at, long count) {
    const long units = row->units;
    float *gates = row->gates + at;
    const rv_vector hidden = rv_load_first(row->hidden + at, count);
    const rv_vector reset = rv_vector_sigmoid(rv_load_first(gates + units, count));
    const rv_vector update = rv_vector_sigmoid(rv_load_first(gates + 2 * units, count));
    const rv_vector kept = rv_load_first(gates + 3 * units, count);
    const rv_vector new = rv_vector_tanh(rv_load_first(gates, count) + reset * kept);
    rv_store_first(gates, new, count);
    rv_store_first(gates + units, reset, count);
    rv_store_first(gates + 2 * units, update, count);
    rv_store_first(row->output + at, new + update * (hidden - new), count);
}

RV_INLINE void rv_run_simple(const rv_cell_row *row, long at, long count, int is_relu) {
    const rv_vector sum = rv_load_first(row->gates + at, count);
    const rv_vector output = is_relu ? rv_relu(sum) : rv_vector_tanh(sum);
    rv_store_first(row->gates + at, output, count);
    rv_store_first(row->output + at, output, count);
}

RV_INLINE rv_vector rv_arriving(const rv_cell_row_back *row, long at, long count) {
    const rv_vector later = rv_load_first(row->hidden_gradient + at, count);
    return row->output_gradient ? later + rv_load_first(row->output_gradient + at, count) : later;
}

RV_INLINE void rv_back_lstm(const rv_cell_row_back *row, long at, long count) {
    const long units = row->units;
    const float *gates = row->gates + at;
    float *sums = row->gates_gradient + at;
    const rv_vector write = rv_load_first(gates, count);
    const rv_vector forget = rv_load_first(gates + units, count);
    const rv_vector new = rv_load_first(gates + 2 * units, count);
    const rv_vector output = rv_load_first(gates + 3 * units, count);
    const rv_vector seen = rv_vector_tanh(rv_load_first(row->new_memory + at, count));
    const rv_vector dh = rv_arriving(row, at, count);
    const rv_vector dc = rv_load_first(row->memory_gradient + at, count) +
                         dh * output * (1.0f - seen * seen);
    const rv_vector memory = rv_load_first(row->memory + at, count);
    rv_store_first(sums, dc * new * write * (1.0f - write), count);
    rv_store_first(sums + units, dc * memory * forget * (1.0f - forget), count);
    rv_store_first(sums + 2 * units, dc * write * (1.0f - new * new), count);
    rv_store_first(sums + 3 * units, dh * seen * output * (1.0f - output), count);
    rv_store_first(row->memory_gradient + at, dc * forget, count);
    rv_store_first(row->hidden_gradient + at, (rv_vector){0}, count);
}

RV_INLINE void rv_back_gru(const rv_cell_row_back *row, long at, long count) {
    const long units = row->units;
    const float *gates = row->gates + at;
    float *sums = row->gates_gradient + at;
    const rv_vector new = rv_load_first(gates, count);
    const rv_vector reset = rv_load_first(gates + units, count);
    const rv_vector update = rv_load_first(gates + 2 * units, count);
    const rv_vector kept = rv_load_first(gates + 3 * units, count);
    const rv_vector hidden = rv_load_first(row->hidden + at, count);
    const rv_vector dh = rv_arriving(row, at, count);
    const rv_vector dn = dh * (1.0f - update) * (1.0f - new * new);
    rv_store_first(sums, dn, count);
    rv_store_first(sums + units, dn * kept * reset * (1.0f - reset), count);
    rv_store_first(sums + 2 * units, dh * (hidden - new) * update * (1.0f - update), count);
    rv_store_first(sums + 3 * units, dn * reset, count);
    rv_store_first(row->hidden_gradient + at, dh * update, count);
}

RV_INLINE void rv_back_simple(const rv_cell_row_back *row, long at, long count, int is_relu) {
    const rv_vector output = rv_load_first(row->gates + at, count);
    const rv_vector dh = rv_arriving(row, at, count);
    /* As in torch, a NaN lets the gradient through. */
    const rv_vector through = rv_select(output <= 0, (rv_vector){0}, dh);
    rv_store_first(row->gates_gradient + at, is_relu ? through : dh * (1.0f - output * output),
                   count);
    rv_store_first(row->hidden_gradient + at, (rv_vector){0}, count);
}

#define RV_OVER_UNITS(call)                                         \
    do {                                                            \
        long at = 0;                                                \
        for (; at + RV_WIDTH <= row->units; at += RV_WIDTH) {       \
            const long count = RV_WIDTH;                            \
            call;                                                   \
        }                                                           \
        if (at < row->units) {                                      \
            const long count = row->units - at;                     \
            call;                                                   \
        }                                                           \
    } while (0)

void rv_cell_run(long cell, const rv_cell_row *row) {
    switch (cell) {
        case RV_LSTM: RV_OVER_UNITS(rv_run_lstm(row, at, count)); break;
        case RV_GRU: RV_OVER_UNITS(rv_run_gru(row, at, count)); break;
        case RV_RNN_TANH: RV_OVER_UNITS(rv_run_simple(row, at, count, 0)); break;
        default: RV_OVER_UNITS(rv_run_simple(row, at, count, 1)); break;
    }
}

void rv_cell_run_back(long cell, const rv_cell_row_back *row) {
    switch (cell) {
        case RV_LSTM: RV_OVER_UNITS(rv_back_lstm(row, at, count)); break;
        case RV_GRU: RV_OVER_UNITS(rv_back_gru(row, at, count)); break;
        case RV_RNN_TANH: RV_OVER_UNITS(rv_back_simple(row, at, count, 0)); break;
        default: RV_OVER_UNITS(rv_back_simple(row, at, count, 1)); break;
    }
}
