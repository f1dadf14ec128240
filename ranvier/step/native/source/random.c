#include "random.h"

#include <math.h>
#include <string.h>

#define RV_SHIFT 397
/* Where torch's bytes hold what is read here: after the seed, `left` as 32 bits, a flag, `next`
 * and the words as 64 bits each. */
#define RV_AT_LEFT 8
#define RV_AT_NEXT 16
#define RV_AT_WORDS 24

void rv_generator_read(rv_generator *generator, const unsigned char *state) {
    uint64_t word;
    memcpy(&generator->left, state + RV_AT_LEFT, sizeof generator->left);
    memcpy(&word, state + RV_AT_NEXT, sizeof word);
    generator->next = (int32_t)word;
    for (int i = 0; i < RV_TWISTER; i++) {
        memcpy(&word, state + RV_AT_WORDS + 8 * i, sizeof word);
        generator->word[i] = (uint32_t)word;
    }
}

void rv_generator_write(const rv_generator *generator, unsigned char *state) {
    uint64_t word = (uint64_t)generator->next;
    memcpy(state + RV_AT_LEFT, &generator->left, sizeof generator->left);
    memcpy(state + RV_AT_NEXT, &word, sizeof word);
    for (int i = 0; i < RV_TWISTER; i++) {
        word = generator->word[i];
        memcpy(state + RV_AT_WORDS + 8 * i, &word, sizeof word);
    }
}

static inline uint32_t rv_twist(uint32_t high, uint32_t low) {
    const uint32_t mixed = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (mixed >> 1) ^ (-(low & 1u) & 0x9908b0dfu);
}

/* Three stretches, in each of which no word depends on one made fewer than 227 places before. */
static void rv_renew(rv_generator *generator) {
    uint32_t *w = generator->word;
    const int rest = RV_TWISTER - RV_SHIFT;
#pragma GCC ivdep
    for (int i = 0; i < rest; i++) w[i] = w[i + RV_SHIFT] ^ rv_twist(w[i], w[i + 1]);
    for (int from = rest; from < RV_TWISTER - 1; from += rest) {
        const int to = from + rest < RV_TWISTER - 1 ? from + rest : RV_TWISTER - 1;
#pragma GCC ivdep
        for (int i = from; i < to; i++) w[i] = w[i - rest] ^ rv_twist(w[i], w[i + 1]);
    }
    w[RV_TWISTER - 1] = w[RV_SHIFT - 1] ^ rv_twist(w[RV_TWISTER - 1], w[0]);
    /* One more than torch has it, as the first word of the new ones is not taken yet. */
    generator->left = RV_TWISTER + 1;
    generator->next = 0;
}

static inline uint32_t rv_temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static void rv_words(rv_generator *generator, uint32_t *restrict to, long count) {
    while (count > 0) {
        if (generator->left <= 1) rv_renew(generator);
        const long ready = generator->left - 1, n = count < ready ? count : ready;
        const uint32_t *from = generator->word + generator->next;
        for (long i = 0; i < n; i++) to[i] = rv_temper(from[i]);
        generator->left -= (int32_t)n;
        generator->next += (int32_t)n;
        to += n;
        count -= n;
    }
}

/* A double is the last 53 of 64 bits, the first word being the higher one. */
static void rv_bernoulli_of_doubles(rv_generator *generator, long count, double probability,
                                    float *result) {
    enum { RV_AT_ONCE = 512 };
    uint32_t words[2 * RV_AT_ONCE];
    const int64_t limit = (int64_t)ceil(probability * 0x1p53);
    for (long done = 0; done < count; done += RV_AT_ONCE) {
        const long n = count - done < RV_AT_ONCE ? count - done : RV_AT_ONCE;
        rv_words(generator, words, 2 * n);
        for (long i = 0; i < n; i++) {
            const int64_t high = words[2 * i] & 0x1fffffu;
            result[done + i] = (high << 32 | words[2 * i + 1]) < limit;
        }
    }
}

#define RV_MODULUS 2147483647u
#define RV_FACTOR 1132489760u

static inline uint64_t rv_congruential(uint64_t x, uint64_t factor) {
    return x * factor % RV_MODULUS;
}

/* Sixteen chains of the same generator, each sixteen places ahead at a step. */
static void rv_bernoulli_of_seed(rv_generator *generator, long count, double probability,
                                 float *result) {
    enum { RV_TRACKS = 16 };
    uint32_t seed;
    rv_words(generator, &seed, 1);
    uint64_t x = seed % RV_MODULUS, ahead = 1, track[RV_TRACKS];
    if (x == 0) x = 1;
    for (int t = 0; t < RV_TRACKS; t++) {
        track[t] = x;
        x = rv_congruential(x, RV_FACTOR);
        ahead = rv_congruential(ahead, RV_FACTOR);
    }
    for (long i = 0; i < count; i += RV_TRACKS) {
        const long n = count - i < RV_TRACKS ? count - i : RV_TRACKS;
        for (long t = 0; t < n; t++)
            result[i + t] = (double)track[t] * (1.0 / RV_MODULUS) < probability;
        for (int t = 0; t < RV_TRACKS; t++) track[t] = rv_congruential(track[t], ahead);
    }
}

void rv_bernoulli(rv_generator *generator, int method, long count, double probability,
                  float *result) {
    if (method == RV_DOUBLE_EACH)
        rv_bernoulli_of_doubles(generator, count, probability, result);
    else
        rv_bernoulli_of_seed(generator, count, probability, result);
}
