"""Reading a source: MLIR as text, as a path, as bytes, or as a module, into a module of our own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from powerfusion.core.context import make_context
from powerfusion.errors import SourceError, UnsupportedError
from powerfusion.frontend.imported import NO_SIGN, ImportedModel, bind_weights
from powerfusion.frontend.models import import_model
from powerfusion.mlir import ir
from powerfusion.runtime.signature import DTYPES, ArraySpec, Signature

BYTECODE_MAGIC = b"ML\xefR"
SIGNLESS = [name for name in DTYPES if not name.startswith("u")]


def read_module(source: Any, *, lazy: bool = False) -> ir.Module:
    """Parses and verifies a source in a context of its own.

    Args:
        source: MLIR text, a path, bytes (text or bytecode), a module of any MLIR bindings, or a model that needs no
            example inputs: the path of an ONNX file, an exported program of PyTorch's, or what `import_model` gave.
        lazy: Whether the context has only the dialects that the source uses, as `make_context` says.

    Raises:
        SourceError: It can't be found, read, parsed or verified.
    """
    source = import_model(source)
    if isinstance(source, ImportedModel):
        module = _parse(source.name, source.text, lazy, is_imported=True)
        bind_weights(module, source.weights)
        return module
    return _parse(*_contents(source), lazy)


def _parse(name: str, data: str | bytes, lazy: bool, *, is_imported: bool = False) -> ir.Module:
    context = make_context(lazy=lazy)
    context.allow_unregistered_dialects = is_imported  # For what only raising knows of.
    try:
        if isinstance(data, str) and Path(name).is_file():
            return ir.Module.parseFile(name, context)  # So that locations name the file.
        return ir.Module.parse(data, context)
    except ir.MLIRError as error:
        raise _malformed(name, error) from None


def _contents(source: Any) -> tuple[str, str | bytes]:
    match source:
        case Path():
            return str(source), _file(source)
        case str() if _looks_like_path(source):
            return source, _file(Path(source))
        case str():
            return "<text>", source
        case bytes() | bytearray() | memoryview():
            return "<bytes>", _decode("<bytes>", bytes(source))
        case _ if hasattr(source, "operation") and hasattr(source.operation, "get_asm"):
            return "<module>", source.operation.get_asm(enable_debug_info=True, print_generic_op_form=True)
        case os.PathLike():
            return os.fspath(source), _file(Path(source))
        case _:
            raise SourceError(
                f"expected MLIR as text, path, bytes or module, got {type(source).__name__}",
                help="models are modules or functions of PyTorch or JAX with example inputs, or paths of .onnx files",
            )


def _looks_like_path(text: str) -> bool:
    """A line without MLIR's punctuation is a path: it would not parse anyway."""
    return "\n" not in text and "{" not in text and "@" not in text and 0 < len(text) < 4096


def _file(path: Path) -> str | bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"can't read '{path}': {error.strerror or error}", help="expected a file of MLIR") from None
    return _decode(str(path), data)


def _decode(name: str, data: bytes) -> str | bytes:
    if data.startswith(BYTECODE_MAGIC):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SourceError(f"'{name}' is neither MLIR text nor MLIR bytecode") from None


def _malformed(name: str, error: ir.MLIRError) -> SourceError:
    for diagnostic in error.error_diagnostics:
        where = str(diagnostic.location).removeprefix("loc(").removesuffix(")").replace('"-"', name)
        return SourceError(str(diagnostic.message), location=where.replace('"', ""))
    return SourceError(str(error), location=name)


def form_of(module: ir.Module) -> str:
    """What a program is written in: linalg, GIR in graph form, or GIR in tile form.

    Kernels of tensors are graph form, kernels of memrefs tile form; without kernels it is linalg.
    """
    kernels: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in ("gir.kernel", "gir.extern", "gir.launch"):
            kernels.append(op)
            return ir.WalkResult.SKIP
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    values = [value for op in kernels for value in [*op.operands, *op.results]]
    if any(isinstance(value.type, ir.RankedTensorType) for value in values):
        return "graph"
    return "tile" if kernels else "linalg"


def signature_of(module: ir.Module) -> Signature:
    """The signature of a module's one public function.

    Raises:
        SourceError: There is no such function, or there are several.
        UnsupportedError: A type that no array has.
    """
    functions = [op.operation for op in module.body.operations if op.operation.name == "func.func"]
    public = [f for f in functions if is_public(f) and len(f.regions[0].blocks) > 0]
    if len(public) != 1:
        names = ", ".join(f"@{_name(f)}" for f in public)
        raise SourceError(
            f"expected one public function, got {len(public)}" + (f": {names}" if names else ""),
            help="make the others private, or compile them one by one" if public else "the function needs a body",
        )
    type_ = ir.FunctionType(ir.TypeAttr(public[0].attributes["function_type"]).value)
    where = public[0].location
    if form_of(module) != "tile" and any(isinstance(t, ir.MemRefType) for t in [*type_.inputs, *type_.results]):
        raise UnsupportedError(
            "a memref argument or result isn't supported without kernels in tile form",
            location=where,
            help="let the function take and give tensors",
        )
    results = [_spec(t, where) for t in type_.results]
    if "res_attrs" in public[0].attributes:
        marks = [NO_SIGN in each for each in public[0].attributes["res_attrs"]]
        results = [replace(r, dtype=f"u{r.dtype}") if mark else r for r, mark in zip(results, marks, strict=True)]
    return Signature(_name(public[0]), tuple(_spec(t, where) for t in type_.inputs), tuple(results))


def is_public(function: ir.Operation) -> bool:
    """Whether a function can be called from outside of its module."""
    if "sym_visibility" not in function.attributes:
        return True
    return ir.StringAttr(function.attributes["sym_visibility"]).value == "public"


def _name(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value


def _spec(type_: ir.Type, where: ir.Location) -> ArraySpec:
    shaped = isinstance(type_, (ir.RankedTensorType, ir.MemRefType))
    element = type_.element_type if isinstance(type_, (ir.RankedTensorType, ir.MemRefType)) else type_
    if str(element) not in SIGNLESS or not _is_plain(type_):
        raise UnsupportedError(
            f"an argument or result of type {type_} isn't supported",
            location=where,
            help=f"expected ranked tensors, memrefs or numbers of {', '.join(SIGNLESS)}",
        )
    if not shaped:
        return ArraySpec(str(element), (), scalar=True)
    dynamic = ir.ShapedType.get_dynamic_size()
    shape = tuple(None if size == dynamic else size for size in type_.shape)
    return ArraySpec(str(element), shape, in_place=isinstance(type_, ir.MemRefType))


def _is_plain(type_: ir.Type) -> bool:
    """Whether an array of NumPy's can be passed for it as it is: no encoding, place or layout."""
    match type_:
        case ir.RankedTensorType():
            return type_.encoding is None
        case ir.MemRefType():
            identity = ir.AffineMap.get_identity(type_.rank, type_.context)
            return type_.memory_space is None and type_.affine_map == identity
        case _:
            return True
