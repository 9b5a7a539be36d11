"""`linalg.generic` as a naive kernel: maps become movement, the body becomes computation.

    ins(%x: (d0, d1) -> (d0, d1)) outs(%y: (d0, d1) -> (d0)) { y += exp(x) }
  ⇒ %0 = gir.move %x          %i = gir.move %y
    %1 = math.exp %0          %2 = gir.reduce %1 into %i dims [1] kinds [add]
    gir.return (gir.move %2)

A result whose map lacks a dimension folds along it: see `contractions`, `reductions` and, where a
result that doesn't fold reads a running value, `scans`. How operands are brought: `operands`.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, element_of, has_uses, i32_array, i64_array, split_mixed
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising import contractions, reductions, scans
from powerfusion.passes.raising.accesses import Access, Linear
from powerfusion.passes.raising.bodies import Body, Lifted, depends_on, permute
from powerfusion.passes.raising.kernels import KernelBuilder, Size, load, refine, size_of, store
from powerfusion.passes.raising.operands import Box, box_of, bring, gather
from powerfusion.passes.raising.reading import Reading


def raise_generic(op: ir.Operation, name: str) -> None:
    """Makes a kernel before a `linalg.generic` and replaces the results that are used."""
    reading = Reading(op)
    for k in reading.wanted:
        _check_output(reading, k)
    if not reading.wanted and not reading.has_assert:
        return
    with ir.InsertionPoint(op), op.location:
        _Raiser(reading, name).raise_()


def _check_output(reading: Reading, k: int) -> None:
    access = reading.out_access(k)
    if access.is_apart and all(place is not None and _is_range(place) for place in access.places):
        return
    raise UnsupportedError(
        f"'{reading.op.name}' with a result whose indexing map has the results "
        f"({', '.join(map(str, access.exprs))}) isn't supported",
        location=reading.loc,
        help="expected each result of the map to be a dimension of its own, with a stride and an offset at most, "
        "or a constant; compute a compact result and place it by tensor.insert_slice",
    )


def _is_range(place: Linear) -> bool:
    """True for places one after another at equal distances, and for a single one."""
    return place.constant >= 0 and len(place.terms) < 2 and all(stride > 0 for _, stride in place.terms)


class _Raiser:
    """Turns one generic into a kernel; `raise_` does it all."""

    def __init__(self, reading: Reading, name: str) -> None:
        self.reading, self.loc = reading, reading.loc
        self.kernel = KernelBuilder(name, reading.loc)
        self.extents = self._extents()
        operands, accesses = reading.operands, reading.accesses
        self.tensors = {i: self._refined(operands[i], accesses[i]) for i in reading.loaded}
        self.boxes: dict[int, Box] = {
            i: box_of(tensor, accesses[i], self.extents)
            for i, tensor in self.tensors.items()
            if accesses[i].is_boxed(self.extents)
        }
        self.placed = {k: self._box_of_result(k) for k in reading.wanted if not self._fills(k)}

    def raise_(self) -> None:
        """Makes the kernel at the insertion point and replaces the wanted results."""
        reading, kernel = self.reading, self.kernel
        captured = reading.captured
        results = [self._result_type(k) for k in reading.wanted]
        sizes = [
            size_of(reading.outputs[k], dim)
            for k, type_ in zip(reading.wanted, results, strict=True)
            for dim in range(type_.rank)
            if type_.is_dynamic_dim(dim)
        ]
        for value in [*self.tensors.values(), *captured, *(dest for dest, _ in self.placed.values())]:
            kernel.add(value)
        kernel.add_sizes(self.extents)
        for box in [*self.boxes.values(), *(box for _, box in self.placed.values())]:
            kernel.add_sizes(box.sizes)
        with kernel.open(results, sizes):
            values = kernel.close(self._body(captured))
        for k, value in zip(reading.wanted, values, strict=True):
            wanted = reading.op.results[k]
            wanted.replace_all_uses_with(refine(value, wanted.type.shape))

    # -- sizes -------------------------------------------------------------------------------

    def _extents(self) -> list[Size]:
        """The size of each dimension of the space: a number where any operand knows it."""
        found: dict[int, Size] = {}
        places: dict[int, tuple[ir.Value, int]] = {}
        for operand, access in zip(self.reading.operands, self.reading.accesses, strict=True):
            for at in range(len(access.places)):
                dim = access.dim(at)
                if dim is None:
                    continue
                places.setdefault(dim, (operand, at))
                size = operand.type.shape[at]
                if operand.type.is_static_dim(at) and found.setdefault(dim, size) != size:
                    raise self.reading.unsupported(
                        f"operands of different sizes, {found[dim]} and {size}, along d{dim}"
                    )
        missing = [d for d in range(self.reading.rank) if d not in places]
        if missing:
            raise self.reading.unsupported(f"a loop d{missing[0]} that no operand runs over by itself")
        return [found[d] if d in found else size_of(*places[d]) for d in range(self.reading.rank)]

    def _refined(self, operand: ir.Value, access: Access) -> ir.Value:
        """An operand cast to what the space knows of its sizes."""
        return refine(operand, self._known_shape(operand.type, access))

    def _result_type(self, k: int) -> ir.RankedTensorType:
        type_ = self.reading.outputs[k].type
        return ir.RankedTensorType.get(self._known_shape(type_, self.reading.out_access(k)), type_.element_type)

    def _fills(self, k: int) -> bool:
        """True if result `k` is computed everywhere: its other places are those of unit dimensions."""
        shape, access = self.reading.outputs[k].type.shape, self.reading.out_access(k)
        return all(
            place is not None and (place.dim is not None or (not place.terms and size == 1))
            for size, place in zip(shape, access.places, strict=True)
        )

    def _box_of_result(self, k: int) -> tuple[ir.Value, Box]:
        """The tensor that result `k` is placed in, and where."""
        access = self.reading.out_access(k)
        dest = self._refined(self.reading.outputs[k], access)
        return dest, box_of(dest, access, self.extents)

    def _known_shape(self, type_: ir.RankedTensorType, access: Access) -> list[int]:
        dims = [access.dim(at) for at in range(type_.rank)]
        known = [None if dim is None else self.extents[dim] for dim in dims]
        return [size if isinstance(size, int) else old for size, old in zip(known, type_.shape, strict=True)]

    # -- the kernel's body -------------------------------------------------------------------

    def _body(self, captured: list[ir.Value]) -> list[ir.Value]:
        reading, body = self.reading, Body([self.kernel.size_inside(e) for e in self.extents])
        contracted = contractions.find(reading)
        kept = {argument for found in contracted.values() for argument in found.arguments}
        for i in self.tensors:
            argument = reading.arguments[i]
            body.values[argument] = self._bring(i, body, sort=argument not in kept)
        self._bind_scalars(body, captured)
        folding = reading.folding
        roots = [reading.yielded[k] for k in reading.live if k not in contracted]
        roots += [value for found in contracted.values() for value in found.factors]
        self._lift(body, roots, reading.running(folding))
        values: dict[int, Lifted] = {}
        for k, found in contracted.items():
            values[k] = contractions.contract(reading, body, k, found)
        scanned = scans.scanned(reading)
        if scanned:
            values |= scans.scan(reading, body, scanned)
        values |= reductions.fold(reading, body, [k for k in folding if k not in values])
        for k in reading.plain:
            dims = reading.space(k)
            values[k] = Lifted(body.spread(body.value(reading.yielded[k]), dims, self.loc), dims)
        return [self._finish(values[k].value, k) for k in reading.wanted]

    def _lift(self, body: Body, roots: Sequence[ir.Value], running: set[ir.Value]) -> None:
        """Lifts what doesn't depend on a running value."""
        for op in self.reading.body_ops(roots):
            if not any(depends_on(self.reading.block, operand, running) for operand in op.operands):
                body.lift(op)
            elif op.name == "cf.assert":
                raise self.reading.unsupported("an assertion on a running value")

    def _bind_scalars(self, body: Body, captured: list[ir.Value]) -> None:
        for value in captured:
            body.values[value] = Lifted(self.kernel.inside(value), None)
        for operand, argument in zip(self.reading.inputs, self.reading.arguments, strict=False):
            if isinstance(operand.type, ir.RankedTensorType) or not has_uses(argument):
                continue
            body.values[argument] = body.value(operand)

    def _bring(self, i: int, body: Body, *, sort: bool) -> Lifted:
        """Brings an operand to `reg`, its dimensions in the order of the space, or as they stand."""
        access, tensor = self.reading.accesses[i], self.tensors[i]
        if i not in self.boxes:
            return gather(self.kernel.inside(tensor), access, body, self.loc)
        lifted = bring(self.kernel, tensor, access, self.boxes[i], self.extents, self.reading.reduced)
        assert lifted.dims is not None, "a tensor has dimensions"
        dims = tuple(sorted(lifted.dims)) if sort else lifted.dims
        return Lifted(body.spread(lifted, dims, self.loc), dims)

    def _finish(self, value: ir.Value, k: int) -> ir.Value:
        """Gives a value over its sorted dimensions the order and the unit dimensions of result `k`."""
        access = self.reading.out_access(k)
        ordered = self.reading.space(k)
        value = permute(value, [ordered.index(dim) for dim in access.space], self.loc)
        if k in self.placed:
            return self._insert(value, *self.placed[k])
        units = [at for at in range(len(access.places)) if access.dim(at) is None]
        if not units:
            return value
        inner = list(value.type.shape)
        for at in units:
            inner.insert(at, 1)
        type_ = gir.tensor_at("reg", inner, element_of(value.type))
        return create("gir.broadcast", [value], [type_], {"dims": i64_array(units)}, loc=self.loc).result

    def _insert(self, value: ir.Value, dest: ir.Value, box: Box) -> ir.Value:
        """Places a value in what was there: both are stored, the value over it."""
        base = store(load(self.kernel.inside(dest), self.loc), self.loc)
        stored = store(value, self.loc)
        parts = [split_mixed(group) for group in (box.offsets, [*map(self.kernel.size_inside, box.sizes)], box.strides)]
        attributes = {
            "static_offsets": i64_array(parts[0][1]),
            "static_sizes": i64_array(parts[1][1]),
            "static_strides": i64_array(parts[2][1]),
            "drop": i64_array(box.drop),
            "operandSegmentSizes": i32_array([1, 1, *(len(dynamic) for dynamic, _ in parts)]),
        }
        operands = [stored, base, *(size for dynamic, _ in parts for size in dynamic)]
        return create("gir.insert", operands, [base.type], attributes, loc=self.loc).result
