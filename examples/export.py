#!/usr/bin/env python3
"""Exports the examples from PyTorch to linalg on tensors, and checks that the exported files are current.

    .venv/bin/python examples/export.py            # writes examples/*.mlir
    .venv/bin/python examples/export.py --check    # writes nothing; exits 1 if a file or a reference is wrong

It needs torch and torch-mlir, in the versions below; `tools/bootstrap --with models` adds both to `.venv`.
"""

import argparse
import importlib.metadata
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import references
import torch
from modules import MODULES
from references import EXAMPLES, Example, relative_error
from torch import Tensor, nn

VERSIONS = {"torch": "2.13.0", "torch-mlir": "20261001"}
"""What the committed files were exported with."""
TORCH_SLACK = 4.0
"""PyTorch's own float32 result may use this fraction, one in so many, of an example's tolerance."""


class Functional(nn.Module):
    """A module whose parameters are arguments, so that a program doesn't carry its weights."""

    def __init__(self, module: nn.Module, activations: int, parameters: Sequence[str]) -> None:
        """Wraps `module`, which takes `activations` arguments; the parameters named follow them."""
        super().__init__()
        # In a list, so that the module's own parameters aren't exported as well.
        self._hidden = [module]
        self._activations = activations
        self._parameters_taken = tuple(parameters)

    def forward(self, *arguments: Tensor) -> Any:
        """Calls the module with the first arguments as its own and the rest as its parameters."""
        given = dict(zip(self._parameters_taken, arguments[self._activations :], strict=True))
        return torch.func.functional_call(self._hidden[0], given, arguments[: self._activations])


def make_module(example: Example) -> nn.Module:
    """Makes the module of an example, for inference, with the arguments of its program."""
    module = MODULES[example.name]().eval().requires_grad_(False)
    parameters = [entry.parameter for entry in example.inputs if entry.parameter]
    activations = len(example.inputs) - len(parameters)
    return Functional(module, activations, parameters).eval() if parameters else module


def export(example: Example) -> str:
    """Gives the example's program as text."""
    from torch_mlir import fx
    from torch_mlir.fx import OutputType

    inputs = tuple(map(torch.from_numpy, example.make_inputs()))
    sizes = {name: torch.export.Dim(name) for name in example.dynamic}
    shapes = tuple({axis: sizes[name] for axis, name in entry.dynamic.items()} for entry in example.inputs)
    module = make_module(example)
    # A module that takes *arguments has one argument as far as its signature goes.
    dynamic_shapes = (shapes,) if isinstance(module, Functional) else shapes
    imported = fx.export_and_import(
        module,
        *inputs,
        output_type=OutputType.LINALG_ON_TENSORS,
        func_name=example.name,
        dynamic_shapes=dynamic_shapes if sizes else None,
    )
    header = f"// {example.title}: exported by examples/export.py with " + ", ".join(
        f"{package} {version}" for package, version in VERSIONS.items()
    )
    return f"{header}.\n{imported}".rstrip() + "\n"


def torch_error(example: Example) -> float:
    """Measures how far the module's own result is from the reference."""
    arrays = example.make_inputs()
    with torch.no_grad():
        results = make_module(example)(*map(torch.from_numpy, arrays))
    results = results if isinstance(results, tuple) else (results,)
    expected = example.expected(*arrays)
    pairs = zip(results, expected, strict=True)
    return max(relative_error(np.asarray(result), wanted) for result, wanted in pairs)


def parse_error(path: Path) -> str:
    """Gives what `mlir-opt` says against a file, or nothing if it accepts it."""
    tool = shutil.which("mlir-opt-22") or shutil.which("mlir-opt", path="/usr/lib/llvm-22/bin")
    if tool is None:
        return "mlir-opt isn't installed: run tools/bootstrap"
    done = subprocess.run([tool, "--verify-roundtrip", "-o", "/dev/null", str(path)], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def problems(example: Example) -> Iterator[str]:
    """Says what is wrong with an example: a stale file, one that doesn't parse, a reference unlike the module."""
    if not example.path.is_file():
        yield f"{example.path.name} is missing: run examples/export.py"
        return
    if example.path.read_text() != export(example):
        yield f"{example.path.name} is stale: run examples/export.py"
    if message := parse_error(example.path):
        yield f"{example.path.name} doesn't parse: {message}"
    allowed = example.tolerance / TORCH_SLACK
    if (error := torch_error(example)) > allowed:
        yield f"{example.name}: PyTorch is {error:.1e} away from the reference, expected at most {allowed:.1e}"


def wrong_versions() -> Iterator[str]:
    """Says which package isn't the one that the committed files were exported with."""
    for package, wanted in VERSIONS.items():
        got = importlib.metadata.version(package).partition("+")[0]
        if got != wanted:
            yield f"expected {package} {wanted}, got {got}: run tools/bootstrap --with models"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description="Export the examples from PyTorch, or check the exported files.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the examples to take; all of them if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file or a reference is wrong")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - EXAMPLES.keys()):
        parser.error(f"unknown example {', '.join(unknown)}; there are {', '.join(EXAMPLES)}")
    if EXAMPLES.keys() != MODULES.keys():
        parser.error("references.EXAMPLES and modules.MODULES name different examples")
    warnings.simplefilter("ignore", FutureWarning)
    found = list(wrong_versions())
    chosen = [EXAMPLES[name] for name in options.names] or list(EXAMPLES.values())
    for example in chosen if not found else ():
        if not options.check:
            example.path.write_text(export(example))
            print(f"wrote {example.path.relative_to(references.FOLDER.parent)}")
            continue
        wrong = list(problems(example))
        found += wrong
        print(f"{example.name}: {'; '.join(wrong) or 'current'}")
    for message in found:
        print(f"error: {message}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
