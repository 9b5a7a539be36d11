"""A piece of a graph: compiled for the sizes that it is called with, or run by ATen where that can't be done."""

# PyTorch isn't there in every environment that is checked.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch._subclasses import FakeTensorMode
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from powerfusion.errors import PowerFusionError
from powerfusion.executable import Executable, compile_source
from powerfusion.frontend.decompositions import for_import
from powerfusion.frontend.dynamo.counts import current
from powerfusion.frontend.dynamo.layouts import Order, inverse_of, is_plain, order_of, permuted
from powerfusion.frontend.dynamo.operators import calls, name_of
from powerfusion.frontend.imported import ImportedModel
from powerfusion.frontend.torch_program import import_graph
from powerfusion.pipelines import STRICT, Freedoms
from powerfusion.runtime.signature import to_torch, torch_as_numpy

MOST_VERSIONS = 64
"""Sizes for which a piece is compiled; beyond, ATen runs it: something there changes from call to call."""
_compiled: dict[str, Executable | str] = {}
"""Programs of this process by what they compute; for those that can't be compiled, the reason."""


@dataclass(frozen=True)
class Version:
    """A piece for certain sizes.

    Attributes:
        executable: The program, of the tensors among the arguments as they lie in memory.
        inputs: How each of those is permuted to be row-major; None if it is.
        outputs: How each row-major result is permuted to be what is meant.
    """

    executable: Executable
    inputs: tuple[Order | None, ...]
    outputs: tuple[Order | None, ...]

    @classmethod
    def of(cls, executable: Executable, inputs: Sequence[Order], outputs: Sequence[Order]) -> Version:
        """A version for tensors that lie in these orders."""
        orders = [*inputs, *(inverse_of(order) for order in outputs)]
        needed = [None if is_plain(order) else order for order in orders]
        return cls(executable, tuple(needed[: len(inputs)]), tuple(needed[len(inputs) :]))

    def __call__(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Runs it."""
        lying = [
            _as_numpy(each if order is None else each.permute(order))
            for each, order in zip(tensors, self.inputs, strict=True)
        ]
        results = self.executable(*lying)
        several = results if isinstance(results, tuple) else (results,)
        made = [_as_tensor(each) for each in several]
        return [each if order is None else each.permute(order) for each, order in zip(made, self.outputs, strict=True)]


def _as_numpy(tensor: torch.Tensor) -> Any:
    """What PyTorch itself converts is quickest so."""
    return torch_as_numpy(tensor) if tensor.dtype is torch.bfloat16 else tensor.detach().numpy()


def _as_tensor(array: Any) -> torch.Tensor:
    return to_torch(array) if array.dtype.kind == "V" else torch.from_numpy(array)


class CompiledPiece(torch.nn.Module):
    """Stands for a piece in its graph.

    Args:
        graph: The piece.
        freedoms: What may be computed otherwise than it says.
    """

    def __init__(self, graph: GraphModule, freedoms: Freedoms = STRICT) -> None:
        super().__init__()
        self._freedoms = freedoms
        self._graph = graph
        self._versions: dict[Any, Version | None] = {}
        output = next(iter(graph.graph.find_nodes(op="output")))
        self._is_single = isinstance(output.args[0], Node)

    def prepare(self) -> str | None:
        """Compiles it ahead of the first call, where sizes are known; says why not where that failed."""
        examples = [node.meta.get("val") for node in self._graph.graph.find_nodes(op="placeholder")]
        if any(_is_open(each) for each in examples):
            return None
        return self._specialise(examples)[1]

    def forward(self, *arguments: Any) -> Any:
        """Runs it, compiled if that is possible."""
        key = _key(arguments)
        if key in self._versions:
            version = self._versions[key]
        else:
            version, why = self._specialise(arguments)
            if why is not None:
                current().fell_back[why] += 1
        if version is None:
            return self._graph(*arguments)
        results = version([each for each in arguments if isinstance(each, torch.Tensor)])
        return results[0] if self._is_single else results

    def _specialise(self, arguments: Sequence[Any]) -> tuple[Version | None, str | None]:
        key = _key(arguments)
        if len(self._versions) >= MOST_VERSIONS:
            return None, f"more than {MOST_VERSIONS} sizes"
        try:
            version, why = _compile(self._graph, arguments, self._freedoms), None
        except PowerFusionError as error:
            version, why = None, "; ".join(line.strip() for line in error.message.splitlines())
        self._versions[key] = version
        return version, why


def _is_open(value: Any) -> bool:
    """Whether a value, or a size of it, isn't known before the call."""
    if isinstance(value, torch.Tensor):
        return any(not isinstance(size, int) for size in [*value.shape, *value.stride()])
    return not isinstance(value, (int, float, bool))


def _key(arguments: Sequence[Any]) -> Any:
    return tuple(
        [
            (each.shape, each.stride(), each.dtype) if isinstance(each, torch.Tensor) else (type(each), each)
            for each in arguments
        ]
    )


def _compile(graph: GraphModule, arguments: Sequence[Any], freedoms: Freedoms) -> Version:
    """Compiles a piece for arguments; those of the same kind and sizes may follow.

    Raises:
        PowerFusionError: It can't be done.
    """
    tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
    inputs = tuple(order_of(each.shape, each.stride()) for each in tensors)
    with _quietly(), FakeTensorMode(allow_non_fake_inputs=True):
        results = _as_list(graph(*[_fake(each) for each in arguments]))
        outputs = tuple(order_of(each.shape, each.stride()) for each in results)

        def lying(*given: torch.Tensor) -> list[torch.Tensor]:
            """The piece, of tensors in row-major order."""
            meant = iter([permuted(each, inverse_of(order)) for each, order in zip(given, inputs, strict=True)])
            called = [next(meant) if isinstance(each, torch.Tensor) else each for each in arguments]
            made = _as_list(graph(*called))
            return [permuted(each, order) for each, order in zip(made, outputs, strict=True)]

        examples = [
            torch.empty([each.shape[dim] for dim in order], dtype=each.dtype)
            for each, order in zip(tensors, inputs, strict=True)
        ]
        traced = make_fx(lying, decomposition_table=for_import())(*examples)
    return Version.of(_executable(traced, freedoms), inputs, outputs)


def _executable(traced: GraphModule, freedoms: Freedoms) -> Executable:
    """The program of a graph, made once for all graphs that are alike."""
    constants = list(traced.graph.find_nodes(op="get_attr"))
    key = None if constants else f"{freedoms}\n{_text(traced)}"
    if key is not None and isinstance(found := _compiled.get(key), Executable):
        return found
    if key is not None and isinstance(found := _compiled.get(key), str):
        raise PowerFusionError(found)
    try:
        name = "a piece of " + ", ".join(dict.fromkeys(map(name_of, calls(traced.graph))))
        model = ImportedModel(name, import_graph(traced.graph, name))
        own = replace(freedoms, libraries=bool(freedoms.libraries))  # Products stay with ATen anyway.
        made = compile_source(model, cache=True, freedoms=own)
    except PowerFusionError as error:
        if key is not None:
            _compiled[key] = error.message
        raise
    if key is not None:
        _compiled[key] = made
    return made


def _text(traced: GraphModule) -> str:
    """What a graph computes, and on what."""
    inputs = [node.meta["val"] for node in traced.graph.find_nodes(op="placeholder")]
    return "\n".join([*(f"{tuple(each.shape)} {each.dtype}" for each in inputs), traced.code])


def _fake(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return torch.empty_strided(tuple(value.shape), value.stride(), dtype=value.dtype)


def _as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple | list) else [results]


@contextlib.contextmanager
def _quietly() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def note_taken(graph: GraphModule) -> None:
    """Counts a piece that is compiled."""
    counts = current()
    counts.pieces += 1
    counts.taken.update(name_of(node) for node in calls(graph.graph))
