/* Torch's random numbers of the processor: the same masks from the same state of its generator. */
#ifndef RV_RANDOM_H
#define RV_RANDOM_H

#include <stdint.h>

#define RV_TWISTER 624

/* The Mersenne Twister as torch runs it: `left` calls until the words are made anew, plus one. */
typedef struct {
    uint32_t word[RV_TWISTER];
    int32_t left, next;
} rv_generator;

/* To and from the bytes of torch.get_rng_state(); what else is in there stays. */
void rv_generator_read(rv_generator *generator, const unsigned char *state);
void rv_generator_write(const rv_generator *generator, unsigned char *state);

/* How torch draws `bernoulli_`: a double from the generator for each number, or one word that seeds
 * a multiplicative congruential generator, as its builds with MKL do on processors of Intel. */
enum { RV_DOUBLE_EACH, RV_SEEDED_CONGRUENTIAL };

/* `count` numbers that are 1 with this probability, else 0. */
void rv_bernoulli(rv_generator *generator, int method, long count, double probability,
                  float *result);

#endif
