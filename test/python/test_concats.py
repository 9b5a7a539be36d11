"""What is read of tensors side by side is read of these tensors, whatever reads it and wherever they end.

Programs are drawn: parts that are arguments, pieces of them, turned, computed or constant, put together along any
dimension and again, and readers that take all, pieces, neighbourhoods, sums or computed places. Each is interpreted as
it comes, simplified, placed and tiled: results are NumPy's to the bit, bytes never rise, static ones are the executed
ones.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from programs.check import FULL
from test_ledger_interpreter import check

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.dialects import gir
from powerfusion.executable import Executable, compile_for, compile_phases
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import kernel_reports
from powerfusion.passes.analysis.ledger_names import over
from powerfusion.passes.placement.place import place
from powerfusion.phases import run_phase
from powerfusion.pipelines import CPU, IMPORT, PLACE, RAISE, SIMPLIFY, TILE, Phase, phases_for
from powerfusion.reference import interpret
from powerfusion.symbolic import total
from workloads.writer import Body, Scalar, Value, Writer

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MACHINES = ("sm_90", "gfx942", "mlu372", "cpu")
Array = np.ndarray


@dataclass
class Drawing:
    """A program that is being drawn, and what it computes.

    Attributes:
        rng: Draws numbers.
        writer: The program.
        inputs: What is passed: small integers, so that every sum is exact.
        results: What it returns, and what that is.
    """

    rng: np.random.Generator
    writer: Writer = field(default_factory=Writer)
    inputs: list[Array] = field(default_factory=list)
    results: list[tuple[Value, Array]] = field(default_factory=list)

    def below(self, count: int) -> int:
        """A number from 0 on."""
        return int(self.rng.integers(count))

    @property
    def text(self) -> str:
        """The program."""
        return self.writer.text(*(value for value, _ in self.results))

    def check(self, found: Any) -> None:
        """What was found is what should be."""
        every = found if isinstance(found, (tuple, list)) else (found,)
        for number, (result, (_, expected)) in enumerate(zip(every, self.results, strict=True)):
            np.testing.assert_array_equal(np.asarray(result), expected, f"result {number} of\n{self.text}")

    def argument(self, shape: tuple[int, ...]) -> tuple[Value, Array]:
        """An argument of the program."""
        numbers = np.random.default_rng(len(self.inputs)).integers(-4, 5, shape).astype(np.float32)
        self.inputs.append(numbers)
        return self.writer.argument(shape, "f32"), numbers

    def part(self, shape: tuple[int, ...]) -> tuple[Value, Array]:
        """One of the tensors that are put together."""
        w = self.writer
        match self.below(6):
            case 0:
                number = float(self.below(2))
                return w.filled(shape, "f32", number), np.full(shape, number, np.float32)
            case 1:
                value, array = self.argument(shape[::-1])
                return w.transposed(value, [1, 0]), array.T
            case 2:
                value, array = self.argument((shape[0] + 2, shape[1] + 1))
                return w.sliced(value, [1, 0], shape), array[1 : 1 + shape[0], : shape[1]]
            case 3:
                value, array = self.argument(shape)
                return w.binary("mulf", value, value), array * array
            case _:
                return self.argument(shape)

    def joined(self) -> tuple[Value, Array]:
        """Parts side by side, and perhaps another beside them."""
        dim, other = self.below(2), 1 + self.below(5)
        sizes = [1 + self.below(9) for _ in range(1 + self.below(4))]
        parts = [self.part((size, other) if dim == 0 else (other, size)) for size in sizes]
        if self.below(4) == 0:
            parts.append(parts[0])
        value = self.writer.concatenated(dim, *(value for value, _ in parts))
        array = np.concatenate([array for _, array in parts], dim)
        if self.below(3) == 0:
            more = self.part((1 + self.below(3), array.shape[1]))
            value = self.writer.concatenated(0, more[0], value)
            array = np.concatenate([more[1], array], 0)
        return value, array

    def read(self, value: Value, array: Array) -> None:
        """A reader of what was put together."""
        w, rows, columns = self.writer, *array.shape
        match self.below(7):
            case 0:
                self.results.append((w.pointwise(_squared, value), array * array + 1))
            case 1:
                sizes = (1 + self.below(rows), 1 + self.below(columns))
                begins = tuple(self.below(n - size + 1) for n, size in zip(array.shape, sizes, strict=True))
                cut = tuple(slice(begin, begin + size) for begin, size in zip(begins, sizes, strict=True))
                self.results.append((w.sliced(value, begins, sizes), array[cut]))
            case 2:
                turned = w.transposed(value, [1, 0])
                self.results.append((w.pointwise(_squared, turned), array.T * array.T + 1))
            case 3:
                dim = self.below(2)
                self.results.append((w.total(value, [dim], keep=False), array.sum(dim)))
            case 4:
                self.results.append((value, array))
            case _:
                self.results.append(self._windows(value, array))

    def _windows(self, value: Value, array: Array) -> tuple[Value, Array]:
        """Sums over neighbourhoods, of the elements or of what is computed of each."""
        w, dim = self.writer, self.below(2)
        size, step = 1 + self.below(min(array.shape[dim], 4)), 1 + self.below(2)
        shape = [*array.shape, size]
        shape[dim] = (array.shape[dim] - size) // step + 1
        maps = ["d0", "d1"]
        maps[dim] = f"d{dim} * {step} + d2"
        computed = self.below(2)
        taken = w.mapped(_squared if computed else _same, shape, [(value, ", ".join(maps))], "f32")
        windows = np.lib.stride_tricks.sliding_window_view(array, size, dim)
        windows = windows[::step] if dim == 0 else windows[:, ::step]
        return w.total(taken, [2], keep=False), (windows * windows + 1 if computed else windows).sum(2)


def _squared(b: Body, x: Scalar) -> Scalar:
    return b("addf", b("mulf", x, x), b.number(1.0))


def _same(_: Body, x: Scalar) -> Scalar:
    return x


def simplify(longest: int) -> Phase:
    """The phase in which concatenations of more than some elements are turned."""
    return SIMPLIFY.with_option("longest", str(longest))


def check_module(module: ir.Module, drawing: Drawing, machine: str) -> None:
    """A form of a program means what it means, and moves what the ledger says."""
    check(module, drawing.inputs, find(machine))
    drawing.check(interpret(module, drawing.inputs).results)


def check_named(module: ir.Module) -> None:
    """Each dimension of a nest is one of a move's, or tiling has no loop for it."""
    for function in functions(module.operation):
        for kernel in operations(entry_block(function)):
            nest = gir.nest_dims(gir.NestAttr(kernel.attributes["nest"])) if "nest" in kernel.attributes else []
            named = {name for op in operations(entry_block(kernel)) for name in over(op)} if nest else set()
            assert {dim.name for dim in nest} <= named


def check_monotone(executable: Executable) -> None:
    """Neither bytes nor launches rise."""
    before, after = (kernel_reports(executable.module(phase), {}) for phase in ("raise", "simplify"))
    assert len(after) <= len(before)
    for side in ("reads", "writes"):
        sums = [total(getattr(kernel, side).get("dram", 0) for kernel in kernels) for kernels in (before, after)]
        assert sums[1] <= sums[0], f"{side} rose from {sums[0]} to {sums[1]}"


def drawn(number: int, readers: int) -> Drawing:
    """The program of a number of the day."""
    drawing = Drawing(np.random.default_rng((SEED, number)))
    value, array = drawing.joined()
    for _ in range(readers):
        drawing.read(value, array)
    return drawing


@pytest.mark.parametrize("number", range(400 if FULL else 40))
def test_drawn(number: int) -> None:
    """However parts and readers are drawn, what the program means is what its kernels do, in every form."""
    drawing = drawn(number, 1 + number % 3)
    machine = MACHINES[number % len(MACHINES)]
    executable = compile_phases(drawing.text, (IMPORT, RAISE, simplify((1, 4, 256)[drawing.below(3)])), "cpu")
    check_monotone(executable)
    module = executable.module("simplify")
    check_module(module, drawing, machine)
    with module.context:
        (function,) = functions(module.operation)
        place(function.regions[0].blocks[0], find(machine), 4096)
        assert module.operation.verify()
        check_named(module)
    check_module(module, drawing, machine)
    (tile,) = (phase for phase in phases_for(machine) if phase.name == TILE.name)
    run_phase(module, tile)
    check_module(module, drawing, machine)


@pytest.mark.parametrize("number", range(3))
def test_compiled(number: int) -> None:
    """Some of them on this machine."""
    drawing = drawn(number, 3)
    phases = [simplify(1) if phase is SIMPLIFY else phase for phase in CPU]
    drawing.check(compile_phases(drawing.text, phases, "cpu")(*drawing.inputs))


def test_a_piece_from_the_first_element_on() -> None:
    """A kernel that joins another and takes of its result what comes first takes no more."""
    w = Writer()
    x, y = w.argument((6, 5), "f32"), w.argument((6, 4), "f32")
    text = w.text(w.binary("mulf", w.sliced(w.binary("mulf", x, x), [0, 0], (6, 4)), y))
    phases = [phase.with_option("machine", "sm_90") for phase in (IMPORT, RAISE, SIMPLIFY, PLACE)]
    module = compile_phases(text, phases, "cpu").module("place")
    inputs = [np.arange(30, dtype=np.float32).reshape(6, 5), np.ones((6, 4), np.float32)]
    (found,) = interpret(module, inputs).results
    np.testing.assert_array_equal(found, (inputs[0] ** 2)[:, :4])


@pytest.mark.parametrize("machine", ["sm_90", "mlu372"])
def test_sums_along_what_is_joined_are_not_swept(machine: str) -> None:
    """No tensor is as long as what is summed: no move would name a sweep, and tiling would take all of it at once."""
    w = Writer()
    rows = w.concatenated(0, *(w.argument((size, 5), "f32") for size in (3, 6, 5)))
    text = w.text(w.total(rows, [0], keep=False))
    found = compile_phases(text, (IMPORT, RAISE, simplify(4)), "cpu").module("simplify")
    with found.context:
        (function,) = functions(found.operation)
        place(function.regions[0].blocks[0], find(machine), 4096)
        check_named(found)


def test_a_row_and_its_neighbourhoods_are_not_equally_long() -> None:
    """The sum of a row and sums of its neighbourhoods: one nest over the latter would leave the row's end out."""
    w = Writer()
    x = w.argument((7, 11), "f32")
    taken = w.mapped(_same, (7, 9, 3), [(x, "d0, d1 + d2")], "f32")
    text = w.text(w.total(x, [1], keep=False), w.total(taken, [2], keep=False))
    numbers = np.arange(77, dtype=np.float32).reshape(7, 11)
    for name in MACHINES:
        phases = [phase.with_option("machine", name) for phase in (IMPORT, RAISE, SIMPLIFY, PLACE)]
        row, _ = interpret(compile_phases(text, phases, "cpu").module("place"), [numbers]).results
        np.testing.assert_array_equal(row, numbers.sum(1))


def simplified(text: str) -> str:
    """A program after simplify, as text."""
    return str(compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify"))


def test_what_is_looked_up_stays_together() -> None:
    """A place that is computed may be in any part: the tensors are put together, for all readers."""
    w = Writer()
    x, y, at = w.argument((300,), "f32"), w.argument((40,), "f32"), w.argument((7,), "i64")
    joined = w.concatenated(0, x, y)
    picked = w.mapped(lambda b, i: b.extract(joined, i), (7,), [(at, "d0")], "f32")
    text = simplified(w.text(picked, w.pointwise(_squared, joined)))
    assert 'gir.kernel "concat' in text


def test_what_is_returned_too_is_put_together_first() -> None:
    """A kernel that loads what the function returns as well can join what makes it: that stores one tensor."""
    w = Writer()
    joined = w.concatenated(0, w.argument((300,), "f32"), w.argument((40,), "f32"))
    around = w.padded(joined, [1], [1], 0.0)
    sums = w.total(w.mapped(_same, (340, 3), [(around, "d0 + d1")], "f32"), [1], keep=False)
    text = w.text(joined, sums)
    found = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with found.context:
        (function,) = functions(found.operation)
        answer = place(function.regions[0].blocks[0], find("sm_90"), 4096)
    assert len(answer.choices) == 1, simplified(text)


def test_neighbourhoods_of_two_kinds_stay_where_they_are() -> None:
    """What is computed of two elements of different neighbourhoods isn't computed of one element before."""
    w = Writer()
    x = w.argument((34,), "f32")
    both = w.mapped(lambda b, p, q: b("mulf", p, q), (16, 3), [(x, "d0 + d1"), (x, "d0 * 2 + d1")], "f32")
    text = simplified(w.text(w.total(both, [1], keep=False)))
    assert text.index("gir.window") < text.index("arith.mulf")


@pytest.mark.parametrize("machine", ["sm_90", "mlu372"])
def test_a_border_around_a_concatenation_that_is_whole_in_each_step(machine: str) -> None:
    """The window of the border sticks out of the concatenation, which isn't cut there; both are stored."""
    text = """
    func.func @main(%x: tensor<3xf32>, %o: tensor<6x3xf32>) -> (tensor<7xf32>, tensor<6x3xf32>) {
      %c = arith.constant 0.5 : f32
      %v = tensor.concat dim(0) %x, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
      %p = tensor.pad %v low[0] high[1] {
      ^bb0(%i: index):
        tensor.yield %c : f32
      } : tensor<6xf32> to tensor<7xf32>
      %s = linalg.broadcast ins(%v : tensor<6xf32>) outs(%o : tensor<6x3xf32>) dimensions = [1]
      return %p, %s : tensor<7xf32>, tensor<6x3xf32>
    }
    """
    x, o = np.arange(3, dtype=np.float32), np.zeros((6, 3), np.float32)
    tiled = compile_for(text, machine, until="tile").module("tile")
    padded, spread = interpret(tiled, [x, o]).results
    np.testing.assert_array_equal(padded, [0, 1, 2, 0, 1, 2, 0.5])
    np.testing.assert_array_equal(spread, np.repeat(np.tile(x, 2)[:, None], 3, 1))
