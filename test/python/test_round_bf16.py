"""Rounding f32 to bf16: the nearest, ties to even, of every kind of number, whichever instructions do it."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import powerfusion as pf
from powerfusion.machines.host import has_avx512_bf16

ROWS, COLUMNS = 64, 4096


def rounding(*, goes_on: bool) -> pf.Executable:
    """A program that rounds rows of numbers, and negates them then in f32 where it goes on."""
    wide, narrow = (f"tensor<{ROWS}x{COLUMNS}x{kind}>" for kind in ("f32", "bf16"))
    further = """
            %1 = arith.extf %0 : bf16 to f32
            %2 = arith.negf %1 : f32
            %3 = arith.truncf %2 : f32 to bf16"""
    body, result = (further, "%3") if goes_on else ("", "%0")
    return pf.compile(
        f"""
        #map = affine_map<(d0, d1) -> (d0, d1)>
        func.func @main(%x: {wide}) -> {narrow} {{
          %e = tensor.empty() : {narrow}
          %r = linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
              ins(%x : {wide}) outs(%e : {narrow}) {{
          ^bb0(%a: f32, %b: bf16):
            %0 = arith.truncf %a : f32 to bf16{body}
            linalg.yield {result} : bf16
          }} -> {narrow}
          return %r : {narrow}
        }}"""
    )


def draws(kind: str) -> np.ndarray:
    """Bit patterns of a kind, as f32; (ROWS, COLUMNS)."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, (ROWS, COLUMNS), dtype=np.uint64).astype(np.uint32)
    match kind:
        case "subnormal":
            bits &= np.uint32(0x807FFFFF)
        case "tie":
            bits = (bits & np.uint32(0xFFFF0000)) | np.uint32(0x8000)
        case "largest":
            bits = (bits & np.uint32(0x80FFFFFF)) | np.uint32(0x7F000000)
        case "special":
            values = np.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7FFFFFFF, 0x7F800001, 1, 0x00800000], np.uint32)
            bits = values[bits % len(values)]
        case "zero":
            bits = np.where(
                bits % 7 == 0, bits & np.uint32(0x80000000), (bits & np.uint32(0x8FFFFFFF)) | np.uint32(1 << 28)
            )
        case _:
            pass
    return bits.view(np.float32)


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize("kind", ["any", "subnormal", "tie", "largest", "special", "zero"])
def test_all_are_rounded_to_the_nearest(kind: str, goes_on: bool) -> None:
    """As NumPy rounds them; where some of a vector's are subnormal, too."""
    x = draws(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = x.astype(ml_dtypes.bfloat16)
    got = rounding(goes_on=goes_on)(x)
    got = -got if goes_on else got
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(got.view(np.uint16)[numbers], wanted.view(np.uint16)[numbers])
    assert np.isnan(got[~numbers].astype(np.float32)).all()


def test_the_instruction_is_used_where_it_is_there() -> None:
    """And nowhere else."""
    assert ("cvtne2ps2bf16" in rounding(goes_on=False).ir("llvm")) == has_avx512_bf16()
