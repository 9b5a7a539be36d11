"""The least that a program must move from and to DRAM, whatever a compiler does.

Each element of a live-in that is touched must come in once, each element of a live-out must go
out once. Where a full reduction over T must have ended before T is used again, what of T doesn't
fit on chip comes in twice: + max(0, |T| - on-chip capacity).

    live-in [x] ---touched---> ... ---> [y] live-out         |touched x| + |y|
    max(T) feeds T - max(T):   T on chip: once; else the rest again

A matrix product of live-ins that is a live-out moves no less than its pebbling bound says
(`least_bytes_contractions`). A library operator cuts the program: what it takes and gives moves once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    constant_of,
    defining_op,
    entry_block,
    functions,
    integers,
    is_tensor,
    operations,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.demand import Demands
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.least_bytes_contractions import products_of
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Count, product, total

VIEWS = ("tensor.cast", "tensor.expand_shape", "tensor.collapse_shape")
PARTIAL = ("gir.slice", "gir.gather", "gir.insert")  # not all of what they read need be in what they give


def least_dram_bytes(module: ir.Module, given: Mapping[int, tuple[int, ...] | int], on_chip_bytes: int) -> Count:
    """The least bytes from and to DRAM of a program in graph form."""
    return total(_Least(function, Extents(given), on_chip_bytes).bytes() for function in functions(module.operation))


def least_of_kernel(kernel: ir.Operation, extents: Extents) -> Count:
    """The least bytes from and to DRAM of a kernel alone: what it touches of its inputs, and its results, once."""
    demands = Demands(extents)
    demands.of_kernel(kernel)
    inputs = dict.fromkeys(filter(is_tensor, segments(kernel)[0]))
    incoming = total(demands.of(value).elements(extents.shape(value)) * element_bytes(value) for value in inputs)
    return incoming + total(_volume(result, extents) for result in kernel.results if is_tensor(result))


@dataclass
class _Least:
    function: ir.Operation
    extents: Extents
    on_chip_bytes: int

    def bytes(self) -> Count:
        """All terms together."""
        block = entry_block(self.function)
        ops = list(_flattened(block))
        self.kernels = [op for op in ops if op.name == "gir.kernel"]
        externs = [op for op in ops if op.name == "gir.extern"]
        returned = {_root(value) for value in operations(block)[-1].operands if is_tensor(value)}
        taken = {_root(value) for op in externs for value in segments(op)[0] if is_tensor(value)}
        outgoing = total(self.volume(value) for value in returned | taken if _is_from_kernel(value))
        own = total(self.volume(value) for op in externs for value in {*_tensors(op), *op.results})
        once = self._incoming() + outgoing + self._reloads()
        return self._at_least(once, self._pebbling()) + own

    def _incoming(self) -> Count:
        """What of live-ins is needed, by kernels."""
        demands = Demands(self.extents)
        demands.of_function(self.function, lambda value: _is_from_kernel(_root(value)))
        live_in = [value for value in demands.by_value if _is_live_in(value)]
        return total(demands.of(value).elements(self.extents.shape(value)) * element_bytes(value) for value in live_in)

    def _at_least(self, count: Count, bound: int) -> Count:
        """The larger of a count and a bound; of what is open, the count."""
        return max(count, bound) if isinstance(count, int) else count

    def _pebbling(self) -> int:
        """The largest pebbling bound of a contraction from live-ins to a live-out."""
        most = 0
        for kernel in self.kernels:
            fresh = all(_is_live_in(_root(value)) for value in segments(kernel)[0] if is_tensor(value))
            given = all(_is_returned(result) for result in kernel.results)
            if fresh and given:
                products = products_of(kernel, self.extents)
                most = max([most, *(product.least_bytes(self.on_chip_bytes) for product in products)])
        return most

    def volume(self, value: ir.Value) -> Count:
        """The bytes of all of a tensor."""
        return _volume(value, self.extents)

    # -- what must come in twice -------------------------------------------------------------

    def _reloads(self) -> Count:
        """What of a tensor must be read again because a full reduction over it feeds its use."""
        again: dict[ir.Value, Count] = {}
        for kernel in self.kernels:
            for op in operations(entry_block(kernel)):
                if op.name == "gir.reduce" and len(integers(op.attributes["dims"])) == segments(op)[0][0].type.rank:
                    for root in self._used_after(op):
                        again[root] = self._excess(root)
        return total(again.values())

    def _excess(self, value: ir.Value) -> Count:
        volume = self.volume(value)
        return max(0, volume - self.on_chip_bytes) if isinstance(volume, int) else 0

    def _used_after(self, reduce: ir.Operation) -> set[ir.Value]:
        """Live-ins under a full reduction that are combined with what depends on it."""
        under = self._live_ins(segments(reduce)[0])
        late: set[ir.Value] = set()
        found: set[ir.Value] = set()
        for kernel in self.kernels:
            inputs = segments(kernel)[0]
            for argument, value in zip(entry_block(kernel).arguments, inputs, strict=True):
                if _root(value) in late or value in late:
                    late.add(argument)
            for op in operations(entry_block(kernel)):
                if op == reduce:
                    late.update(op.results)
                    continue
                if not any(operand in late for operand in op.operands):
                    continue
                late.update(op.results)
                fresh = [operand for operand in op.operands if operand not in late and is_tensor(operand)]
                found |= self._live_ins(fresh) & under
            returned = operations(entry_block(kernel))[-1].operands
            late.update(result for result, value in zip(kernel.results, returned, strict=True) if value in late)
        return found

    def _live_ins(self, values: list[ir.Value]) -> set[ir.Value]:
        """The live-ins that some values are computed from as a whole, through kernels."""
        found: set[ir.Value] = set()
        seen: set[ir.Value] = set()
        stack = list(values)
        while stack:
            value = stack.pop()
            if value in seen or not is_tensor(value):
                continue
            seen.add(value)
            op = defining_op(value)
            if op is None and (outer := self._outside(value)) is not None:
                stack.append(outer)
            elif op is None or op.name == "arith.constant":
                found.add(value)
            elif op.name == "gir.kernel":
                stack.append(operations(entry_block(op))[-1].operands[ir.OpResult(value).result_number])
            elif op.name not in PARTIAL:
                stack.extend(op.operands)
        return {value for value in found if _is_live_in(value)}

    def _outside(self, argument: ir.Value) -> ir.Value | None:
        for kernel in self.kernels:
            arguments = list(entry_block(kernel).arguments)
            if argument in arguments:
                return segments(kernel)[0][arguments.index(argument)]
        return None


def _root(value: ir.Value, through: Sequence[str] = VIEWS) -> ir.Value:
    """The tensor that a view of the function shows."""
    op = defining_op(value)
    while op is not None and op.name in through:
        value = op.operands[0]
        op = defining_op(value)
    return value


def _flattened(block: ir.Block) -> Iterator[ir.Operation]:
    """The ops of a block; of alternatives the first."""
    for op in operations(block):
        if op.name == "gir.alternatives":
            yield from _flattened(entry_block(op))
        else:
            yield op


def _tensors(op: ir.Operation) -> list[ir.Value]:
    """The tensors that a library operator takes."""
    return [value for value in segments(op)[0] if is_tensor(value)]


def _is_returned(value: ir.Value) -> bool:
    """True for what the function returns."""
    return any(use.owner.operation.name == "func.return" for use in value.uses)


def _is_live_in(value: ir.Value) -> bool:
    """True for an argument, for a constant that isn't the same everywhere, and for what a library gives."""
    op = defining_op(value)
    if op is not None and op.name == "gir.extern":
        return True
    if op is None:
        return value.owner.owner.operation.name == "func.func"
    constant = constant_of(value)
    return constant is not None and not (isinstance(constant, ir.DenseElementsAttr) and constant.is_splat)


def _is_from_kernel(value: ir.Value) -> bool:
    """True for what a kernel stores: constants are copied, and what nobody wrote isn't."""
    op = defining_op(value)
    return op is not None and op.name == "gir.kernel"


def _volume(value: ir.Value, extents: Extents) -> Count:
    """The bytes of all of a tensor of the function."""
    return product([*extents.shape(value), element_bytes(value)])
