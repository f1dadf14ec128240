/* Operations on single elements, run one after another over blocks that stay in the first cache. */
#ifndef RV_ELEMENTS_H
#define RV_ELEMENTS_H

#include <stdint.h>

#define RV_MAX_DIMENSIONS 6

/* What one number in memory is. */
enum { RV_FLOAT32, RV_FLOAT64, RV_INT64, RV_BOOL };

/* Runs one group of element operations over the same places. `words` is what lowering laid down:
 *
 *   wide, threads, count, D, size_0 .. size_{D-1}, L, S, O, V,
 *   L loads:  register, way, type, address, stride_0 .. stride_{D-1}
 *   O steps:  operation, register of the result, registers of up to three operands
 *   S stores: register, way, type, address, stride_0 .. stride_{D-1}
 *
 * Places run over sizes with the last one fastest; strides are in elements. V registers are blocks
 * of scratch, numbered from 0; the others point into memory. `wide` groups compute in double. */
void rv_elements(const int64_t *words);

/* How a register and memory go together. */
enum {
    RV_DIRECT,  /* the register is memory: same type, places side by side */
    RV_STRIDED, /* copied between memory and a block of scratch */
    RV_SINGLE,  /* the register is one number */
    RV_FILLED,  /* one number, in every place of a block of scratch */
};

/* The name of the operation with this number, or NULL behind the last; names end in v (a block)
 * or s (a single number) per operand. */
const char *rv_element_name(int operation);

#endif
