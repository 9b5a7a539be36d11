"""Whether programs for a machine do what they should: a few small ones, compiled and run on its simulator.

Together they use every op that an intrinsic may do, on runs and with numbers, reductions of rows and of columns, tiles
that don't end where granules do, copies of parts, and several passes over one row. Each is compared with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion.errors import PowerFusionError, UnsupportedError
from powerfusion.executable import compile_source
from powerfusion.machines.emission import CONVERSIONS, OPS, TRANSPOSE
from powerfusion.machines.table import find
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, way_of
from powerfusion.runtime.device_function import SIMULATED
from powerfusion.runtime.signature import Array

ROWS, COLUMNS = 5, 67
BLOCKS = 64
TOLERANCE = 2e-5
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.negf": np.negative,
    "math.absf": np.abs,
    "math.floor": np.floor,
    "math.ceil": np.ceil,
    "math.exp": np.exp,
    "math.exp2": np.exp2,
    "math.log": np.log,
    "math.log1p": np.log1p,
    "math.expm1": np.expm1,
    "math.sqrt": np.sqrt,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.tanh": np.tanh,
    "math.sin": np.sin,
    "math.cos": np.cos,
    "math.fma": lambda x, y: x * y + x,
}
REDUCTIONS: dict[str, tuple[str, float, Callable[..., Any]]] = {
    "add": ("arith.addf", 0.0, np.sum),
    "maximumf": ("arith.maximumf", -np.inf, np.max),
    "minimumf": ("arith.minimumf", np.inf, np.min),
}


@dataclass(frozen=True)
class Case:
    """A program and what it must give.

    Attributes:
        name: For people.
        text: MLIR.
        inputs: What it is called on.
        wanted: Its results.
    """

    name: str
    text: str
    inputs: Sequence[Array]
    wanted: Sequence[Array]


@dataclass(frozen=True)
class Verdict:
    """What came of a case.

    Attributes:
        case: Its name.
        problem: What is wrong; none where nothing is.
        copied_bytes: What copies moved.
        calls: How many calls of the machine's functions there were.
    """

    case: str
    problem: str | None
    copied_bytes: int = 0
    calls: int = 0


def support_of(path: str) -> Iterator[tuple[str, str]]:
    """Per op that an intrinsic may do, what does it on a machine: which calls, or loops over elements.

    Raises:
        MachineError: The machine's description is wrong.
    """
    emission = find(path).emit
    if emission is None:
        return
    for op, operands in OPS.items():
        if op in ("reciprocal", "fill", *CONVERSIONS):
            continue
        if op.startswith("reduce.") or op == TRANSPOSE:
            found = next(emission.intrinsics_for(op, "f32"), None)
            yield op, found.callee("f32") if found else "loops over elements"
            continue
        floats = op.startswith("math.") or op.endswith("f")
        dtype = "f32" if floats else "i32"
        said: list[str] = []
        for kinds in ([RUN] * operands, [RUN, NUMBER]) if operands == 2 else ([RUN] * operands,):
            steps = way_of(emission, op, dtype, kinds)
            text = ", ".join(step.intrinsic.callee(dtype) for step in steps) if steps else "loops over elements"
            said.append(f"{text} with a number" if NUMBER in kinds and steps else text)
        yield op, "; ".join(dict.fromkeys(said))


def check_cases(path: str) -> Iterator[Verdict]:
    """Runs all cases on a machine's simulator.

    Raises:
        MachineError: The machine's description is wrong.
        UnsupportedError: It doesn't say how programs are written.
    """
    if find(path).emit is None:
        raise UnsupportedError(
            f"'{path}' says nothing on how programs are written", help="its file needs a table [emit]"
        )
    for case in cases():
        yield _verdict(case, path)


def _verdict(case: Case, path: str) -> Verdict:
    target = f"file:{path}" if Path(path).suffix == ".toml" and not path.startswith("file:") else path
    try:
        program = compile_source(case.text, target, device=SIMULATED)
        made = program(*case.inputs)
    except PowerFusionError as error:
        return Verdict(case.name, str(error))
    results = made if isinstance(made, tuple) else (made,)
    for at, (result, wanted) in enumerate(zip(results, case.wanted, strict=True)):
        error = float(np.max(np.abs(result - wanted) / (1 + np.abs(wanted))))
        if not error <= TOLERANCE:
            return Verdict(case.name, f"result {at} is wrong by {error:.2g}: {_named(case, at)}")
    simulation = program.simulation
    assert simulation is not None
    return Verdict(case.name, None, sum(simulation.bytes.values()), sum(simulation.calls.values()))


def _named(case: Case, at: int) -> str:
    """Which op a result of the case of all elementwise ops is of."""
    return f"{[*ELEMENTWISE][at]} on runs" if case.name == "elementwise" else case.name


# -- the programs ----------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """All of them."""
    random = np.random.default_rng(0)
    x, y = (random.uniform(0.25, 2.0, (ROWS, COLUMNS)).astype(np.float32) for _ in range(2))
    row, column = y[0].copy(), y[:, 0].copy()
    yield Case("elementwise", _elementwise(), [x, y], [_called(how, x, y) for how in ELEMENTWISE.values()])
    yield Case("with a number", _with(), [x, row, column], [(x - row) * column[:, None] / column[:, None] + 3.0])
    wanted = [how(x, axis=axis) for _, _, how in REDUCTIONS.values() for axis in (1, 0)]
    yield Case("reductions", _reductions(), [x], wanted)
    exponentials = np.exp(x - x.max(1, keepdims=True))
    yield Case("softmax", _softmax(), [x], [exponentials / exponentials.sum(1, keepdims=True)])
    yield Case("transposed", _transposed(*x.shape), [x], [x.T + 1.0])
    blocks = random.uniform(0.25, 2.0, (BLOCKS, 2 * BLOCKS)).astype(np.float32)
    yield Case("transposed blocks", _transposed(*blocks.shape), [blocks], [blocks.T + 1.0])


def _called(how: Callable[..., Any], x: Array, y: Array) -> Array:
    count = getattr(how, "nin", how.__code__.co_argcount if hasattr(how, "__code__") else 1)
    return how(x, y) if count == 2 else how(x)


TILE = f"tensor<{ROWS}x{COLUMNS}xf32>"
ROW, COLUMN = f"tensor<{COLUMNS}xf32>", f"tensor<{ROWS}xf32>"
BOTH, FIRST, SECOND, TURNED = (f"affine_map<(a, b) -> ({dims})>" for dims in ("a, b", "a", "b", "b, a"))


def _generic(
    name: str, inputs: Sequence[tuple[str, str, str]], into: tuple[str, str, str], kinds: str, body: str
) -> str:
    """One `linalg.generic`: per operand its value, type and map; the body gives `%r` from `%a`, `%b`, ... and `%o`."""
    maps = ", ".join([one[2] for one in inputs] + [into[2]])
    values, types = ", ".join(one[0] for one in inputs), ", ".join(one[1] for one in inputs)
    names = ", ".join(f"%{letter}: f32" for letter in "abc"[: len(inputs)])
    iterators = ", ".join(f'"{kind}"' for kind in kinds.split())
    return f"""
  %{name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
      ins({values} : {types}) outs({into[0]} : {into[1]}) {{
  ^bb0({names}, %o: f32):
    {body}
    linalg.yield %r : f32
  }} -> {into[1]}"""


def _function(arguments: str, results: Sequence[tuple[str, str]], body: str) -> str:
    types = ", ".join(type_ for _, type_ in results)
    values = ", ".join(f"%{name}" for name, _ in results)
    return f"func.func @check({arguments}) -> ({types}) {{{body}\n  return {values} : {types}\n}}\n"


def _elementwise() -> str:
    body = f"\n  %e = tensor.empty() : {TILE}"
    x, y = ("%x", TILE, BOTH), ("%y", TILE, BOTH)
    for at, (op, how) in enumerate(ELEMENTWISE.items()):
        operands = "%a, %b, %a" if op == "math.fma" else "%a, %b" if getattr(how, "nin", 1) == 2 else "%a"
        body += _generic(f"r{at}", [x, y], ("%e", TILE, BOTH), "parallel parallel", f"%r = {op} {operands} : f32")
    results = [(f"r{at}", TILE) for at in range(len(ELEMENTWISE))]
    return _function(f"%x: {TILE}, %y: {TILE}", results, body)


def _with() -> str:
    operands = [("%x", TILE, BOTH), ("%y", ROW, SECOND), ("%z", COLUMN, FIRST)]
    lines = [
        "%k = arith.constant 3.0 : f32",
        "%1 = arith.subf %a, %b : f32",
        "%2 = arith.mulf %1, %c : f32",
        "%3 = arith.divf %2, %c : f32",
        "%r = arith.addf %3, %k : f32",
    ]
    body = f"\n  %e = tensor.empty() : {TILE}"
    body += _generic("r0", operands, ("%e", TILE, BOTH), "parallel parallel", "\n    ".join(lines))
    return _function(f"%x: {TILE}, %y: {ROW}, %z: {COLUMN}", [("r0", TILE)], body)


def _reduction(name: str, source: str, kind: str, *, rows: bool) -> str:
    op, neutral, _ = REDUCTIONS[kind]
    type_, map_ = (COLUMN, FIRST) if rows else (ROW, SECOND)
    number = {0.0: "0.0", -np.inf: "0xFF800000", np.inf: "0x7F800000"}[neutral]
    fill = f"""
  %{name}k = arith.constant {number} : f32
  %{name}e = tensor.empty() : {type_}
  %{name}f = linalg.fill ins(%{name}k : f32) outs(%{name}e : {type_}) -> {type_}"""
    kinds = "parallel reduction" if rows else "reduction parallel"
    into = (f"%{name}f", type_, map_)
    return fill + _generic(name, [(source, TILE, BOTH)], into, kinds, f"%r = {op} %a, %o : f32")


def _reductions() -> str:
    body, results = "", list[tuple[str, str]]()
    for kind in REDUCTIONS:
        for rows in (True, False):
            name = f"{kind}{int(rows)}"
            body += _reduction(name, "%x", kind, rows=rows)
            results.append((name, COLUMN if rows else ROW))
    return _function(f"%x: {TILE}", results, body)


def _softmax() -> str:
    body = f"\n  %e = tensor.empty() : {TILE}" + _reduction("m", "%x", "maximumf", rows=True)
    shifted = "%1 = arith.subf %a, %b : f32\n    %r = math.exp %1 : f32"
    x, m, into = ("%x", TILE, BOTH), ("%m", COLUMN, FIRST), ("%e", TILE, BOTH)
    body += _generic("s", [x, m], into, "parallel parallel", shifted)
    body += _reduction("t", "%s", "add", rows=True)
    s, t = ("%s", TILE, BOTH), ("%t", COLUMN, FIRST)
    body += _generic("r0", [s, t], into, "parallel parallel", "%r = arith.divf %a, %b : f32")
    return _function(f"%x: {TILE}", [("r0", TILE)], body)


def _transposed(rows: int, columns: int) -> str:
    tile, turned = f"tensor<{rows}x{columns}xf32>", f"tensor<{columns}x{rows}xf32>"
    body = f"\n  %e = tensor.empty() : {turned}"
    add = "%k = arith.constant 1.0 : f32\n    %r = arith.addf %a, %k : f32"
    body += _generic("r0", [("%x", tile, TURNED)], ("%e", turned, BOTH), "parallel parallel", add)
    return _function(f"%x: {tile}", [("r0", turned)], body)
