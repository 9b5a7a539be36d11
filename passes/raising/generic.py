"""`linalg.generic` as a naive kernel: maps become movement, the body becomes computation.

    ins(%x: (d0, d1) -> (d0, d1)) outs(%y: (d0, d1) -> (d0)) { y += exp(x) }
  ⇒ %0 = gir.move %x          %i = gir.move %y
    %1 = math.exp %0          %2 = gir.reduce %1 into %i dims [1] kinds [add]
    gir.return (gir.move %2)

A result whose map lacks a dimension folds along it: by a kind, where its body is `acc = kind(acc,
value)`, else by a combiner that holds whatever part of the body depends on the accumulators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    element_of,
    entry_block,
    has_uses,
    i32_array,
    i64_array,
    operations,
    segments,
    split_mixed,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.bodies import Body, Lifted, depends_on, is_scalar_constant, slice_of
from powerfusion.passes.raising.kernels import KernelBuilder, Size, load, refine, size_of

KINDS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.maximumf": "maximumf",
    "arith.minimumf": "minimumf",
    "arith.maxnumf": "maxnumf",
    "arith.minnumf": "minnumf",
    "arith.maxsi": "maxsi",
    "arith.minsi": "minsi",
    "arith.maxui": "maxui",
    "arith.minui": "minui",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}


@dataclass(frozen=True)
class Access:
    """An indexing map: per dimension of the operand a dimension of the space, or a fixed index."""

    dims: tuple[int | None, ...]
    fixed: tuple[int, ...]

    @property
    def space(self) -> tuple[int, ...]:
        """The dimensions of the space that the operand varies along, in its own order."""
        return tuple(dim for dim in self.dims if dim is not None)


def read_access(op: ir.Operation, map_: ir.AffineMap) -> Access:
    """Reads an indexing map; raises where it is neither a projected permutation nor constant."""
    dims: list[int | None] = []
    fixed: list[int] = []
    for expr in map_.results:
        match expr:
            case ir.AffineDimExpr():
                dims.append(expr.position)
                fixed.append(0)
            case ir.AffineConstantExpr():
                dims.append(None)
                fixed.append(expr.value)
            case _:
                raise _unsupported_map(op, map_)
    used = [dim for dim in dims if dim is not None]
    if len(used) != len(set(used)):
        raise _unsupported_map(op, map_)
    return Access(tuple(dims), tuple(fixed))


def _unsupported_map(op: ir.Operation, map_: ir.AffineMap) -> UnsupportedError:
    return UnsupportedError(
        f"'{op.name}' with indexing map {map_} isn't supported",
        location=op.location,
        help="expected each result of the map to be a dimension of its own or a constant; windows "
        "such as d0 + d1 (convolution, pooling) and diagonals aren't taken yet",
    )


class GenericRaiser:
    """Turns one `linalg.generic` into a kernel; `raise_` does it all."""

    def __init__(self, op: ir.Operation, name: str) -> None:
        self.op, self.loc = op, op.location
        self.block = entry_block(op)
        self.inputs, self.outputs = segments(op)
        maps = [attribute.value for attribute in op.attributes["indexing_maps"]]
        self.accesses = [read_access(op, map_) for map_ in maps]
        self.rank = maps[0].n_dims if maps else 0
        self.arguments = list(self.block.arguments)
        self.accumulators = self.arguments[len(self.inputs) :]
        self.yielded = list(operations(self.block)[-1].operands)
        self.wanted = [k for k, result in enumerate(op.results) if has_uses(result)]
        self.kernel = KernelBuilder(name, self.loc)

    # -- reading -----------------------------------------------------------------------------

    def out_access(self, k: int) -> Access:
        """The map of result `k`."""
        return self.accesses[len(self.inputs) + k]

    def folded(self, k: int) -> tuple[int, ...]:
        """The dimensions of the space that result `k` lacks, so that it folds along them."""
        space = self.out_access(k).space
        return tuple(d for d in range(self.rank) if d not in space)

    def used(self) -> set[ir.Value]:
        """What the wanted results need: block arguments, and values from around the op."""
        roots = [self.yielded[k] for k in self.wanted]
        body = operations(self.block)[:-1]
        roots += [operand for op in body if op.name == "cf.assert" for operand in op.operands]
        chosen = slice_of(self.block, roots, set())
        needed = set(roots) | {operand for op in chosen for operand in op.operands}
        needed |= {self.accumulators[k] for k in self.wanted if self.folded(k)}
        return needed

    # -- rewriting ---------------------------------------------------------------------------

    def raise_(self) -> None:
        """Makes the kernel before the op and replaces the op's wanted results."""
        if not self.wanted and not self._has_assert():
            return
        with ir.InsertionPoint(self.op), self.loc:
            self._raise()

    def _has_assert(self) -> bool:
        return any(op.name == "cf.assert" for op in operations(self.block))

    def _raise(self) -> None:
        needed = self.used()
        extents = self._extents()
        operands = [*self.inputs, *self.outputs]
        tensors = {i: self._refined(operands[i], self.accesses[i], extents) for i in self._loaded(needed)}
        captured = self._captured(needed)
        results = [self._refined_type(k, extents) for k in self.wanted]
        sizes = [
            size_of(self.outputs[k], dim)
            for k, type_ in zip(self.wanted, results, strict=True)
            for dim in range(type_.rank)
            if type_.is_dynamic_dim(dim)
        ]
        for value in [*tensors.values(), *captured]:
            self.kernel.add(value)
        self.kernel.add_sizes(extents)
        with self.kernel.open(results, sizes):
            stored = self._body([self.kernel.size_inside(e) for e in extents], tensors, captured)
            values = self.kernel.close(stored)
        for k, value in zip(self.wanted, values, strict=True):
            wanted = self.op.results[k]
            wanted.replace_all_uses_with(refine(value, wanted.type.shape))

    def _extents(self) -> list[Size]:
        """The size of each dimension of the space: a number where any operand knows it."""
        found: dict[int, Size] = {}
        places: dict[int, tuple[ir.Value, int]] = {}
        for operand, access in zip([*self.inputs, *self.outputs], self.accesses, strict=True):
            for at, dim in enumerate(access.dims):
                if dim is None:
                    continue
                places.setdefault(dim, (operand, at))
                if operand.type.is_static_dim(at):
                    found.setdefault(dim, operand.type.shape[at])
        return [found[d] if d in found else size_of(*places[d]) for d in range(self.rank)]

    def _loaded(self, needed: set[ir.Value]) -> list[int]:
        """The operands whose elements the body reads, scalars excluded."""
        operands = [*self.inputs, *self.outputs]
        return [
            i
            for i, argument in enumerate(self.arguments)
            if argument in needed and isinstance(operands[i].type, ir.RankedTensorType)
        ]

    def _captured(self, needed: set[ir.Value]) -> list[ir.Value]:
        """Scalars from around the op that the body reads, but constants."""
        inner = {result for op in operations(self.block) for result in op.results}
        scalars = [
            operand
            for operand, argument in zip(self.inputs, self.arguments, strict=False)
            if argument in needed and not isinstance(operand.type, ir.RankedTensorType)
        ]
        outer = [value for value in needed if value not in inner and value not in self.arguments]
        found = [value for value in [*scalars, *outer] if not is_scalar_constant(value)]
        for value in found:
            if isinstance(value.type, ir.ShapedType) and not _is_only_extracted(value, self.block):
                raise UnsupportedError(
                    f"'{self.op.name}' whose body reads the tensor {value.type} isn't supported",
                    location=self.loc,
                    help="read it by tensor.extract, or pass it as an operand with an indexing map",
                )
        return found

    def _refined(self, operand: ir.Value, access: Access, extents: Sequence[Size]) -> ir.Value:
        """An operand cast to what the space knows of its sizes."""
        return refine(operand, self._known_shape(operand.type, access, extents))

    def _refined_type(self, k: int, extents: Sequence[Size]) -> ir.RankedTensorType:
        type_ = self.outputs[k].type
        return ir.RankedTensorType.get(self._known_shape(type_, self.out_access(k), extents), type_.element_type)

    def _known_shape(self, type_: ir.RankedTensorType, access: Access, extents: Sequence[Size]) -> list[int]:
        known = [None if dim is None else extents[dim] for dim in access.dims]
        return [size if isinstance(size, int) else old for size, old in zip(known, type_.shape, strict=True)]

    # -- the kernel's body -------------------------------------------------------------------

    def _body(self, extents: list[Size], tensors: dict[int, ir.Value], captured: list[ir.Value]) -> list[ir.Value]:
        body = Body(extents)
        for i, tensor in tensors.items():
            body.values[self.arguments[i]] = self._load(self.kernel.inside(tensor), self.accesses[i])
        self._bind_scalars(body, captured)
        folded = {self.accumulators[k] for k in self.wanted if self.folded(k)}
        roots = [self.yielded[k] for k in self.wanted]
        for op in self._body_ops(roots):
            if not any(depends_on(self.block, operand, folded) for operand in op.operands):
                body.lift(op)
            elif op.name == "cf.assert":
                raise self._unsupported("an assertion on a running value")
        results: dict[int, ir.Value] = {}
        for k in self.wanted:
            if not self.folded(k):
                if depends_on(self.block, self.yielded[k], folded):
                    raise self._unsupported("a result that depends on another's running value (a scan)")
                results[k] = self._finish(body, body.spread(body.value(self.yielded[k]), self._space(k), self.loc), k)
        self._fold(body, results)
        return [results[k] for k in self.wanted]

    def _body_ops(self, roots: Sequence[ir.Value]) -> list[ir.Operation]:
        """The ops that the roots or an assertion need, in order, the terminator left out."""
        body = operations(self.block)[:-1]
        asserted = [operand for op in body if op.name == "cf.assert" for operand in op.operands]
        chosen = slice_of(self.block, [*roots, *asserted], set())
        return [op for op in body if op in chosen or op.name == "cf.assert"]

    def _bind_scalars(self, body: Body, captured: list[ir.Value]) -> None:
        for value in captured:
            body.values[value] = Lifted(self.kernel.inside(value), None)
        for operand, argument in zip(self.inputs, self.arguments, strict=False):
            if isinstance(operand.type, ir.RankedTensorType) or not has_uses(argument):
                continue
            body.values[argument] = body.value(operand)

    def _space(self, k: int) -> tuple[int, ...]:
        return tuple(sorted(self.out_access(k).space))

    def _load(self, argument: ir.Value, access: Access) -> Lifted:
        """Brings an operand to `reg`, its dimensions in the order of the space."""
        source = argument
        if None in access.dims:
            source = self._slice(argument, access)
        value = load(source, self.loc)
        order = sorted(range(len(access.space)), key=lambda at: access.space[at])
        return Lifted(permute(value, order, self.loc), tuple(sorted(access.space)))

    def _slice(self, argument: ir.Value, access: Access) -> ir.Value:
        """The view of an operand at the constants of its map."""
        shape = list(argument.type.shape)
        drop = [at for at, dim in enumerate(access.dims) if dim is None]
        sizes: list[Size] = [1 if dim is None else self._own_size(argument, at) for at, dim in enumerate(access.dims)]
        kept = [shape[at] for at in range(len(shape)) if at not in drop]
        type_ = gir.tensor_at("dram", kept, argument.type.element_type)
        return slice_view(argument, list(access.fixed), sizes, [1] * len(shape), drop, type_, self.loc)

    def _own_size(self, argument: ir.Value, at: int) -> Size:
        if argument.type.is_static_dim(at):
            return argument.type.shape[at]
        index = ir.IndexType.get()
        place = create("arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, at)})
        return create("tensor.dim", [argument, place.result], [index]).result

    def _finish(self, body: Body, value: ir.Value, k: int) -> ir.Value:
        """Gives a value over its sorted dimensions the order and the unit dimensions of result `k`."""
        access = self.out_access(k)
        ordered = sorted(access.space)
        value = permute(value, [ordered.index(dim) for dim in access.space], self.loc)
        units = [at for at, dim in enumerate(access.dims) if dim is None]
        if not units:
            return value
        shape = list(self.outputs[k].type.shape)
        if any(shape[at] != 1 or access.fixed[at] != 0 for at in units):
            raise self._unsupported(f"a result that fills one place of a dimension, of {self.outputs[k].type}")
        inner = list(value.type.shape)
        for at in units:
            inner.insert(at, 1)
        type_ = gir.tensor_at("reg", inner, element_of(value.type))
        return create("gir.broadcast", [value], [type_], {"dims": i64_array(units)}, loc=self.loc).result

    # -- reductions --------------------------------------------------------------------------

    def _fold(self, body: Body, results: dict[int, ir.Value]) -> None:
        general: list[int] = []
        for k in self.wanted:
            if not self.folded(k):
                continue
            found = self._kind(k)
            if found is None:
                general.append(k)
                continue
            kind, value = found
            full = tuple(range(self.rank))
            inputs = [body.spread(body.value(value), full, self.loc)]
            results[k] = self._finish(body, self._reduce(body, inputs, [k], kind)[0], k)
        for group in self._groups(general):
            for k, value in zip(group, self._reduce_generally(body, group), strict=True):
                results[k] = self._finish(body, value, k)

    def _kind(self, k: int) -> tuple[str, ir.Value] | None:
        """The kind and the value folded, where the body is `acc = kind(acc, value)`."""
        accumulator = self.accumulators[k]
        op = defining_op(self.yielded[k])
        if op is None or op.name not in KINDS or len(list(accumulator.uses)) != 1 or len(list(op.result.uses)) != 1:
            return None
        operands = list(op.operands)
        if accumulator not in operands:
            return None
        value = operands[1 - operands.index(accumulator)]
        running = {self.accumulators[j] for j in self.wanted if self.folded(j)}
        return None if depends_on(self.block, value, running) else (KINDS[op.name], value)

    def _groups(self, general: list[int]) -> list[list[int]]:
        """Results that fold together: those that read one another's accumulators."""
        groups: list[list[int]] = []
        for k in general:
            running = {self.accumulators[j] for j in general if j != k}
            tied = [g for g in groups if any(self._tied(j, k) for j in g)]
            if depends_on(self.block, self.yielded[k], running) or tied:
                groups = [g for g in groups if g not in tied]
                groups.append(sorted({k, *(j for g in tied for j in g)}))
            else:
                groups.append([k])
        return groups

    def _tied(self, j: int, k: int) -> bool:
        return depends_on(self.block, self.yielded[j], {self.accumulators[k]}) or depends_on(
            self.block, self.yielded[k], {self.accumulators[j]}
        )

    def _reduce(self, body: Body, inputs: list[ir.Value], group: list[int], kind: str | None) -> list[ir.Value]:
        """Makes the reduction of a group of results over their sorted dimensions."""
        inits = [body.spread(body.values[self.accumulators[k]], self._space(k), self.loc) for k in group]
        attributes: dict[str, ir.Attribute] = {
            "dims": i64_array(self.folded(group[0])),
            "operandSegmentSizes": i32_array([len(inputs), len(inits), 0]),
        }
        if kind is not None:
            attributes["kinds"] = ir.ArrayAttr.get([ir.Attribute.parse(f"#vector.kind<{kind}>")])
        types = [init.type for init in inits]
        op = create("gir.reduce", [*inputs, *inits], types, attributes, regions=1, loc=self.loc)
        return list(op.results)

    def _reduce_generally(self, body: Body, group: list[int]) -> list[ir.Value]:
        """Folds by a combiner that holds the part of the body that reads accumulators."""
        if len({self.folded(k) for k in group}) > 1:
            raise self._unsupported("results that fold together along different dimensions")
        running = {self.accumulators[k] for k in group}
        roots = [self.yielded[k] for k in group]
        inner = [
            op
            for op in slice_of(self.block, roots, set())
            if any(depends_on(self.block, v, running) for v in op.operands)
        ]
        made = {result for op in inner for result in op.results}
        free: list[ir.Value] = []
        for value in [*(operand for op in inner for operand in op.operands), *roots]:
            if value not in made and value not in running and value not in free and not self._scalar(body, value):
                free.append(value)
        if not free:
            free = [next(iter(body.values))] if self.rank == 0 else []
        full = tuple(range(self.rank))
        inputs = [body.spread(body.value(value), full, self.loc) for value in free]
        if not inputs:
            inputs = [self._any_full(body, full)]
        results = self._reduce(body, inputs, group, None)
        self._fill_combiner(body, defining_op(results[0]), group, free, inner)
        return results

    def _scalar(self, body: Body, value: ir.Value) -> bool:
        return body.value(value).dims is None

    def _any_full(self, body: Body, full: tuple[int, ...]) -> ir.Value:
        """Something of the whole shape to visit, for a combiner that reads no element."""
        zero = create(
            "arith.constant",
            results=[ir.IndexType.get()],
            attributes={"value": ir.IntegerAttr.get(ir.IndexType.get(), 0)},
        )
        return body.spread(Lifted(zero.result, None), full, self.loc)

    def _fill_combiner(
        self, body: Body, reduce: ir.Operation, group: list[int], free: list[ir.Value], inner: list[ir.Operation]
    ) -> None:
        cut = segments(reduce)
        types = [element_of(value.type) for value in [*cut[0], *cut[1]]]
        block = reduce.regions[0].blocks.append(*types, arg_locs=[self.loc] * len(types))
        arguments = list(block.arguments)
        known = dict(zip(free, arguments, strict=False))
        known |= dict(zip([self.accumulators[k] for k in group], arguments[len(cut[0]) :], strict=True))

        def inside(value: ir.Value) -> ir.Value:
            return known[value] if value in known else body.value(value).value

        with ir.InsertionPoint(block):
            for op in inner:
                if not op.name.startswith(("arith.", "math.")):
                    raise self._unsupported(f"'{op.name}' on a running value")
                operands = [inside(value) for value in op.operands]
                types = [result.type for result in op.results]
                made = create(op.name, operands, types, attributes_of(op), loc=op.location)
                known |= dict(zip(op.results, made.results, strict=True))
            create("gir.yield", [inside(self.yielded[k]) for k in group], loc=self.loc)

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"'{self.op.name}' with {what} isn't supported",
            location=self.loc,
            help="split the operator so that each result is elementwise or folds on its own",
        )


def _is_only_extracted(value: ir.Value, block: ir.Block) -> bool:
    readers = [op for op in operations(block) if value in list(op.operands)]
    return isinstance(value.type, ir.RankedTensorType) and all(op.name == "tensor.extract" for op in readers)


def permute(value: ir.Value, perm: Sequence[int], loc: ir.Location) -> ir.Value:
    """Reorders dimensions where there is anything to reorder."""
    if list(perm) == list(range(len(perm))):
        return value
    type_ = ir.RankedTensorType.get([value.type.shape[p] for p in perm], value.type.element_type, value.type.encoding)
    return create("gir.permute", [value], [type_], {"perm": i64_array(perm)}, loc=loc).result


def slice_view(
    source: ir.Value,
    offsets: Sequence[Size],
    sizes: Sequence[Size],
    strides: Sequence[Size],
    drop: Sequence[int],
    type_: ir.Type,
    loc: ir.Location,
) -> ir.Value:
    """A `gir.slice` of a tensor at `dram`."""
    parts = [split_mixed(values) for values in (offsets, sizes, strides)]
    attributes = {
        "static_offsets": i64_array(parts[0][1]),
        "static_sizes": i64_array(parts[1][1]),
        "static_strides": i64_array(parts[2][1]),
        "drop": i64_array(drop),
        "operandSegmentSizes": i32_array([1, *(len(dynamic) for dynamic, _ in parts)]),
    }
    operands = [source, *(value for dynamic, _ in parts for value in dynamic)]
    return create("gir.slice", operands, [type_], attributes, loc=loc).result
