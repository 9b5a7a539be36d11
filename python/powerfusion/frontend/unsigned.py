"""Integers without a sign, which torch-mlir takes for signed ones here and there: programs compute them in wider ones.

    %q = torch.aten.div.Tensor %x, %y : vtensor<[6],ui8>, vtensor<[6],ui8> -> vtensor<[6],ui8>
  ⇒ %q = torch.aten.div.Tensor %i, %j : vtensor<[6],si32>, vtensor<[6],si32> -> vtensor<[6],si32>

with casts around it. A cast back keeps the low bits, as arithmetic of that width does.
"""

from __future__ import annotations

import re
from typing import Any

NARROW, WIDE = "ui8", "si32"
NUMBER = {NARROW: 0, WIDE: 3}  # of PyTorch's scalar types
CASTS = ("torch.aten.to.dtype", "torch.aten._to_copy", "torch.prims.convert_element_type")
QUANTIZED = re.compile(r"q\w*int\d")


def widen_unsigned(operation: Any, ir: Any) -> None:
    """Has each operator of unsigned integers compute in signed ones that hold all their values.

    Args:
        operation: A module of torch-mlir's dialect `torch`; is changed in place.
        ir: torch-mlir's bindings.
    """
    with operation.context:
        for function in operation.regions[0].blocks[0].operations:
            for block in function.operation.regions[0].blocks if len(function.operation.regions) else ():
                widening = _Widening(ir)
                for op in [each.operation for each in block.operations]:
                    widening.visit(op)


class _Widening:
    """What has been widened of a block.

    Attributes:
        ir: torch-mlir's bindings.
        lists: Those of tensors that are wide now.
    """

    def __init__(self, ir: Any) -> None:
        self.ir = ir
        self.lists: list[Any] = []

    def visit(self, op: Any) -> None:
        """Widens what an operator reads, and makes what it gives narrow again."""
        narrow = [at for at, value in enumerate(op.operands) if _is_narrow(value)]
        reads = narrow or any(value in self.lists for value in op.operands)
        types = [str(value.type) for value in [*op.operands, *op.results]]
        is_computed = op.name.startswith("torch.") and op.name not in CASTS
        if not (reads and is_computed) or any(QUANTIZED.search(each) for each in types):
            return
        with op.location:
            with self.ir.InsertionPoint(op):
                for at in narrow:
                    op.operands[at] = self._cast(op.operands[at], NARROW, WIDE)
            if op.name == "torch.prim.ListConstruct":
                self.lists.append(op.result)
            for result in op.results:
                if _is_narrow(result):
                    self._narrow(op, result)

    def _narrow(self, op: Any, result: Any) -> None:
        """Computes a result in the wide type, and gives its users the narrow one."""
        users = [(use.owner, use.operand_number) for use in result.uses]
        result.set_type(self._type(result, NARROW, WIDE))
        following = list(op.block.operations)
        behind = following[[each.operation for each in following].index(op) + 1]
        with self.ir.InsertionPoint(behind):
            made = self._cast(result, WIDE, NARROW)
        for owner, at in users:
            owner.operation.operands[at] = made

    def _cast(self, value: Any, old: str, new: str) -> Any:
        ir = self.ir
        number = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), NUMBER[new])
        operands = [
            value,
            self._literal("int", {"value": number}),
            *[self._literal("bool", {"value": ir.BoolAttr.get(False)}) for _ in range(2)],
            self._literal("none", {}),
        ]
        return ir.Operation.create(
            "torch.aten.to.dtype", results=[self._type(value, old, new)], operands=operands
        ).result

    def _literal(self, name: str, attributes: dict[str, Any]) -> Any:
        type_ = self.ir.Type.parse(f"!torch.{name}")
        return self.ir.Operation.create(f"torch.constant.{name}", results=[type_], attributes=attributes).result

    def _type(self, value: Any, old: str, new: str) -> Any:
        return self.ir.Type.parse(re.sub(rf"\b{old}>", f"{new}>", str(value.type)))


def _is_narrow(value: Any) -> bool:
    return re.fullmatch(rf"!torch\.vtensor<.*\b{NARROW}>", str(value.type)) is not None
