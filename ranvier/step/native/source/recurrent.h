/* Recurrent layers: one direction of one layer, all places in one call.
 *
 * T places, B rows, C features, H units. What a place reads is one row [x, 1, h] of K = C + 1 + H
 * numbers, so that input, biases and state meet one matrix of W columns: per place one product and
 * one pass over the gates, and for all places together one product for the gradient of each weight.
 *
 * The columns: LSTM i, f, g, o; GRU n (of the input), r, z, n (of the state); otherwise one. Only
 * for the GRU do input and state not meet all columns: the input's end before the last H, the
 * state's begin after the first H. */
#ifndef RV_RECURRENT_H
#define RV_RECURRENT_H


typedef enum { RV_LSTM = 0, RV_GRU = 1, RV_RNN_TANH = 2, RV_RNN_RELU = 3 } rv_cell;

/* Distances in floats; the last axis of everything is contiguous. Weights and biases are torch's:
 * gates i, f, g, o or r, z, n, one after another. Pointers that may be NULL are said. */
typedef struct {
    long cell, places, rows, features, units, reverse, threads;
    long half; /* products in bfloat16, where the processor multiplies it; sums stay in float32 */
    const float *weight_input; /* [G H, C] */
    const float *weight_state; /* [G H, H] */
    const float *bias_input, *bias_state; /* [G H] or NULL */
    const float *first_memory;            /* [B, H], for an LSTM */
    float *read;     /* [T, B, K]: what each place read */
    float *gates;    /* [T, B, W] */
    float *memories; /* [T, B, H], for an LSTM */
    float *workspace;
} rv_recurrent;

typedef struct {
    const float *input; /* [B, T, C] */
    long input_row, input_place;
    const float *first_hidden; /* [B, H] */
    float *outputs;            /* [T, B, H] */
    float *last_hidden;        /* [B, H] */
} rv_recurrent_forward_values;

typedef struct {
    const float *output_gradient; /* [B, T, H] or NULL */
    long output_row, output_place;
    const float *hidden_gradient, *memory_gradient; /* of the last place, [B, H] or NULL */
    float *first_hidden, *first_memory;             /* [B, H]: gradients of the start */
    float *input_gradient;                          /* [T, B, C] or NULL */
    float *weight_input, *weight_state, *bias_input, *bias_state; /* gradients; biases or NULL */
} rv_recurrent_backward_values;

void rv_recurrent_forward(const rv_recurrent *layer, const rv_recurrent_forward_values *values);
void rv_recurrent_backward(const rv_recurrent *layer, const rv_recurrent_backward_values *values);

/* W, and enough floats of workspace for either direction. */
long rv_recurrent_columns(long cell, long units);
long rv_recurrent_workspace(const rv_recurrent *layer);

#endif
