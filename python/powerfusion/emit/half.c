/* Conversions to and from the 16-bit floats, where the host has no instruction for one.
 *
 * LLVM calls these by the names of its own compiler-rt, which need not be installed where a program
 * is compiled or run. All of them round to nearest, ties to even, in one step, and keep a NaN's
 * sign and leading bits.
 */

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Narrows to | sign | 15 - fraction_bits of exponent | fraction_bits |. */
static u16 narrow(double value, int fraction_bits, int bias) {
  u64 bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const u16 sign = (u16)(bits >> 63 << 15);
  const u64 magnitude = bits & ~(1ull << 63);
  const u64 fraction = magnitude & ((1ull << 52) - 1);
  const u16 infinity = (u16)(0x7fff >> fraction_bits << fraction_bits);
  if (magnitude > 0x7ffull << 52)
    return sign | infinity | (u16)(1 << (fraction_bits - 1)) | (u16)(fraction >> (52 - fraction_bits));

  const int exponent = (int)(magnitude >> 52) - 1023 + bias;
  if (exponent >= infinity >> fraction_bits)
    return sign | infinity;
  const u64 significand = fraction | (magnitude >> 52 ? 1ull << 52 : 0);
  /* A result below the smallest normal number loses a bit per power of two. */
  const int shift = 52 - fraction_bits + (exponent > 0 ? 0 : 1 - exponent);
  if (shift > 53)
    return sign;
  const u64 half = 1ull << (shift - 1);
  const u64 rest = significand & (2 * half - 1);
  u64 kept = significand >> shift;
  kept += rest > half || (rest == half && (kept & 1));
  /* The leading bit of `kept`, and a carry out of rounding, both count into the exponent. */
  const int below = exponent > 0 ? exponent - 1 : 0;
  return sign | (u16)(((u64)below << fraction_bits) + kept);
}

static _Float16 half_of(u16 bits) {
  _Float16 value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

static __bf16 bfloat_of(u16 bits) {
  __bf16 value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

_Float16 __truncsfhf2(float value) { return half_of(narrow(value, 10, 15)); }
_Float16 __truncdfhf2(double value) { return half_of(narrow(value, 10, 15)); }
__bf16 __truncsfbf2(float value) { return bfloat_of(narrow(value, 7, 127)); }
__bf16 __truncdfbf2(double value) { return bfloat_of(narrow(value, 7, 127)); }

float __extendhfsf2(_Float16 half) {
  u16 bits;
  __builtin_memcpy(&bits, &half, sizeof bits);
  const u32 magnitude = bits & 0x7fffu;
  u32 wide;
  if (magnitude >= 0x7c00) { /* infinity, or a NaN, which becomes a quiet one */
    wide = 0x7f800000u | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 1u << 22 : 0);
  } else if (magnitude >= 0x400) {
    wide = (magnitude << 13) + ((127u - 15u) << 23);
  } else { /* a multiple of 2 to the -24, exact in f32 */
    const float scaled = (float)magnitude * 0x1p-24f;
    __builtin_memcpy(&wide, &scaled, sizeof wide);
  }
  wide |= (u32)(bits >> 15) << 31;
  float value;
  __builtin_memcpy(&value, &wide, sizeof value);
  return value;
}
