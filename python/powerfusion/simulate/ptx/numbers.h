// Numbers as PTX has them: bits in registers, read as a type; conversions that
// saturate; minima that know NaN.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

using f16 = _Float16;
using f32 = float;
using f64 = double;
struct bf16 {
  uint16_t bits;
};

template <class To, class From> static inline To as(From from) {
  static_assert(sizeof(To) == sizeof(From),
                "as() reads bits as another type of their size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

static inline f32 widen(bf16 x) { return as<f32>(uint32_t(x.bits) << 16); }
static inline f32 widen(f16 x) { return f32(x); }

// To the nearest, ties to even; a NaN becomes the one that PTX gives.
static inline uint16_t to_bf16(f32 x) {
  if (x != x)
    return 0x7fff;
  uint32_t bits = as<uint32_t>(x);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
static inline uint16_t to_f16(f32 x) { return as<uint16_t>(f16(x)); }

// Sums and products of 16-bit floats: f32 has more than twice their digits, so
// rounding twice is rounding once.
template <class N> static inline N from_bits(uint16_t bits) {
  return as<N>(bits);
}
template <class N> static inline uint16_t narrowed(f32 x) {
  return std::is_same<N, bf16>::value ? to_bf16(x) : to_f16(x);
}
template <class N, class F>
static inline uint16_t each(uint16_t a, uint16_t b, F f) {
  return narrowed<N>(f(widen(from_bits<N>(a)), widen(from_bits<N>(b))));
}
template <class N, class F>
static inline uint32_t of_two(uint32_t a, uint32_t b, F f) {
  return each<N>(uint16_t(a), uint16_t(b), f) |
         uint32_t(each<N>(uint16_t(a >> 16), uint16_t(b >> 16), f)) << 16;
}

// PTX orders -0 below +0, and gives the number where one side is NaN.
template <class F> static inline bool below(F a, F b) {
  return a < b || (a == b && std::signbit(f64(a)) && !std::signbit(f64(b)));
}
template <class F> static inline F min_number(F a, F b) {
  return a != a ? b : b != b ? a : below(b, a) ? b : a;
}
template <class F> static inline F max_number(F a, F b) {
  return a != a ? b : b != b ? a : below(a, b) ? b : a;
}
template <class F> static inline F nan_of();
template <> inline f32 nan_of<f32>() { return as<f32>(0x7fffffffu); }
template <> inline f64 nan_of<f64>() {
  return as<f64>(uint64_t(0x7ff8000000000000ull));
}
template <class F> static inline F min_nan(F a, F b) {
  return a != a || b != b ? nan_of<F>() : min_number(a, b);
}
template <class F> static inline F max_nan(F a, F b) {
  return a != a || b != b ? nan_of<F>() : max_number(a, b);
}

static inline f64 rounded(f64 x, int mode) {
  switch (mode) {
  case 0:
    return std::nearbyint(x);
  case 1:
    return std::trunc(x);
  case 2:
    return std::floor(x);
  default:
    return std::ceil(x);
  }
}
// What is out of range becomes the nearest number of the type, NaN zero.
template <class I> static inline I to_integer(f64 x, int mode) {
  if (x != x)
    return 0;
  f64 r = rounded(x, mode);
  if (r <= f64(std::numeric_limits<I>::min()))
    return std::numeric_limits<I>::min();
  if (r >= f64(std::numeric_limits<I>::max()))
    return std::numeric_limits<I>::max();
  return I(r);
}

static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
template <class U> static inline U shift_left(U x, uint32_t by) {
  return by >= 8 * sizeof(U) ? U(0) : U(x << by);
}
template <class I> static inline I shift_right(I x, uint32_t by) {
  return by >= 8 * sizeof(I) ? (x < 0 ? I(-1) : I(0)) : I(x >> by);
}
/* Some bits of a number, the last of which is their sign. */
template <class I>
static inline I signed_field(I x, uint32_t start, uint32_t length) {
  using U = std::make_unsigned_t<I>;
  constexpr uint32_t bits = 8 * sizeof(I);
  I shifted = shift_right<I>(x, start);
  if (length == 0)
    return I(0);
  return length >= bits ? shifted
                        : I(I(U(shifted) << (bits - length)) >> (bits - length));
}
template <class I> static inline I quotient(I a, I b) {
  return b == 0                                               ? I(-1)
         : (b == I(-1) && a == std::numeric_limits<I>::min()) ? a
                                                              : I(a / b);
}
template <class I> static inline I remainder_of(I a, I b) {
  return b == 0                                              ? a
         : (b == I(-1) && std::numeric_limits<I>::is_signed) ? I(0)
                                                             : I(a % b);
}
static inline uint32_t reversed(uint32_t x) {
  uint32_t r = 0;
  for (int i = 0; i < 32; i++)
    r |= (x >> i & 1) << (31 - i);
  return r;
}
static inline uint32_t bytes_of_two(uint32_t a, uint32_t b, uint32_t which) {
  uint64_t all = uint64_t(b) << 32 | a;
  uint32_t r = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t c = which >> (4 * i) & 15;
    uint8_t byte = uint8_t(all >> (8 * (c & 7)));
    if (c & 8)
      byte = byte & 0x80 ? 0xff : 0;
    r |= uint32_t(byte) << (8 * i);
  }
  return r;
}
static inline uint32_t logic_of_three(uint32_t a, uint32_t b, uint32_t c,
                                      int table) {
  uint32_t r = 0;
  for (int i = 0; i < 8; i++)
    if (table >> i & 1)
      r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return r;
}
