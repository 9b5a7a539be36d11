"""JAX's functions as linalg: traced to StableHLO by JAX, legalised to linalg by torch-mlir."""

from __future__ import annotations

from typing import Any

from powerfusion.errors import SourceError, UnsupportedError
from powerfusion.frontend.imported import ImportedModel
from powerfusion.frontend.sorting import restate_sort, restate_top_k
from powerfusion.frontend.torch_mlir import lower, make_context, require, walk

WHAT = "importing a function of JAX"
STABLEHLO_TO_LINALG = "builtin.module(inline,symbol-dce,canonicalize,cse,stablehlo-legalize-to-linalg,canonicalize,cse)"
SAME_IN_MATH = frozenset(
    f"chlo.{name}" for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cosh", "erf", "erfc", "sinh", "tan")
)
"""Operators that StableHLO expands and MLIR has: nothing that torch-mlir brings knows them by JAX's name."""
RESTATED = {"stablehlo.sort": restate_sort, "chlo.top_k": restate_top_k}


def import_jax(function: Any, inputs: Any) -> ImportedModel:
    """Imports a function of JAX's.

    Args:
        function: Of arrays, as `jax.jit` takes or gives it.
        inputs: An array or `jax.ShapeDtypeStruct`, a tuple of positional ones, or a dictionary of named ones. Trees
            are arguments leaf by leaf.

    Raises:
        SourceError: JAX can't trace it.
        UnsupportedError: Operators aren't supported.
        ToolError: JAX or torch-mlir isn't installed.
    """
    jax = require("jax", WHAT)
    name = f"'{getattr(function, '__name__', type(function).__name__)}'"
    if inputs is None:
        raise SourceError(f"expected example inputs for {name}", help="powerfusion.compile(function, (x, y))")
    arguments, named = ((), inputs) if isinstance(inputs, dict) else (_as_tuple(inputs), {})
    jitted = function if hasattr(function, "lower") else jax.jit(function)
    try:
        module = jitted.lower(*arguments, **named).compiler_ir("stablehlo")
    except Exception as error:  # Tracing runs the caller's code.
        raise SourceError(
            f"JAX can't trace {name}: {str(error).strip().splitlines()[0] if str(error) else type(error).__name__}",
            help="jax.jit(function).lower(*inputs) says more",
        ) from error
    return ImportedModel(name, _to_linalg(module, name))


def _as_tuple(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _to_linalg(module: Any, name: str) -> str:
    with module.context:
        _to_math(module)
        _drop_attributes(module)
        text = module.operation.get_asm(enable_debug_info=True, print_generic_op_form=True)
    context = make_context()
    require("torch_mlir._mlir_libs._stablehlo", WHAT).register_dialect(context)
    context.allow_unregistered_dialects = True  # What is unknown is refused with everything else.
    ir = require("torch_mlir.ir", WHAT)
    try:
        own = ir.Module.parse(text, context)
    except ir.MLIRError as error:
        raise UnsupportedError(f"{name} can't be imported: {error.error_diagnostics[0].message}") from error
    _restate(own, ir)
    return lower(own, name, STABLEHLO_TO_LINALG)


def _restate(module: Any, ir: Any) -> None:
    """Says what StableHLO's legalisation doesn't know in other words."""
    for op in [op for op in walk(module.operation) if op.name in RESTATED]:
        with op.context, op.location, ir.InsertionPoint(op):
            made = RESTATED[op.name](op, ir)
        if made is not None:
            for old, new in zip(op.results, made, strict=True):
                old.replace_all_uses_with(new)
            op.erase()


def _to_math(module: Any) -> None:
    """Gives JAX's own operators the names that MLIR has for them."""
    ir = require("jaxlib.mlir.ir", WHAT)
    found: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name in SAME_IN_MATH or op.name == "chlo.square":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        (operand,) = op.operands
        square = op.name == "chlo.square"
        name, operands = (
            ("stablehlo.multiply", [operand] * 2) if square else (op.name.replace("chlo", "math"), [operand])
        )
        with ir.InsertionPoint(op):
            made = ir.Operation.create(name, results=[operand.type], operands=operands, loc=op.location)
        op.results[0].replace_all_uses_with(made.results[0])
        op.erase()


def _drop_attributes(module: Any) -> None:
    """Removes what JAX notes for its own runtime, in dialects that nobody else has."""
    for op in [module.operation, *(op.operation for op in module.body.operations)]:
        for name in [each if isinstance(each, str) else each.name for each in op.attributes]:
            if "." in name or name in ("arg_attrs", "res_attrs"):
                del op.attributes[name]
