/* What a recurrent layer does at one place with the sums of a row, and the way back. */
#ifndef RV_CELLS_H
#define RV_CELLS_H

/* From the sums in `gates` to what the gates are, to the memory and to the output of the row.
 * `hidden` and `memory` are those of the place before. */
typedef struct {
    long units;
    float *gates;
    const float *hidden, *memory;
    float *new_memory; /* an LSTM's */
    float *output;
} rv_cell_row;

/* From the gradients of a row's output and memory to those of its sums and of the place before.
 *
 * `hidden_gradient` holds what later places sent, `output_gradient` (or NULL) is added; it is left
 * with what goes to the place before beside the product with the weights: zeros but for a GRU. */
typedef struct {
    long units;
    const float *gates, *hidden, *memory, *new_memory, *output_gradient;
    float *hidden_gradient, *memory_gradient;
    float *gates_gradient;
} rv_cell_row_back;

void rv_cell_run(long cell, const rv_cell_row *row);
void rv_cell_run_back(long cell, const rv_cell_row_back *row);

#endif
