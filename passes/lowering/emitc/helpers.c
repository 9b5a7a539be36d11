// What generated C calls beside the C library: one function after the other, each taken along where it is called.
// None branches where that can be helped, so that compilers make vectors of loops around them.

// The bits of a float.
static inline uint32_t pf_bits_f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// The float of some bits.
static inline float pf_from_bits_f32(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// The bits of a double.
static inline uint64_t pf_bits_f64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// The double of some bits.
static inline double pf_from_bits_f64(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// A half-precision number, exactly.
static inline float pf_f16_to_f32(uint16_t half) {
  uint32_t magnitude = half & 0x7fffu, sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t normal = (magnitude << 13) + (magnitude >= 0x7c00u ? 0x70000000u : 0x38000000u);
  uint32_t small = pf_bits_f32((float)(int32_t)magnitude * 0x1p-24f);
  return pf_from_bits_f32((magnitude < 0x0400u ? small : normal) | sign);
}

// The nearest half-precision number, ties to even.
static inline uint16_t pf_f32_to_f16(float x) {
  uint32_t bits = pf_bits_f32(x), magnitude = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
  uint32_t normal = (magnitude - 0x38000000u + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13;
  uint32_t small = pf_bits_f32(pf_from_bits_f32(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x03ffu);
  uint32_t half = magnitude < 0x38800000u ? small : normal;
  half = magnitude >= 0x47800000u ? 0x7c00u : half;
  return (uint16_t)((magnitude > 0x7f800000u ? nan : half) | sign);
}

// A bfloat16, exactly.
static inline float pf_bf16_to_f32(uint16_t x) {
  return pf_from_bits_f32((uint32_t)x << 16);
}

// The nearest bfloat16, ties to even.
static inline uint16_t pf_f32_to_bf16(float x) {
  uint32_t bits = pf_bits_f32(x);
  uint32_t near = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : near);
}

// An f8E4M3FN, exactly.
static inline float pf_f8e4m3_to_f32(uint8_t x) {
  uint32_t magnitude = x & 0x7fu, sign = (uint32_t)(x & 0x80u) << 24;
  uint32_t normal = (magnitude << 20) + (120u << 23);
  uint32_t small = pf_bits_f32((float)(int32_t)magnitude * 0x1p-9f);
  uint32_t made = magnitude < 8u ? small : normal;
  return pf_from_bits_f32((magnitude > 0x7eu ? 0x7fc00000u : made) | sign);
}

// The nearest f8E4M3FN, ties to even; NaN beyond 448.
static inline uint8_t pf_f32_to_f8e4m3(float x) {
  uint32_t bits = pf_bits_f32(x), magnitude = bits & 0x7fffffffu, sign = (bits >> 24) & 0x80u;
  uint32_t normal = ((magnitude + 0x7ffffu + ((magnitude >> 20) & 1u)) >> 20) - (120u << 3);
  uint32_t small = pf_bits_f32(pf_from_bits_f32(magnitude) + 0x1p14f) - 0x46800000u;
  uint32_t made = magnitude < 0x3c800000u ? small : normal;
  return (uint8_t)((magnitude > 0x43e80000u ? 0x7fu : made) | sign);
}

// An f8E5M2, exactly.
static inline float pf_f8e5m2_to_f32(uint8_t x) {
  float made = pf_f16_to_f32((uint16_t)((uint16_t)x << 8));
  return (x & 0x7fu) > 0x7cu ? pf_from_bits_f32(0x7fc00000u | (uint32_t)(x & 0x80u) << 24) : made;
}

// The nearest f8E5M2, ties to even.
static inline uint8_t pf_f32_to_f8e5m2(float x) {
  uint32_t bits = pf_bits_f32(x), magnitude = bits & 0x7fffffffu, sign = (bits >> 24) & 0x80u;
  uint32_t normal = ((magnitude + 0xfffffu + ((magnitude >> 21) & 1u)) >> 21) - (112u << 2);
  uint32_t small = pf_bits_f32(pf_from_bits_f32(magnitude) + 0x1p7f) - 0x43000000u;
  uint32_t made = magnitude < 0x38800000u ? small : normal;
  made = magnitude > 0x476fffffu ? 0x7cu : made;
  return (uint8_t)((magnitude > 0x7f800000u ? 0x7eu : made) | sign);
}

// The larger; NaN if either is, and +0 is larger than -0.
static inline float pf_maximum_f32(float a, float b) {
  return (((a >= b) & ((a > b) | (pf_bits_f32(a) >> 31 == 0))) | (a != a)) ? a : b;
}

// The smaller; NaN if either is, and -0 is smaller than +0.
static inline float pf_minimum_f32(float a, float b) {
  return (((a <= b) & ((a < b) | (pf_bits_f32(a) >> 31 == 1))) | (a != a)) ? a : b;
}

// The larger; NaN if either is, and +0 is larger than -0.
static inline double pf_maximum_f64(double a, double b) {
  return ((a > b) | (a != a) | ((a == b) & (pf_bits_f64(a) >> 63 == 0))) ? a : b;
}

// The smaller; NaN if either is, and -0 is smaller than +0.
static inline double pf_minimum_f64(double a, double b) {
  return ((a < b) | (a != a) | ((a == b) & (pf_bits_f64(a) >> 63 == 1))) ? a : b;
}

// The larger, or the one that is a number.
static inline float pf_maxnum_f32(float a, float b) {
  return ((a > b) | (b != b) | ((a == b) & (pf_bits_f32(a) >> 31 == 0))) ? a : b;
}

// The smaller, or the one that is a number.
static inline float pf_minnum_f32(float a, float b) {
  return ((a < b) | (b != b) | ((a == b) & (pf_bits_f32(a) >> 31 == 1))) ? a : b;
}

// The larger, or the one that is a number.
static inline double pf_maxnum_f64(double a, double b) {
  return ((a > b) | (b != b) | ((a == b) & (pf_bits_f64(a) >> 63 == 0))) ? a : b;
}

// The smaller, or the one that is a number.
static inline double pf_minnum_f64(double a, double b) {
  return ((a < b) | (b != b) | ((a == b) & (pf_bits_f64(a) >> 63 == 1))) ? a : b;
}

// A product and a sum, rounded once where the processor does that as fast.
static inline float pf_fma_f32(float a, float b, float c) {
#ifdef FP_FAST_FMAF
  return fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// A product and a sum, rounded once where the processor does that as fast.
static inline double pf_fma_f64(double a, double b, double c) {
#ifdef FP_FAST_FMA
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

// e to the power of x: 2^n times a polynomial of what is left, at most 2e-7 off. What is less than -104 is held there, as
// bits, whose order is that of negative numbers turned around; 2^n is added to the exponent, 2^(n + 64) where that is small.
static inline float pf_exp_f32(float x) {
  uint32_t bits = pf_bits_f32(x), least = 0xc2d00000u;
  float c = pf_from_bits_f32(bits < least ? bits : least);
  float shifted = pf_fma_f32(c, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
  float r = pf_fma_f32(n, -0.693359375f, c);
  r = pf_fma_f32(n, 2.12194440e-4f, r);
  float z = r * r, high = pf_fma_f32(8.3124777e-3f, r, 4.1890550e-2f), middle = pf_fma_f32(1.6667116e-1f, r, 4.9999228e-1f);
  float p = pf_fma_f32(pf_fma_f32(high, z, middle), z, r + 1.0f);
  uint32_t e = pf_bits_f32(p) + (pf_bits_f32(shifted) << 23);
  e = x < -80.0f ? e + (64u << 23) : e;
  float y = pf_from_bits_f32(e);
  y = x < -80.0f ? y * 0x1p-64f : y;
  return x < 88.72284f ? y : x + INFINITY;
}

// A quotient by a number that many share: by its inverse, and corrected where that costs nothing; at most 2 ulp off.
static inline float pf_shared_divide_f32(float x, float by) {
#ifdef FP_FAST_FMAF
  float scale = fabsf(by) < 0x1p-100f ? 0x1p64f : 1.0f, size = fabsf(by) * scale, inverse = 1.0f / size;
  float scaled = x * copysignf(scale, by), quotient = scaled * inverse;
  float better = fmaf(-fmaf(quotient, size, -scaled), inverse, quotient);
  return better != better ? quotient : better;
#else
  return x / by;
#endif
}

// The natural logarithm: the exponent's, and a polynomial of the mantissa, at most 1e-7 off.
static inline float pf_log_f32(float x) {
  uint32_t tiny = x < 0x1p-126f;
  float s = x * pf_from_bits_f32(0x3f800000u + tiny * (23u << 23));
  uint32_t bits = pf_bits_f32(s) - 0x3f3504f3u;
  float e = (float)(((int32_t)bits >> 23) - (int32_t)(tiny * 23u));
  float m = pf_from_bits_f32((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float z = m * m;
  float p = 7.0376836292e-2f;
  p = pf_fma_f32(p, m, -1.1514610310e-1f);
  p = pf_fma_f32(p, m, 1.1676998740e-1f);
  p = pf_fma_f32(p, m, -1.2420140846e-1f);
  p = pf_fma_f32(p, m, 1.4249322787e-1f);
  p = pf_fma_f32(p, m, -1.6668057665e-1f);
  p = pf_fma_f32(p, m, 2.0000714765e-1f);
  p = pf_fma_f32(p, m, -2.4999993993e-1f);
  p = pf_fma_f32(p, m, 3.3333331174e-1f);
  float y = pf_fma_f32(m * z, p, pf_fma_f32(e, -2.12194440e-4f, -0.5f * z));
  y = m + y + e * 0.693359375f;
  uint32_t negative = 0u - (uint32_t)(x < 0.0f), zero = 0u - (uint32_t)(x == 0.0f), plain = 0u - (uint32_t)(x < INFINITY);
  uint32_t made = (pf_bits_f32(y) & plain) | (pf_bits_f32(x) & ~plain);
  made = (made & ~zero) | (0xff800000u & zero);
  return pf_from_bits_f32(made | (0x7fc00000u & negative));
}

// The logarithm of 1 + x, right where x is small: what was lost in the sum is put back.
static inline float pf_log1p_f32(float x) {
  float u = 1.0f + x;
  float y = pf_log_f32(u) * (x / (u == 1.0f ? 1.0f : u - 1.0f));
  y = u == 1.0f ? x : y;
  return ((x == INFINITY) | (u == 0.0f)) ? pf_log_f32(u) : y;
}

// e to the power of x, less 1, right where x is small: 2^n times what a polynomial has beyond 1, and 2^n - 1.
static inline float pf_expm1_f32(float x) {
  float c = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
  float shifted = pf_fma_f32(c, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
  float r = pf_fma_f32(n, -0.693359375f, c);
  r = pf_fma_f32(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = pf_fma_f32(p, r, 1.3981999507e-3f);
  p = pf_fma_f32(p, r, 8.3334519073e-3f);
  p = pf_fma_f32(p, r, 4.1665795894e-2f);
  p = pf_fma_f32(p, r, 1.6666665459e-1f);
  p = pf_fma_f32(p, r, 5.0000001201e-1f);
  p = pf_fma_f32(p, r * r, r);
  uint32_t e = pf_bits_f32(shifted) - pf_bits_f32(12582912.0f) + 254u, half = e / 2u;
  float low = pf_from_bits_f32(half << 23), high = pf_from_bits_f32((e - half) << 23), s = low * high;
  float y = x > 80.0f ? (p + 1.0f) * low * high : pf_fma_f32(p, s, s - 1.0f);
  return x == 0.0f ? x : y;
}

// The hyperbolic tangent.
static inline float pf_tanh_f32(float x) {
  float a = pf_from_bits_f32(pf_bits_f32(x) & 0x7fffffffu), z = x * x;
  float p = -5.70498872745e-3f;
  p = pf_fma_f32(p, z, 2.06390887954e-2f);
  p = pf_fma_f32(p, z, -5.37397155531e-2f);
  p = pf_fma_f32(p, z, 1.33314422036e-1f);
  p = pf_fma_f32(p, z, -3.33332819422e-1f);
  float small = pf_fma_f32(p * z, a, a);
  float big = 1.0f - 2.0f / (pf_exp_f32(2.0f * a) + 1.0f);
  float y = pf_from_bits_f32(pf_bits_f32(a < 0.625f ? small : big) | (pf_bits_f32(x) & 0x80000000u));
  return x != x ? x : y;
}

// The error function: x times a rational function of its square.
static inline float pf_erf_f32(float x) {
  float c = x > 4.0f ? 4.0f : x < -4.0f ? -4.0f : x, z = c * c;
  float p = -2.72614225801306e-10f;
  p = pf_fma_f32(p, z, 2.77068142495902e-08f);
  p = pf_fma_f32(p, z, -2.10102402082508e-06f);
  p = pf_fma_f32(p, z, -5.69250639462346e-05f);
  p = pf_fma_f32(p, z, -7.34990630326855e-04f);
  p = pf_fma_f32(p, z, -2.95459980854025e-03f);
  p = pf_fma_f32(p, z, -1.60960333262415e-02f);
  float q = -1.45660718464996e-05f;
  q = pf_fma_f32(q, z, -2.13374055278905e-04f);
  q = pf_fma_f32(q, z, -1.68282697438203e-03f);
  q = pf_fma_f32(q, z, -7.37332916720468e-03f);
  q = pf_fma_f32(q, z, -1.42647390514189e-02f);
  return x == 0.0f ? x : c * (p / q);
}

// Bits that are set.
static inline int64_t pf_popcount(uint64_t x) {
  x = x - ((x >> 1) & UINT64_C(0x5555555555555555));
  x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
  x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  return (int64_t)((x * UINT64_C(0x0101010101010101)) >> 56);
}

// Zeros before the first bit that is set, of so many bits.
static inline int64_t pf_leading_zeros(uint64_t x, int64_t width) {
  int64_t count = 0;
  for (int64_t bit = width - 1; bit >= 0 && !(x >> bit & 1); --bit)
    ++count;
  return count;
}

// Zeros behind the last bit that is set, of so many bits.
static inline int64_t pf_trailing_zeros(uint64_t x, int64_t width) {
  int64_t count = 0;
  while (count < width && !(x >> count & 1))
    ++count;
  return count;
}

// The high half of the product of unsigned numbers of 64 bits.
static inline uint64_t pf_high_product(uint64_t a, uint64_t b) {
  uint64_t a0 = a & UINT64_C(0xffffffff), a1 = a >> 32, b0 = b & UINT64_C(0xffffffff), b1 = b >> 32;
  uint64_t middle = a1 * b0 + ((a0 * b0) >> 32), low = a0 * b1 + (middle & UINT64_C(0xffffffff));
  return a1 * b1 + (middle >> 32) + (low >> 32);
}

// A power of integers, wrapped around; to a negative one only 1 and -1 aren't 0.
static inline int64_t pf_power_i64(int64_t base, int64_t exponent) {
  uint64_t power = 1, square = (uint64_t)base;
  if (exponent < 0)
    return base == 1 ? 1 : base != -1 ? 0 : exponent % 2 ? -1 : 1;
  for (; exponent > 0; exponent >>= 1, square *= square)
    power *= exponent & 1 ? square : 1;
  return (int64_t)power;
}

// A float to the power of an integer.
static inline double pf_power_f64(double base, int64_t exponent) {
  uint64_t rest = exponent < 0 ? 0 - (uint64_t)exponent : (uint64_t)exponent;
  double power = 1.0;
  for (; rest > 0; rest >>= 1, base *= base)
    power *= rest & 1 ? base : 1.0;
  return exponent < 0 ? 1.0 / power : power;
}

// A quotient rounded down.
static inline int64_t pf_floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// A quotient rounded up.
static inline int64_t pf_ceil_divide(int64_t a, int64_t b) {
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
}

// Threads that a parallel loop may have, and which one this is.
static inline int64_t pf_threads(void) {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// Which of the threads this is.
static inline int64_t pf_thread(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// Memory for elements, at a multiple of 64 bytes, its own address before it; null where there is none.
static inline void *pf_allocate(int64_t count, int64_t size) {
  unsigned char *whole = malloc((size_t)(count > 0 ? count : 0) * (size_t)size + 64 + sizeof(void *));
  if (!whole)
    return NULL;
  unsigned char *start = whole + sizeof(void *);
  start += (64 - (uintptr_t)start % 64) % 64;
  memcpy(start - sizeof(void *), &whole, sizeof(void *));
  return start;
}

// Gives back what `pf_allocate` gave.
static inline void pf_release(void *start) {
  void *whole;
  if (!start)
    return;
  memcpy(&whole, (unsigned char *)start - sizeof(void *), sizeof(void *));
  free(whole);
}
