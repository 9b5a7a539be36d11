"""Writes a form back: one kernel with a nest in place of those of a group.

The schedule says each instruction in order; here it becomes an op, with `pass` and `over` where they belong. Ops at
reg are copies of those that the kernels had; scalars that they use are copied along, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    create,
    defining_op,
    entry_block,
    has_uses,
    i32_array,
    i64_array,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.merge_kernels import joined_name
from powerfusion.passes.fusion.rebuild import captured_values, replace_used, unique
from powerfusion.passes.placement.model import Form, Kind, Program, Reach, Step, Where
from powerfusion.passes.placement.read import Handles, dynamic_sizes, is_renaming

ROW, SWEPT = "r", "c"


def emit(form: Form, program: Program, handles: Handles) -> ir.Operation:
    """Makes the placed kernel in the last one's place; what used the others then may stand before it."""
    kernels = [handles.nodes[node] for node in form.nodes]
    stores = [step.op for step in form.steps if step.where is Where.STORE]
    old = [handles.stored[op] for op in stores]
    inputs: dict[ir.Value, ir.Value] = {
        argument: value
        for kernel in kernels
        for argument, value in zip(entry_block(kernel).arguments, segments(kernel)[0], strict=True)
    }
    taken = _taken(form, program, handles, inputs)
    sizes = [size for result in old for size in dynamic_sizes(result)]
    name = joined_name([ir.StringAttr(kernel.attributes["kernel_name"]).value for kernel in kernels])
    location = ir.Location.fused([kernel.location for kernel in kernels])
    names = _names(form)
    nest = gir.nest(
        [
            gir.NestDim(names[dim.cls], dim.size, dim.per_group, dim.per_unit, dim.per_step, dim.bound)
            for dim in form.nest
        ],
        [names[dim.cls] for dim in form.nest if dim.swept],
    )
    with ir.InsertionPoint(kernels[-1]), location:
        made = gir.KernelOp(name, taken, sizes, [result.type for result in old], nest=nest, loc=location).operation
    block = entry_block(made)
    with ir.InsertionPoint(block), location:
        within = dict(zip(taken, block.arguments, strict=True))
        body = _Body(form, program, handles, names, {old: within[new] for old, new in inputs.items() if new in within})
        returned = [body.step(step) for step in form.steps]
        create("gir.return", [value for value in returned if value is not None])
    for result, new in zip(old, made.results, strict=True):
        result.replace_all_uses_with(new)
    _erase(kernels)
    return made


def _names(form: Form) -> dict[int, str]:
    """Names of the nest's dimensions, by class."""
    found: dict[int, str] = {}
    for swept, letter in ((False, ROW), (True, SWEPT)):
        dims = [dim.cls for dim in form.nest if dim.swept == swept]
        found |= {cls: f"{letter}{at}" if len(dims) > 1 else letter for at, cls in enumerate(dims)}
    return found


def _taken(form: Form, program: Program, handles: Handles, inputs: Mapping[ir.Value, ir.Value]) -> list[ir.Value]:
    """The values of the function that the placed kernel needs; `inputs` are those behind the old kernels' arguments."""
    found: list[ir.Value] = []
    seen: set[ir.Value] = set()
    for step in form.steps:
        if step.where in (Where.REST, Where.FETCH, Where.KEEP):
            continue
        op = handles.ops[step.op]
        is_load = program.ops[step.op].kind is Kind.LOAD
        if is_load and step.where is Where.DO:
            continue
        needed = (*op.operands, *captured_values(op))
        stack = [value for value in needed if is_load or not gir.is_at(value, "reg")]
        while stack:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            if value in inputs:
                found.append(inputs[value])
            elif (inner := defining_op(value)) is not None:
                stack.extend((*inner.operands, *captured_values(inner)))
    return unique(found)


def _erase(kernels: Sequence[ir.Operation]) -> None:
    """Erases kernels whose results nobody uses but each other, and views of those results."""
    for kernel in reversed(kernels):
        for result in kernel.results:
            _erase_views(result)
        kernel.erase()


def _erase_views(value: ir.Value) -> None:
    for user in [use.owner.operation for use in value.uses]:
        if is_renaming(user):
            _erase_views(user.result)
            if not has_uses(user.result):
                user.erase()


@dataclass
class _Body:
    form: Form
    program: Program
    handles: Handles
    names: dict[int, str]
    outside: dict[ir.Value, ir.Value]
    known: dict[ir.Value, ir.Value] = field(default_factory=dict)
    made: dict[tuple[int, int], ir.Value] = field(default_factory=dict)
    latest: dict[int, ir.Value] = field(default_factory=dict)
    resting: dict[int, ir.Value] = field(default_factory=dict)

    def step(self, step: Step) -> ir.Value | None:
        """Emits one step; gives what is returned, of a store."""
        op = self.handles.ops[step.op]
        match step.where:
            case Where.STAGE:
                self.resting[step.value] = self._move(self._source(op), op, "sram", 0, self._held_over(step.value))
            case Where.LOAD:
                self._have(step, self._move(self._source(op), op, "reg", step.number, self._over(step.value)))
            case Where.REST:
                value = self._at(step.value, step.number)
                self.resting[step.value] = self._move(value, op, "sram", step.number)
            case Where.KEEP:
                first = min(number for value, number in self.made if value == step.value)
                self._have(step, self._move(self.made[step.value, first], op, "reg", step.number))
            case Where.FETCH:
                self._have(step, self._move(self.resting[step.value], op, "reg", step.number))
            case Where.DO:
                self._do(step, op)
            case Where.STORE:
                return self._store(step, op)
        return None

    def _have(self, step: Step, value: ir.Value) -> None:
        self.made[step.value, step.number] = value
        self.latest[step.value] = value

    def _at(self, value: int, number: int) -> ir.Value:
        """A value in a pass; what doesn't stream there is once."""
        while value in self.form.alias:
            value = self.form.alias[value]
        return self.made.get((value, number), self.latest[value])

    def _over(self, value: int) -> list[str]:
        """The nest's dimensions of a value that moves; none where a border or a window makes it longer or shorter."""
        read = self.program.values[value]
        sizes = {dim.cls: dim.size for dim in self.form.nest}
        classes = map(self.form.ties.find, read.classes)
        return [
            self.names[cls] if cls in sizes and sizes[cls] == size else ""
            for cls, size in zip(classes, read.shape, strict=True)
        ]

    def _held_over(self, value: int) -> list[str]:
        """The nest's dimensions that a value at sram moves with; none along which the group holds all of it."""
        whole = self.form.whole.get(value, frozenset())
        return ["" if dim in whole else name for dim, name in enumerate(self._over(value))]

    def _move(
        self, value: ir.Value, op: ir.Operation, level: str, number: int, over: Sequence[str] | None = None
    ) -> ir.Value:
        type_ = gir.tensor_at(level, value.type.shape, value.type.element_type)
        attributes: dict[str, ir.Attribute] = {"pass": _i64(number)}
        if over is not None:
            attributes["over"] = ir.ArrayAttr.get([ir.StringAttr.get(name) for name in over])
        return create("gir.move", [value], [type_], attributes, loc=op.location).result

    def _source(self, op: ir.Operation) -> ir.Value:
        """What a load moves: an argument, or a view of one, copied along."""
        return self._copied(op.operands[0])

    def _copied(self, value: ir.Value) -> ir.Value:
        """A scalar, an argument or a view of one, in the new kernel."""
        if value not in self.known:
            op = defining_op(value)
            if op is None:
                self.known[value] = self.outside[value]
            else:
                made = self._clone(op, [self._copied(operand) for operand in op.operands])
                self.known |= dict(zip(op.results, made.results, strict=True))
        return self.known[value]

    def _clone(self, op: ir.Operation, operands: Sequence[ir.Value]) -> ir.Operation:
        """A copy of an op; what its regions use of the old kernel, such as scalars of a combiner, is copied first."""
        captured = {value: self._copied(value) for value in captured_values(op)}
        made = op.clone().operation
        replace_used(made, captured)
        _set_operands(made, operands)
        return made

    def _do(self, step: Step, op: ir.Operation) -> None:
        read = self.program.ops[step.op]
        if read.kind is Kind.LOAD:
            self._have(step, self._handed(step, op))
            return
        tensors = iter(read.operands)
        operands = [
            self._at(next(tensors), step.number) if gir.is_at(value, "reg") else self._copied(value)
            for value in op.operands
        ]
        made = self._clone(op, operands)
        if read.kind in (Kind.SPREAD, Kind.GATHER):
            made.attributes["pass"] = _i64(step.number)
        for number, value in zip(read.results, made.results, strict=True):
            self.made[number, step.number] = value
            self.latest[number] = value

    def _handed(self, step: Step, op: ir.Operation) -> ir.Value:
        """What another kernel loads of a value of the group: a part, its dimensions in another order."""
        handed = self.form.handed[step.op]
        value = self._at(handed.value, step.number)
        kept = [reach.dim for reach in handed.reaches if reach.dim is not None]
        sizes = list(op.result.type.shape)
        loc = op.location
        shape = [1 if reach.dim is None else sizes[reach.dim] for reach in handed.reaches]
        if shape != list(value.type.shape):
            value = self._slice(value, handed.reaches, shape, loc)
        if kept == sorted(kept):
            return value
        perm = [kept.index(dim) for dim in range(len(kept))]
        return create("gir.permute", [value], [op.result.type], {"perm": i64_array(perm)}, loc=loc).result

    def _slice(self, value: ir.Value, reaches: Sequence[Reach], shape: Sequence[int], loc: ir.Location) -> ir.Value:
        """A part of a value at reg; `shape` has a 1 for each dimension that the part lacks."""
        type_ = gir.tensor_at(
            "reg",
            [size for size, reach in zip(shape, reaches, strict=True) if reach.dim is not None],
            value.type.element_type,
        )
        attributes = {
            "static_offsets": i64_array([reach.low for reach in reaches]),
            "static_sizes": i64_array(shape),
            "static_strides": i64_array([reach.scale for reach in reaches]),
            "drop": i64_array([dim for dim, reach in enumerate(reaches) if reach.dim is None]),
            "operandSegmentSizes": i32_array([1, 0, 0, 0]),
        }
        return create("gir.slice", [value], [type_], attributes, loc=loc).result

    def _store(self, step: Step, op: ir.Operation) -> ir.Value:
        value = self._move(self._at(step.value, step.number), op, "dram", step.number, self._over(step.value))
        before = op.result
        while (user := next(iter(before.uses)).owner.operation).name == "gir.permute":
            value = create("gir.permute", [value], [user.result.type], {"perm": user.attributes["perm"]}).result
            before = user.result
        return value


def _set_operands(op: ir.Operation, operands: Sequence[ir.Value]) -> None:
    for at, operand in enumerate(operands):
        op.operands[at] = operand


def _i64(number: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)
