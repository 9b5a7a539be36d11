"""What a window of a result needs of the operands, against what NumPy says it reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from powerfusion.dialects import gir
from powerfusion.mlir import ir

Positions = NDArray[np.int64]

OUTSIDE = -1
"""What a position holds that is no element of the operand."""


def first_op(text: str, name: str) -> ir.Operation:
    """The first op of that name in a function's text."""
    module = ir.Module.parse(text)
    alive.append(module)
    for op in module.body.operations[0].regions[0].blocks[0].operations:
        if op.operation.name == name:
            return op.operation
    raise AssertionError(f"no {name}")


alive: list[ir.Module] = []
"""The modules of a test: an op doesn't keep its own."""


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    with ir.Context(), ir.Location.unknown():
        yield
    alive.clear()


def tensor(*sizes: int, element: str = "f32", at: str = "reg") -> str:
    """The text of a tensor type."""
    return f"tensor<{'x'.join([*map(str, sizes), element])}, #gir.at<{at}>>"


def unary(op: str, source: tuple[int, ...], result: tuple[int, ...]) -> ir.Operation:
    """An op of one tensor: `op` with `%x` and `%v` in scope."""
    x, y = tensor(*source), tensor(*result)
    return first_op(f"func.func @f(%x: {x}, %v: f32) {{ %0 = {op} : {x} -> {y}\n return }}", op.split()[0])


def numbered(*shape: int) -> Positions:
    """A tensor whose elements are their own row-major positions."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


def windowed(x: Positions) -> Positions:
    """Windows of 3 along dimension 1, in steps of 2, elements 2 apart."""
    starts = range(0, x.shape[1] - 4, 2)
    return np.stack([x[:, start : start + 5 : 2] for start in starts], axis=1)


VIEWS: dict[str, tuple[str, tuple[int, ...], Callable[[Positions], Positions]]] = {
    "broadcast": ("gir.broadcast %x dims [0, 2]", (4, 6), lambda x: np.broadcast_to(x[None, :, None], (3, 4, 2, 6))),
    "permute": ("gir.permute %x [2, 0, 1]", (2, 3, 4), lambda x: x.transpose(2, 0, 1)),
    "slice": ("gir.slice %x [1, 2, 1] [1, 2, 3] [1, 1, 2] drop [0]", (3, 4, 7), lambda x: x[1, 2:4, 1:6:2]),
    "window": ("gir.window %x dims [1] sizes [3] strides [2] dilations [2]", (2, 9), windowed),
    "pad": (
        "gir.pad %x low [1, 0] high [2, 3] value %v",
        (3, 4),
        lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=OUTSIDE),
    ),
    "reshape in groups": ("gir.reshape %x", (2, 3, 4, 5), lambda x: x.reshape(6, 1, 2, 10)),
    "reshape to units": ("gir.reshape %x", (4, 1, 6), lambda x: x.reshape(1, 4, 6, 1)),
}


def windows_of(shape: tuple[int, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """All windows of a small shape."""
    per_dim = [[(o, s) for o in range(n) for s in range(1, n - o + 1)] for n in shape]
    for picked in itertools.product(*per_dim):
        yield [o for o, _ in picked], [s for _, s in picked]


def box(offsets: list[int], sizes: list[int]) -> tuple[slice, ...]:
    """The NumPy index of a window."""
    return tuple(slice(o, o + s) for o, s in zip(offsets, sizes, strict=True))


@pytest.mark.parametrize("name", VIEWS)
def test_view_windows_are_the_least_boxes_that_hold_what_is_read(name: str) -> None:
    op_text, shape, meaning = VIEWS[name]
    source = numbered(*shape)
    result = meaning(source)
    op = unary(op_text, shape, result.shape)
    for offsets, sizes in windows_of(result.shape):
        read = {int(p) for p in result[box(offsets, sizes)].flat if p != OUTSIDE}
        window, *_ = gir.operand_windows(op, offsets, sizes) or (None,)
        assert window is not None
        if not read:
            assert 0 in window.sizes
            continue
        places = np.array(np.unravel_index(sorted(read), shape))
        first, last = places.min(axis=1), places.max(axis=1)
        assert list(window.offsets) == first.tolist(), (offsets, sizes)
        assert list(window.sizes) == (last - first + 1).tolist(), (offsets, sizes)


def test_a_reshape_out_of_step_asks_for_no_less_than_is_read() -> None:
    source = numbered(4, 6)
    result = source.reshape(3, 8)
    op = unary("gir.reshape %x", (4, 6), (3, 8))
    for offsets, sizes in windows_of((3, 8)):
        window, *_ = gir.operand_windows(op, offsets, sizes) or (None,)
        assert window is not None
        asked = source[box([o or 0 for o in window.offsets], [s or 0 for s in window.sizes])]
        assert set(result[box(offsets, sizes)].flat) <= set(asked.flat)
    rows, *_ = gir.operand_windows(op, [0, 0], [1, 6]) or (None,)
    assert rows is not None
    assert rows.sizes == (1, 6)


def test_pad_says_how_much_of_the_window_is_border() -> None:
    op = unary("gir.pad %x low [2] high [3] value %v", (4,), (9,))
    for offsets, sizes in windows_of((9,)):
        window, value = gir.operand_windows(op, offsets, sizes) or (None, None)
        assert window is not None
        assert value is None
        inside = [p for p in range(offsets[0], offsets[0] + sizes[0]) if 2 <= p < 6]
        before = [p for p in range(offsets[0], offsets[0] + sizes[0]) if p < 2]
        assert window.before == (len(before),)
        assert window.sizes == (len(inside),)
        assert window.behind == (sizes[0] - len(before) - len(inside),)


def test_concat_asks_each_operand_for_its_part() -> None:
    a, b = tensor(2, 3), tensor(4, 3)
    op = first_op(
        f"func.func @f(%a: {a}, %b: {b}) {{ %0 = gir.concat %a, %b dim 0 : ({a}, {b}) -> {tensor(6, 3)}\n return }}",
        "gir.concat",
    )
    for (row, column), (rows, columns) in windows_of((6, 3)):
        first, second = gir.operand_windows(op, [row, column], [rows, columns]) or (None, None)
        assert first is not None
        assert second is not None
        of_first = [r for r in range(row, row + rows) if r < 2]
        of_second = [r - 2 for r in range(row, row + rows) if r >= 2]
        for window, read in ((first, of_first), (second, of_second)):
            assert window.sizes == (len(read), columns)
            assert not read or window.offsets == (read[0], column)


X, M = tensor(4, 8), tensor(4)


@pytest.mark.parametrize(
    ("text", "result", "window", "expected"),
    [
        pytest.param(
            f"gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] : {X} into {M}",
            0,
            ([1], [2]),
            [((1, 0), (2, 8)), ((1,), (2,))],
            id="reduced dimensions are read whole",
        ),
        pytest.param(
            f"gir.reduce %x, %p into %m, %q dims [1] kinds [#vector.kind<add>, #vector.kind<add>]"
            f" : {X}, {tensor(4, 8, 5)} into {M}, {tensor(4, 5)}",
            1,
            ([3, 2], [1, 1]),
            [((3, 0), (1, 8)), ((3, 0, 0), (1, 8, 5)), ((3,), (1,)), ((3, 0), (1, 5))],
            id="payload is read whole",
        ),
        pytest.param(
            f"gir.scan %x into %m dim 1 kinds [#vector.kind<add>] : {X} into {M}",
            0,
            ([1, 4], [2, 2]),
            [((1, 0), (2, 8)), ((1,), (2,))],
            id="scanned dimensions are read whole",
        ),
        pytest.param(
            f"gir.contract %x, %w into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,"
            f" affine_map<(m, n, k) -> (n, m)>] : {X}, {tensor(8, 6)} into {tensor(6, 4)}",
            0,
            ([2, 1], [3, 2]),
            [((1, 0), (2, 8)), ((0, 2), (8, 3)), ((2, 1), (3, 2))],
            id="contracted dimensions are read whole",
        ),
        pytest.param(
            f"gir.gather %t[%i] : {tensor(9, at='dram')}[{tensor(4, element='index')}] -> {M}",
            0,
            ([1], [2]),
            [((0,), (9,)), ((1,), (2,))],
            id="a table may be read anywhere",
        ),
        pytest.param(f"arith.addf %m, %m : {M}", 0, ([1], [2]), [((1,), (2,)), ((1,), (2,))], id="elementwise"),
        pytest.param(
            f"gir.iota dim 0 offset(%n) : {tensor(4, element='index')}", 0, ([1], [2]), [None], id="no operand"
        ),
    ],
)
def test_computation_windows(
    text: str,
    result: int,
    window: tuple[list[int], list[int]],
    expected: list[tuple[tuple[int, ...], tuple[int, ...]] | None],
) -> None:
    head = (
        f"%x: {X}, %m: {M}, %p: {tensor(4, 8, 5)}, %q: {tensor(4, 5)}, %w: {tensor(8, 6)}, %c: {tensor(6, 4)}, "
        f"%t: {tensor(9, at='dram')}, %i: {tensor(4, element='index')}, %n: index"
    )
    number = text.count("#vector.kind") * (2 if "scan" in text else 1) or 1
    op = first_op(f"func.func @f({head}) {{ %0:{number} = {text}\n return }}", text.split()[0])
    windows = gir.operand_windows(op, *window, result=result)
    assert windows is not None
    assert [w and (w.offsets, w.sizes) for w in windows] == expected


def test_amounts_that_only_the_program_knows_are_none() -> None:
    x = "tensor<?x8xf32, #gir.at<reg>>"
    op = first_op(
        f"func.func @f(%x: {x}, %m: {tensor(8)}) {{"
        f" %0 = gir.reduce %x into %m dims [0] kinds [#vector.kind<add>] : {x} into {tensor(8)}\n return }}",
        "gir.reduce",
    )
    window, init = gir.operand_windows(op, [None], [2]) or (None, None)
    assert window is not None
    assert init is not None
    assert window.offsets == (0, None)
    assert window.sizes == (None, 2)
    assert init.sizes == (2,)


def test_dynamic_sizes_that_pair_off_keep_their_windows() -> None:
    x, y = "tensor<?x6xf32, #gir.at<reg>>", "tensor<?x2x3xf32, #gir.at<reg>>"
    op = first_op(
        f"func.func @f(%x: {x}, %n: index) {{ %0 = gir.reshape %x sizes(%n) : {x} -> {y}\n return }}", "gir.reshape"
    )
    window, _ = gir.operand_windows(op, [5, 1, 0], [2, 1, 3]) or (None, None)
    assert window is not None
    assert window.offsets == (5, 3)
    assert window.sizes == (2, 3)


def test_ops_that_say_nothing_give_none() -> None:
    op = first_op(f"func.func @f(%v: f32) {{ %0 = tensor.splat %v : {M}\n return }}", "tensor.splat")
    assert gir.operand_windows(op, [0], [1]) is None
    assert gir.computation(op) is None


def test_a_window_of_another_rank_is_refused() -> None:
    op = unary("gir.permute %x [1, 0]", (2, 3), (3, 2))
    with pytest.raises(ValueError, match="expected 2 offsets and sizes, got 1 and 2"):
        gir.operand_windows(op, [0], [1, 1])
    with pytest.raises(ValueError, match="expected the number of a result"):
        gir.operand_windows(op, [0, 0], [1, 1], result=1)


def test_computation_says_how_dimensions_are_gone_over() -> None:
    op = first_op(
        f"func.func @f(%x: {X}, %m: {M}) {{"
        f" %0:2 = gir.scan %x into %m dim 1 kinds [#vector.kind<add>] : {X} into {M}\n return }}",
        "gir.scan",
    )
    said = gir.computation(op)
    assert said is not None
    assert said.iterators == ("parallel", "scan")
    assert said.operand_dims == ((0, 1), (0,))
    assert said.result_dims == ((0, 1), (0,))
    assert said.algebra == "commutative"
    assert [str(value) for value in said.neutral] == ["-0.000000e+00 : f32"]


@pytest.mark.parametrize(
    ("kind", "element", "neutral"),
    [
        ("add", "i8", "0 : i8"),
        ("mul", "f16", "1.000000e+00 : f16"),
        ("minsi", "i8", "127 : i8"),
        ("maxsi", "i8", "-128 : i8"),
        ("minui", "i8", "-1 : i8"),
        ("maxui", "i8", "0 : i8"),
        ("and", "i8", "-1 : i8"),
        ("or", "i8", "0 : i8"),
        ("xor", "index", "0 : index"),
        ("minimumf", "f32", "0x7F800000 : f32"),
        ("maximumf", "f32", "0xFF800000 : f32"),
        ("maximumf", "f8E4M3FN", "-4.480000e+02 : f8E4M3FN"),
        ("minnumf", "f32", "0x7FC00000 : f32"),
        ("maxnumf", "f32", "0x7FC00000 : f32"),
    ],
)
def test_neutral_elements(kind: str, element: str, neutral: str) -> None:
    x, m = tensor(4, 8, element=element), tensor(4, element=element)
    op = first_op(
        f"func.func @f(%x: {x}, %m: {m}) {{"
        f" %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<{kind}>] : {x} into {m}\n return }}",
        "gir.reduce",
    )
    said = gir.computation(op)
    assert said is not None
    assert [str(value) for value in said.neutral] == [neutral]


def test_declared_algebra_is_what_a_combiner_says() -> None:
    op = first_op(
        f"""func.func @f(%x: {X}, %m: {M}) {{
          %0 = gir.reduce %x into %m dims [1] combiner <associative> identity [1.0 : f32] {{
          ^bb0(%element: f32, %accumulator: f32):
            gir.yield %accumulator : f32
          }} : {X} into {M}
          return
        }}""",
        "gir.reduce",
    )
    said = gir.computation(op)
    assert said is not None
    assert said.algebra == "associative"
    assert [str(value) for value in said.neutral] == ["1.000000e+00 : f32"]
