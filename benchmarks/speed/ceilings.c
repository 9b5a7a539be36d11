// What this machine can do at best: bytes and operations per second of loops that do nothing else.
//
// Each function runs its loop `rounds` times over `count` floats per array, split over OpenMP threads, and gives
// seconds per round. Arrays are aligned to 64 bytes and `count` is a multiple of 64 per thread.

#include <omp.h>
#include <stddef.h>

typedef float vector __attribute__((vector_size(64), aligned(64)));
enum { LANES = 16, WAYS = 8 };

static double begun;
static volatile float sink;

#define EACH(vectors)                                                                                                  \
  const size_t each = (vectors) / omp_get_num_threads();                                                               \
  const size_t first = each * omp_get_thread_num();

#define TIMED(rounds, body)                                                                                            \
  begun = omp_get_wtime();                                                                                             \
  for (int round = 0; round < (rounds); ++round) {                                                                     \
    _Pragma("omp parallel") { body }                                                                                   \
  }                                                                                                                    \
  return (omp_get_wtime() - begun) / (rounds);

double pf_read(const vector *x, size_t count, int rounds) {
  TIMED(rounds, EACH(count / LANES) vector sums[WAYS] = {0};
        for (size_t i = first; i + WAYS <= first + each; i += WAYS)
          for (int k = 0; k < WAYS; ++k) sums[k] += x[i + k];
        for (int k = 1; k < WAYS; ++k) sums[0] += sums[k];
        sink = sums[0][0];)
}

double pf_copy(vector *y, const vector *x, size_t count, int rounds) {
  TIMED(rounds, EACH(count / LANES) for (size_t i = first; i < first + each; ++i) y[i] = x[i] + 1.0f;)
}

double pf_copy_streamed(vector *y, const vector *x, size_t count, int rounds) {
  TIMED(rounds, EACH(count / LANES) for (size_t i = first; i < first + each; ++i)
                    __builtin_nontemporal_store(x[i] + 1.0f, &y[i]);)
}

double pf_triad_streamed(vector *z, const vector *x, const vector *y, size_t count, int rounds) {
  TIMED(rounds, EACH(count / LANES) for (size_t i = first; i < first + each; ++i)
                    __builtin_nontemporal_store(x[i] + 3.0f * y[i], &z[i]);)
}

double pf_write_streamed(vector *y, size_t count, int rounds) {
  TIMED(rounds, EACH(count / LANES) const vector zero = {0}; for (size_t i = first; i < first + each; ++i)
                    __builtin_nontemporal_store(zero, &y[i]);)
}

// `count` fused multiply-adds of whole vectors a thread; gives seconds for all of them.
double pf_fma(size_t count, int rounds) {
  TIMED(rounds, vector sums[2 * WAYS]; vector factor; for (int k = 0; k < LANES; ++k) factor[k] = 0.999f;
        for (int k = 0; k < 2 * WAYS; ++k) sums[k] = factor + (float)k;
        for (size_t i = 0; i < count; i += 2 * WAYS)
          for (int k = 0; k < 2 * WAYS; ++k) sums[k] = sums[k] * factor + factor;
        for (int k = 1; k < 2 * WAYS; ++k) sums[0] += sums[k];
        sink = sums[0][0];)
}
