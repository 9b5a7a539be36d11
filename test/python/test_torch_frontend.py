"""Modules, functions and exported programs of PyTorch through `pf.compile`: results as PyTorch's, errors that help."""

from __future__ import annotations

import math
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


UNSIGNED = {
    "wraps": lambda x: x * 3 - 7,
    "divides": lambda x: (x // 7, x / 2, x % 9, x >> 1),
    "compares": lambda x: (x > 128, torch.where(x > 252, x, x - 1), x.clamp(3, 252)),
    "folds": lambda x: (x.sum(0), x.amax(1), x.argmin(0), x.cumsum(1), x.max(1)),
    "moves": lambda x: (x.T.reshape(-1), torch.cat([x, x[:1]]), x.expand(2, -1, -1) + x),
    "casts": lambda x: (x.float() * 2.5, x.to(torch.int8), (x + 0.5).sqrt().to(torch.uint8)),
}


@pytest.mark.parametrize("how", UNSIGNED)
@pytest.mark.parametrize("compiled", [False, True], ids=["program", "compile"])
def test_bytes_have_no_sign(how, compiled):
    """Bytes of 128 and more are no negative numbers, wherever they go."""
    x = (torch.arange(40) * 13 % 256).to(torch.uint8).reshape(5, 8)
    function = UNSIGNED[how]
    program = torch.compile(function, backend="powerfusion") if compiled else pf.compile(function, (x,))
    got, wanted = torch.utils._pytree.tree_leaves(program(x)), torch.utils._pytree.tree_leaves(function(x))
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_bytes_stay_bytes_in_an_artifact(tmp_path):
    x = torch.arange(200, 216, dtype=torch.uint8)
    program = pf.compile(lambda x: x + 60, (x,))
    program.save(tmp_path / "bytes.pfx")
    for loaded in (program, pf.load(tmp_path / "bytes.pfx")):
        assert torch.equal(loaded(x), x + 60)


SORTED = {
    "up": lambda x: torch.sort(x, dim=-1, stable=True),
    "down": lambda x: torch.sort(x, dim=0, descending=True, stable=True),
    "greatest": lambda x: torch.topk(x, 3),
    "by_another": lambda x: torch.gather(x.exp(), 1, torch.argsort(x, dim=1, stable=True)),
    "of_one": lambda x: torch.sort(x[:, :1], 1),
    "of_none": lambda x: torch.sort(x[:0], 1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32, torch.uint8])
@pytest.mark.parametrize("how", SORTED)
def test_sorting_is_a_program(how, dtype):
    """Equal ones keep their order, and what is no number comes behind infinity; descending, before it."""
    x = (torch.randn(5, 37) * 9).round() if dtype.is_floating_point else torch.randint(0, 9, (5, 37))
    x = x.to(dtype)
    if dtype.is_floating_point:
        x[0, 3:6] = torch.tensor([math.nan, math.inf, -math.inf])
        x[1, 2:9] = torch.tensor([-0.0, 0.0, math.nan, 1.0, math.nan, -0.0, 0.0])
    if how == "greatest":  # Which of equal ones are taken, PyTorch doesn't say.
        x = (torch.randperm(5 * 37) % 256).reshape(5, 37).to(dtype)
    if how == "by_another" and not dtype.is_floating_point:
        x = x.float()
    got, wanted = pf.compile(SORTED[how], (x,))(x), SORTED[how](x)
    pairs = zip(got, wanted, strict=True) if isinstance(wanted, tuple) else [(got, wanted)]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, equal_nan=True)
        if ours.is_floating_point() and how != "by_another":
            assert torch.equal(ours.signbit() & ~ours.isnan(), theirs.signbit() & ~theirs.isnan())


def test_rows_of_any_length_are_sorted():
    class Order(nn.Module):
        def forward(self, x):
            return torch.sort(x, dim=-1, stable=True)[1]

    sizes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("columns")}
    program = pf.compile(Order(), (torch.randn(3, 8),), dynamic_shapes=(sizes,))
    for shape in ((2, 2), (7, 65), (3, 300)):
        x = torch.randn(shape).round()
        torch.testing.assert_close(program(x), torch.sort(x, dim=-1, stable=True)[1])
