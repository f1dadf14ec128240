/* The loops of element operations for one type of number: included once with RV_REAL as float and
 * once as double. */

#define RV_LOOP(name, expression)                                                             \
    static void RV_NAMED(name)(RV_REAL * d, const RV_REAL *a, const RV_REAL *b,               \
                               const RV_REAL *c, long n) {                                    \
        (void)a, (void)b, (void)c;                                                            \
        _Pragma("GCC ivdep") for (long i = 0; i < n; i++) d[i] = (RV_REAL)(expression);       \
    }
#define RV_UNARY(name, expression)                                                            \
    static inline RV_REAL RV_NAMED(name##_of)(RV_REAL x) { return (RV_REAL)(expression); }    \
    RV_LOOP(name##_v, RV_NAMED(name##_of)(a[i]))
#define RV_BINARY(name, expression)                                                           \
    static inline RV_REAL RV_NAMED(name##_of)(RV_REAL x, RV_REAL y) {                         \
        return (RV_REAL)(expression);                                                         \
    }                                                                                         \
    RV_LOOP(name##_vv, RV_NAMED(name##_of)(a[i], b[i]))                                       \
    static void RV_NAMED(name##_vs)(RV_REAL * d, const RV_REAL *a, const RV_REAL *b,          \
                                    const RV_REAL *c, long n) {                               \
        const RV_REAL y = *b;                                                                 \
        (void)c;                                                                              \
        _Pragma("GCC ivdep") for (long i = 0; i < n; i++) d[i] = RV_NAMED(name##_of)(a[i], y);\
    }                                                                                         \
    static void RV_NAMED(name##_sv)(RV_REAL * d, const RV_REAL *a, const RV_REAL *b,          \
                                    const RV_REAL *c, long n) {                               \
        const RV_REAL x = *a;                                                                 \
        (void)c;                                                                              \
        _Pragma("GCC ivdep") for (long i = 0; i < n; i++) d[i] = RV_NAMED(name##_of)(x, b[i]);\
    }
#define RV_TERNARY(name, expression)                                                          \
    static inline RV_REAL RV_NAMED(name##_of)(RV_REAL x, RV_REAL y, RV_REAL z) {              \
        return (RV_REAL)(expression);                                                         \
    }                                                                                         \
    RV_LOOP(name##_vvv, RV_NAMED(name##_of)(a[i], b[i], c[i]))

#include "element_list.h"

#undef RV_UNARY
#undef RV_BINARY
#undef RV_TERNARY
#define RV_UNARY(name, expression) RV_NAMED(name##_v),
#define RV_BINARY(name, expression) RV_NAMED(name##_vv), RV_NAMED(name##_vs), RV_NAMED(name##_sv),
#define RV_TERNARY(name, expression) RV_NAMED(name##_vvv),

static void (*const RV_NAMED(table)[])(RV_REAL *, const RV_REAL *, const RV_REAL *,
                                       const RV_REAL *, long) = {
#include "element_list.h"
};

#undef RV_UNARY
#undef RV_BINARY
#undef RV_TERNARY
#undef RV_LOOP

/* One run of places side by side in the block, `stride` apart in memory. */
static void RV_NAMED(load_run)(RV_REAL *block, const void *memory, int type, long at, long stride,
                               long n) {
    switch (type) {
        case RV_FLOAT32: {
            const float *from = (const float *)memory + at;
            if (stride == 1)
                for (long i = 0; i < n; i++) block[i] = (RV_REAL)from[i];
            else
                for (long i = 0; i < n; i++) block[i] = (RV_REAL)from[i * stride];
            break;
        }
        case RV_FLOAT64:
            for (long i = 0; i < n; i++)
                block[i] = (RV_REAL)((const double *)memory)[at + i * stride];
            break;
        case RV_INT64:
            for (long i = 0; i < n; i++)
                block[i] = (RV_REAL)((const int64_t *)memory)[at + i * stride];
            break;
        default:
            for (long i = 0; i < n; i++)
                block[i] = (RV_REAL)((const uint8_t *)memory)[at + i * stride];
    }
}

static void RV_NAMED(store_run)(const RV_REAL *block, void *memory, int type, long at, long stride,
                                long n) {
    switch (type) {
        case RV_FLOAT32: {
            float *to = (float *)memory + at;
            if (stride == 1)
                for (long i = 0; i < n; i++) to[i] = (float)block[i];
            else
                for (long i = 0; i < n; i++) to[i * stride] = (float)block[i];
            break;
        }
        case RV_FLOAT64:
            for (long i = 0; i < n; i++) ((double *)memory)[at + i * stride] = (double)block[i];
            break;
        case RV_INT64:
            for (long i = 0; i < n; i++) ((int64_t *)memory)[at + i * stride] = (int64_t)block[i];
            break;
        default:
            for (long i = 0; i < n; i++) ((uint8_t *)memory)[at + i * stride] = block[i] != 0;
    }
}

/* Walks the places from..from+n of a layout run by run. */
static void RV_NAMED(move)(RV_REAL *block, const rv_group *group, const int64_t *operand, long from,
                           long n, int is_store) {
    const int last = group->dimensions - 1, type = (int)operand[2];
    void *memory = (void *)operand[3];
    const int64_t *stride = operand + 4;
    long index[RV_MAX_DIMENSIONS], at = 0, rest = from;
    for (int d = last; d >= 0; d--) {
        index[d] = rest % group->sizes[d];
        rest /= group->sizes[d];
        at += index[d] * stride[d];
    }
    for (long done = 0; done < n;) {
        const long run = RV_MIN(n - done, group->sizes[last] - index[last]);
        if (is_store)
            RV_NAMED(store_run)(block + done, memory, type, at, stride[last], run);
        else
            RV_NAMED(load_run)(block + done, memory, type, at, stride[last], run);
        done += run;
        index[last] += run;
        at += run * stride[last];
        for (int d = last; d > 0 && index[d] == group->sizes[d]; d--) {
            at += stride[d - 1] - index[d] * stride[d];
            index[d] = 0;
            index[d - 1]++;
        }
    }
}

static RV_REAL RV_NAMED(single)(const int64_t *operand) {
    RV_REAL value;
    RV_NAMED(load_run)(&value, (const void *)operand[3], (int)operand[2], 0, 0, 1);
    return value;
}

static void RV_NAMED(run_part)(const rv_group *group, long from, long to) {
    RV_REAL scratch[RV_MAX_BLOCKS][RV_BLOCK] __attribute__((aligned(64)));
    RV_REAL singles[RV_MAX_REGISTERS];
    RV_REAL *registers[RV_MAX_REGISTERS];
    const int64_t *load, *store, *step;
    for (long r = 0; r < group->blocks; r++) registers[r] = scratch[r];
    for (long l = 0; l < group->num_loads; l++) {
        load = group->loads + l * group->operand_words;
        if (load[1] == RV_SINGLE) {
            singles[load[0]] = RV_NAMED(single)(load);
            registers[load[0]] = &singles[load[0]];
        } else if (load[1] == RV_FILLED) {
            const RV_REAL value = RV_NAMED(single)(load);
            for (long i = 0; i < RV_BLOCK; i++) scratch[load[0]][i] = value;
        }
    }
    for (long start = from; start < to; start += RV_BLOCK) {
        const long n = RV_MIN(RV_BLOCK, to - start);
        for (long l = 0; l < group->num_loads; l++) {
            load = group->loads + l * group->operand_words;
            if (load[1] == RV_DIRECT)
                registers[load[0]] = (RV_REAL *)load[3] + start;
            else if (load[1] == RV_STRIDED)
                RV_NAMED(move)(registers[load[0]], group, load, start, n, 0);
        }
        for (long s = 0; s < group->num_stores; s++) {
            store = group->stores + s * group->operand_words;
            if (store[1] == RV_DIRECT) registers[store[0]] = (RV_REAL *)store[3] + start;
        }
        for (long o = 0; o < group->num_steps; o++) {
            step = group->steps + o * 5;
            RV_NAMED(table)[step[0]](registers[step[1]], registers[step[2]], registers[step[3]],
                                     registers[step[4]], n);
        }
        for (long s = 0; s < group->num_stores; s++) {
            store = group->stores + s * group->operand_words;
            if (store[1] == RV_STRIDED)
                RV_NAMED(move)(registers[store[0]], group, store, start, n, 1);
        }
    }
}
