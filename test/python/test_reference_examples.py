"""The reference interpreter on the programs of `examples/gir`, in every form that GIR has."""

from __future__ import annotations

import pytest
from gir_examples import FOLDER, Example, examples, identified

from powerfusion.core.context import make_context
from powerfusion.mlir import ir
from powerfusion.reference import interpret


@pytest.mark.parametrize("example", identified())
@pytest.mark.parametrize("seed", range(3))
def test_example_means_what_numpy_says(example: Example, seed: int) -> None:
    """Whatever is left open (orders, when copies are done, what is unspecified), the results are NumPy's."""
    module = ir.Module.parse(example.text, make_context())
    run = interpret(module, example.inputs, seed=seed)
    example.check(run.results, run.arguments)


def test_every_example_has_a_meaning() -> None:
    """A file without an entry in `gir_examples` would go untested."""
    assert {path.stem for path in FOLDER.glob("*.mlir")} == {example.name for example in examples()}
