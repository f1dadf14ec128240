/* A training step as a list of instructions, run over and over. */
#ifndef RV_TAPE_H
#define RV_TAPE_H

#include <stdint.h>

/* An instruction is [operation, words of the whole instruction, arguments ...]; an argument is an
 * integer, an address, or the bits of a double. Returns 0, or why the step cannot go on. */
typedef int (*rv_instruction)(const int64_t *arguments);

enum { RV_DONE, RV_TARGET_IS_NO_CLASS, RV_INDEX_OUT_OF_RANGE };

/* A word that holds another address in each step: base of a stream + step * its stride + offset. */
typedef struct {
    int64_t word, stream, offset;
} rv_place;

/* Runs the tape `steps` times; `base` and `stride` in bytes are those of the streams. */
int rv_run(int64_t *words, long count, const rv_place *places, long num_places,
           const int64_t *base, const int64_t *stride, long steps);

/* The name of an operation by its number, NULL behind the last. */
const char *rv_operation_name(int operation);

#endif
