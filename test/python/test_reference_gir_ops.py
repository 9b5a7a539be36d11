"""GIR's own ops against NumPy: reductions, scans, contractions and views, at every level and on every dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from test_reference_ops import FLOATS, Array, floats, ints, run, signed, unsigned

from powerfusion.reference.registry import MEANINGS, source_of

KERNEL = """
func.func @f(%x: tensor<XSHAPE>, %i: tensor<ISHAPE>) -> tensor<RSHAPE> {
  %y = gir.kernel "k" (%a = %x : tensor<XSHAPE>, %b = %i : tensor<ISHAPE>) -> (tensor<RSHAPE>) {
    %0 = gir.move %a : tensor<XSHAPE, #gir.at<dram>> -> tensor<XSHAPE, #gir.at<reg>>
    %1 = gir.move %b : tensor<ISHAPE, #gir.at<dram>> -> tensor<ISHAPE, #gir.at<reg>>
    BODY
    %3 = gir.move %2 : tensor<RSHAPE, #gir.at<reg>> -> tensor<RSHAPE, #gir.at<dram>>
    gir.return %3 : tensor<RSHAPE, #gir.at<dram>>
  }
  return %y : tensor<RSHAPE>
}"""


def in_kernel(body: str, x: str, i: str, result: str, *arrays: Array) -> Array:
    """A kernel with %0 and %1 at reg that makes %2."""
    text = KERNEL.replace("BODY", body)
    for name, shape in (("XSHAPE", x), ("ISHAPE", i), ("RSHAPE", result)):
        text = text.replace(name, shape)
    return run(text, *arrays)[0]


REDUCTIONS: dict[str, tuple[Any, Sequence[str]]] = {
    "add": (np.add, ("f64", "f32", "i8", "i32", "i64")),
    "mul": (np.multiply, ("f64", "f32", "i8", "i32", "i64")),
    "maximumf": (np.maximum, ("f64", "f32", "f16", "bf16")),
    "minimumf": (np.minimum, ("f64", "f32", "f16", "bf16")),
    "maxnumf": (np.fmax, ("f64", "f32", "f16", "bf16")),
    "minnumf": (np.fmin, ("f64", "f32", "f16", "bf16")),
    "maxsi": (np.maximum, ("i8", "i16", "i32", "i64")),
    "minsi": (np.minimum, ("i8", "i16", "i32", "i64")),
    "and": (np.bitwise_and, ("i1", "i8", "i64")),
    "or": (np.bitwise_or, ("i1", "i8", "i64")),
    "xor": (np.bitwise_xor, ("i8", "i64")),
}
CASES = [(kind, dtype) for kind, (_, dtypes) in REDUCTIONS.items() for dtype in dtypes]


@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_reduce(kind: str, dtype: str) -> None:
    """Kinds fold every element into the init, along any dimension."""
    make = floats if dtype in FLOATS else ints
    x, init = make(dtype).reshape(4, 16), make(dtype, key=1)[:4]
    body = f"""%2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<{kind}>]
      : tensor<4x16x{dtype}, #gir.at<reg>> into tensor<4x{dtype}, #gir.at<reg>>"""
    got = in_kernel(body, f"4x16x{dtype}", f"4x{dtype}", f"4x{dtype}", x, init)
    with np.errstate(all="ignore"):
        want = REDUCTIONS[kind][0].reduce(np.concatenate([init[:, None], x], 1), 1).astype(x.dtype)
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=1e-4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sum_rounds_each_step(dtype: str) -> None:
    """A sum of ones is exact while the dtype has the numbers; its accumulator is of the dtype itself."""
    x, init = np.ones((1, 8), FLOATS[dtype]), np.zeros(1, FLOATS[dtype])
    body = f"""%2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<add>]
      : tensor<1x8x{dtype}, #gir.at<reg>> into tensor<1x{dtype}, #gir.at<reg>>"""
    assert float(in_kernel(body, f"1x8x{dtype}", f"1x{dtype}", f"1x{dtype}", x, init)[0]) == 8.0


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan(exclusive: bool, reverse: bool) -> None:
    """Running sums from either end, before or after each element."""
    x, init = floats("f64", key=1).reshape(4, 16), np.array([1.0, 2.0, 3.0, 4.0])
    x = np.nan_to_num(x)
    words = f"{'exclusive' if exclusive else ''} {'reverse' if reverse else ''}"
    body = f"""%2, %t = gir.scan %0 into %1 dim 1 {words} kinds [#vector.kind<add>]
      : tensor<4x16xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>"""
    got = in_kernel(body, "4x16xf64", "4xf64", "4x16xf64", x, init)
    ordered = x[:, ::-1] if reverse else x
    want = np.cumsum(ordered, 1) + init[:, None]
    want = want - ordered if exclusive else want
    np.testing.assert_allclose(got, want[:, ::-1] if reverse else want, atol=1e-12)


MAPS = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>"
PRODUCTS = [*((dtype, "") for dtype in (*FLOATS, "i8", "i1") if dtype != "f64"), ("i8", "unsigned"), ("i1", "unsigned")]


@pytest.mark.parametrize(("dtype", "sign"), PRODUCTS)
def test_contract(dtype: str, sign: str) -> None:
    """Products of widened elements, summed in the accumulator's type."""
    acc = "f32" if dtype in FLOATS else "i32"
    make = floats if dtype in FLOATS else ints
    x, y = make(dtype).reshape(4, 16), make(dtype, key=1).reshape(16, 4)
    if dtype in FLOATS:
        x, y = (np.nan_to_num(v.astype(np.float64)).astype(FLOATS[dtype]) for v in (x, y))
    body = f"""%z = arith.constant dense<{"1.0" if acc == "f32" else "1"}> : tensor<4x4x{acc}, #gir.at<reg>>
    %2 = gir.contract %0, %1 into %z maps [{MAPS}] {sign}
      : tensor<4x16x{dtype}, #gir.at<reg>>, tensor<16x4x{dtype}, #gir.at<reg>> into tensor<4x4x{acc}, #gir.at<reg>>"""
    got = in_kernel(body, f"4x16x{dtype}", f"16x4x{dtype}", f"4x4x{acc}", x, y)
    read = (lambda v: float(v)) if dtype in FLOATS else (lambda v: (unsigned if sign else signed)(v, dtype))
    wide = [np.vectorize(read, otypes=[np.float64])(v) for v in (x, y)]
    np.testing.assert_allclose(got, wide[0] @ wide[1] + 1, rtol=1e-5, atol=1e-5)


VIEWS: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "permute": ("gir.permute %0 [1, 0] : IN -> OUT", "12x8xf32", lambda x: x.T),
    "broadcast": ("gir.broadcast %0 dims [1] : IN -> OUT", "8x3x12xf32", lambda x: np.stack([x] * 3, 1)),
    "slice": ("gir.slice %0 [1, 2] [3, 4] [2, 1] : IN -> OUT", "3x4xf32", lambda x: x[1:6:2, 2:6]),
    "slice_drop": ("gir.slice %0 [1, 2] [1, 4] [1, 2] drop [0] : IN -> OUT", "4xf32", lambda x: x[1, 2:9:2]),
    "reshape": ("gir.reshape %0 : IN -> OUT", "2x4x12xf32", lambda x: x.reshape(2, 4, 12)),
    "concat": ("gir.concat %0, %0 dim 1 : (IN, IN) -> OUT", "8x24xf32", lambda x: np.concatenate([x, x], 1)),
    "window": (
        "gir.window %0 dims [0, 1] sizes [3, 2] strides [2, 1] dilations [1, 3] : IN -> OUT",
        "3x9x3x2xf32",
        lambda x: np.array(
            [[[[x[2 * i + a, j + 3 * b] for b in range(2)] for a in range(3)] for j in range(9)] for i in range(3)]
        ),
    ),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("level", ["dram", "sram", "reg"])
def test_views(view: str, level: str) -> None:
    """The same at every level."""
    text, shape, meaning = VIEWS[view]
    x = np.random.default_rng(0).standard_normal((8, 12)).astype(np.float32)
    if level == "dram":
        text = text.replace("%0", "%a")
    place = f"#gir.at<{level}>"
    text = text.replace("IN", f"tensor<8x12xf32, {place}>").replace("OUT", f"tensor<{shape}, {place}>")
    if level == "sram":
        text = text.replace("%0", "%s")
        there = "%s = gir.move %a : tensor<8x12xf32, #gir.at<dram>> -> tensor<8x12xf32, #gir.at<sram>>\n"
        back = f"%2 = gir.move %v : tensor<{shape}, {place}> -> tensor<{shape}, #gir.at<reg>>"
        body = f"{there}%v = {text}\n{back}"
    elif level == "dram":
        body = f"%v = {text}\n%2 = gir.move %v : tensor<{shape}, {place}> -> tensor<{shape}, #gir.at<reg>>"
    else:
        body = f"%2 = {text}"
    np.testing.assert_array_equal(in_kernel(body, "8x12xf32", "8x12xf32", shape, x, x), meaning(x))


def test_every_gir_op_has_a_meaning_that_says_so() -> None:
    """No op of the dialect without a function, and none without a sentence."""
    from powerfusion.dialects import _gir_ops_gen as ops

    names = {
        cls.OPERATION_NAME for cls in vars(ops).values() if isinstance(cls, type) and hasattr(cls, "OPERATION_NAME")
    }
    ends = {"gir.return", "gir.yield"}
    missing = names - ends - set(MEANINGS)
    assert not missing
    for name, known in MEANINGS.items():
        assert known.function.__doc__, name
        if name.startswith("gir."):
            assert '"""' in source_of(name)


def test_interpreter_shares_nothing_with_what_it_tests() -> None:
    """Neither passes nor ledger nor the movement interface: what it counts, it saw."""
    from pathlib import Path

    import powerfusion.reference as package

    for path in Path(package.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert "powerfusion.passes" not in text
        assert "movement(" not in text
        assert "ledger_of" not in text
