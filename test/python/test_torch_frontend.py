"""Modules, functions and exported programs of PyTorch through `pf.compile`: results as PyTorch's, errors that help."""

from __future__ import annotations

import subprocess
import sys

import pytest
from model_packages import need

import powerfusion as pf
from powerfusion.errors import SourceError, UnsupportedError

torch, *_ = need("torch", "torch_mlir")
nn, functional = torch.nn, torch.nn.functional
pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


class Block(nn.Module):
    """Weights of several kinds: parameters, a buffer of booleans, one that is a number, one that isn't kept."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 16)
        self.norm = nn.LayerNorm(16)
        self.register_buffer("mask", torch.arange(16) > 11)
        self.register_buffer("scale", torch.tensor(2.5))
        self.register_buffer("shift", torch.linspace(0, 1, 16).to(torch.bfloat16), persistent=False)

    def forward(self, x):
        hidden = self.norm(functional.gelu(self.linear(x))) + self.shift
        return torch.softmax(hidden.masked_fill(self.mask, -1e9), -1) * self.scale, hidden.amax(-1)


def check(program, expected, *inputs, tolerance=1e-5):
    got = program(*inputs)
    got, expected = (each if isinstance(each, tuple) else (each,) for each in (got, expected))
    assert len(got) == len(expected)
    for mine, wanted in zip(got, expected, strict=True):
        assert isinstance(mine, torch.Tensor)
        torch.testing.assert_close(mine, wanted.detach(), rtol=tolerance, atol=tolerance)


def test_a_module_gives_what_it_gives_in_torch():
    torch.manual_seed(0)
    module, x = Block().eval(), torch.randn(4, 8)
    program = pf.compile(module, x)
    check(program, module(x), x)
    assert [str(spec) for spec in program.signature.arguments] == ["4x8xf32"]


def test_weights_are_read_where_they_are():
    """They are no text on the way, and none of them is an argument that is left."""
    from powerfusion.frontend.models import import_model

    module = nn.Linear(64, 128).eval()
    model = import_model(module, torch.randn(2, 64))
    assert len(model.text) < 10_000
    assert sorted(weight.shape for weight in model.weights.values()) == [(128,), (128, 64)]
    places = {weight.__array_interface__["data"][0] for weight in model.weights.values()}
    assert places == {parameter.data_ptr() for parameter in module.parameters()}


def test_an_exported_program_with_an_open_size_takes_any():
    module = Block().eval()
    batch = torch.export.Dim("batch")
    exported = torch.export.export(module, (torch.randn(4, 8),), dynamic_shapes=({0: batch},))
    program = pf.compile(exported)
    for size in (1, 3, 7):
        x = torch.randn(size, 8)
        check(program, module(x), x)


def test_dynamic_shapes_are_exports_own():
    program = pf.compile(nn.Softmax(-1), torch.randn(4, 8), dynamic_shapes=({0: torch.export.Dim("n")},))
    x = torch.randn(6, 8)
    check(program, torch.softmax(x, -1), x)


def test_a_function_and_named_inputs():
    def scaled(x, *, factor):
        return torch.tanh(x) * factor

    x, factor = torch.randn(3, 5), torch.randn(5)
    check(pf.compile(lambda a, b: torch.tanh(a) * b, (x, factor)), scaled(x, factor=factor), x, factor)

    class Named(nn.Module):
        def forward(self, x, factor):
            return scaled(x, factor=factor)

    check(pf.compile(Named(), {"x": x, "factor": factor}), scaled(x, factor=factor), x, factor)


def test_all_that_is_refused_is_listed_with_its_line():
    class Refused(nn.Module):
        def forward(self, x):
            values = torch.linalg.qr(torch.relu(x))[0]
            return values + torch.fft.fft(x).real

    with pytest.raises(UnsupportedError) as caught:
        pf.compile(Refused(), torch.randn(4, 4))
    lines = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert len(lines) == 2
    assert lines[0].startswith("  aten.linalg_qr at ")
    assert lines[1].startswith("  aten.fft_fft at ")
    assert all("test_torch_frontend.py:" in line for line in lines)


def test_what_changes_its_buffers_is_refused():
    with pytest.raises(UnsupportedError, match="running_mean"):
        pf.compile(nn.BatchNorm1d(8).train(), torch.randn(4, 8))


@pytest.mark.parametrize(
    ("source", "inputs", "message"),
    [
        (nn.ReLU(), None, "expected example inputs for 'ReLU'"),
        (nn.Linear(3, 3), torch.randn(2, 4), "can't export 'Linear'"),
        ("func.func @f() { return }", "cpu", "target='cpu'"),
    ],
)
def test_wrong_inputs_are_explained(source, inputs, message):
    with pytest.raises(SourceError, match=message):
        pf.compile(source, inputs)


def test_the_package_imports_no_framework():
    names = "{'torch', 'torch_mlir', 'jax', 'onnx'}"
    code = f"import sys, powerfusion, powerfusion.executable; print({names} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_would_overflow_is_refused():
    """torch-mlir takes the exponentials before it adds them up."""
    with pytest.raises(UnsupportedError, match="running logarithm"):
        pf.compile(lambda x: torch.logcumsumexp(x, 0), (torch.full((4,), 100.0),))


def test_running_sums_and_scatters_are_programs():
    """Places that meet, and places counted from the end."""
    places = torch.tensor([[0, 2, 2], [1, 1, -1]])

    def function(x, y):
        return (
            x.cumsum(1),
            x.cumprod(0),
            torch.ops.aten.index_put(x, [places], y, True),
            x.scatter_add(-1, places % 4, y[0]),
        )

    x, y = torch.randn(5, 4), torch.randn(2, 3, 4)
    for got, wanted in zip(pf.compile(function, (x, y))(x, y), function(x, y), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
