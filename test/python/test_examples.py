"""The exported examples: what their files hold, what their references mean, and that they compile and run."""

import importlib.util
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import powerfusion as pf
from powerfusion.cli import demo
from powerfusion.errors import ToolError, UnsupportedError

ROOT = Path(__file__).resolve().parents[2]
references = demo.load_examples()
EXAMPLES = list(references.EXAMPLES.values())
MLIR_TYPES = {"float32": "f32", "int64": "i64", "bool": "i1"}

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def written_types(example):
    """The types of the program's arguments, as its text has them."""
    signature = re.search(rf"func\.func @{example.name}\((.*?)\) ->", example.path.read_text())
    assert signature, "the function has the example's name"
    return re.findall(r"%arg\d+: (tensor<[^>]*>)", signature[1])


def registered_types(example):
    """The types of the program's arguments, as the registry has them."""
    for entry in example.inputs:
        sizes = ("?" if axis in entry.dynamic else str(size) for axis, size in enumerate(entry.shape))
        yield f"tensor<{'x'.join((*sizes, MLIR_TYPES[entry.dtype]))}>"


# The registry and the exported files.


def test_every_file_is_registered():
    """A program that nobody registered would never run."""
    assert {path.stem for path in (ROOT / "examples").glob("*.mlir")} == set(references.EXAMPLES)


@every_example
def test_file_takes_what_the_registry_says(example):
    """Argument types, order and dynamic sizes agree; weights are arguments, so the file is small."""
    assert written_types(example) == list(registered_types(example))
    assert len(example.path.read_bytes()) < 32_768


@every_example
def test_file_tells_nothing_of_the_machine_that_made_it(example):
    """Locations and paths would make the export differ from one machine to the next."""
    text = example.path.read_text()
    assert "loc(" not in text
    assert not re.search(r'"/|\.py"', text)


@every_example
def test_readme_has_a_row(example):
    """The README's table is complete."""
    assert f"| `{example.path.name}` |" in (ROOT / "examples" / "README.md").read_text()


@pytest.mark.timeout(300)
def test_files_are_current():
    """With torch at hand, exporting again gives the same files, and PyTorch agrees with the references."""
    if importlib.util.find_spec("torch_mlir") is None:
        pytest.skip("torch_mlir isn't there: tools/bootstrap --with models installs it")
    command = [sys.executable, ROOT / "examples" / "export.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Inputs, references, errors.


@every_example
def test_inputs_repeat(example):
    """The same seed gives the same arrays, another seed others."""
    first, again, other = (example.make_inputs(seed) for seed in (1, 1, 2))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@every_example
def test_reference_is_finite_float64(example):
    """The references neither lose precision on the way nor overflow on the usual inputs."""
    for result in example.expected(*example.make_inputs()):
        assert result.dtype == np.float64
        assert np.isfinite(result).all()


def test_dynamic_sizes_are_asked_for_by_name():
    """A dynamic size reaches every input that has it; a name that no input has is refused."""
    example = references.EXAMPLES["vit_embedding"]
    assert example.make_inputs(batch=3)[0].shape[0] == 3
    with pytest.raises(KeyError, match="no dynamic size rows"):
        example.make_inputs(rows=3)


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("example", [entry for entry in EXAMPLES if entry.dynamic], ids=lambda example: example.name)
def test_reference_takes_any_batch(example, batch):
    """A reference has to hold for no batch at all, too."""
    for result in example.expected(*example.make_inputs(batch=batch)):
        assert result.shape[0] == batch


def test_shuffle_by_hand():
    """A shuffle in two groups sends channel c of the shortcut to 2c, and of the branch to 2c + 1."""
    example = references.EXAMPLES["shufflenet_block"]
    shortcut, branch = example.make_inputs()
    frozen = references.frozen_batch_norm()
    (result,) = example.expected(shortcut, branch)
    weight, bias, mean, variance = (
        float(frozen[f"norm.{name}"][5]) for name in ("weight", "bias", "running_mean", "running_var")
    )
    branched = (float(branch[0, 5, 1, 2]) - mean) / math.sqrt(variance + 1e-5) * weight + bias
    assert result[0, 10, 1, 2] == shortcut[0, 5, 1, 2]
    assert result[0, 11, 1, 2] == pytest.approx(max(branched, 0.0), rel=1e-12)


@pytest.mark.parametrize(
    ("got", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.2], [1.0, 2.0], 0.1),
        ([0.1, 2.0], [0.0, 2.0], 0.1 / math.sqrt(2.0)),
        ([], [], 0.0),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([math.nan, 1.0], [math.nan, 1.0], 0.0),
        ([math.inf, 1.0], [math.inf, 1.0], 0.0),
        ([math.inf, 1.0], [-math.inf, 1.0], math.inf),
        ([math.nan, 1.0], [0.0, 1.0], math.inf),
        ([0.0, 1.0], [math.nan, 1.0], math.inf),
        ([0.0], [0.0, 1.0], math.inf),
    ],
)
def test_relative_error(got, expected, error):
    """Small elements count against the root mean square; what isn't a number must be the same on both sides."""
    assert references.relative_error(np.array(got), np.array(expected)) == pytest.approx(error, rel=1e-12)


# The demo's own parts.


class FakeReport:
    """What a compiled program would report of itself."""

    def to_json(self):
        """One kernel that moves a tenth more than it must."""
        kernels = [{"name": "k", "reads": {"dram": 70, "sram": 5}, "writes": {"dram": 40, "sram": 6}}]
        return {"dram_bytes": 110, "least_dram_bytes": 100, "naive_dram_bytes": 500, "kernels": kernels}


class FakeExecutable:
    """Gives the reference's results, `off` too much."""

    def __init__(self, example, off):
        self.example = example
        self.off = off

    def __call__(self, *arrays):
        """Runs the reference."""
        results = tuple((result + self.off).astype(np.float32) for result in self.example.expected(*arrays))
        return results if len(results) > 1 else results[0]

    def report(self):
        """Gives the made-up figures."""
        return FakeReport()


@pytest.fixture
def fake_compile(monkeypatch):
    """Puts a compiler in place whose results are off by the amount given, or that refuses every program."""

    def install(off=0.0, refuses=False):
        def compile_(path, target, cache):
            if refuses:
                raise UnsupportedError("no such operator", location="there:1:1", help="write it otherwise")
            return FakeExecutable(references.EXAMPLES[path.stem], off)

        monkeypatch.setattr(pf, "compile", compile_, raising=False)

    return install


def test_demo_shows_bytes_beside_the_least(fake_compile, capsys):
    """A program that is right has its bytes, its ratio and the word for it in its row; the exit code is 0."""
    fake_compile()
    assert demo.main(["causal_softmax", "vit_embedding"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"causal softmax, batch \? +1 +500 B +110 B +100 B +1\.10 +70 B +40 B +11 B .* right", out)
    assert re.search(r"example +kernels +naive +placed +least +ratio", out)
    assert "2 of 2 programs give the right result. They move 220 B" in out
    assert "\x1b" not in out, "plain when piped"


def test_demo_fails_on_a_wrong_result(fake_compile, capsys):
    """A result beyond the tolerance is called wrong, with both figures, and the exit code is 1."""
    fake_compile(off=0.01)
    assert demo.main(["causal_softmax"]) == 1
    seen = capsys.readouterr()
    assert "0 of 1 programs" in seen.out
    assert "error: causal_softmax: expected a relative error of at most 1e-05, got" in seen.err


def test_demo_json(fake_compile, capsys):
    """The figures come as JSON on stdout, and nothing else does."""
    fake_compile()
    assert demo.main(["--json", "shufflenet_block"]) == 0
    told = json.loads(capsys.readouterr().out)
    (entry,) = told["examples"]
    assert told["ok"]
    assert (entry["dram_bytes"], entry["dram_ratio"], entry["sram_bytes"], entry["reg_bytes"]) == (110, 1.1, 11, None)


def test_demo_goes_on_after_a_refusal(fake_compile, capsys):
    """What the compiler refuses is a row and an error with its location and help; the exit code is 1."""
    fake_compile(refuses=True)
    assert demo.main(["causal_softmax", "vit_embedding"]) == 1
    seen = capsys.readouterr()
    assert "0 of 2 programs" in seen.out
    assert "error: vit_embedding: there:1:1: no such operator\nhelp: write it otherwise" in seen.err


def test_demo_refuses_an_unknown_name(capsys):
    """A wrong name is wrong usage: exit code 2, and the names there are."""
    with pytest.raises(SystemExit, match="2"):
        demo.main(["relu_sub"])
    assert "unknown example relu_sub; there are relu_add" in capsys.readouterr().err


def test_demo_without_examples(monkeypatch, tmp_path):
    """Outside a checkout the error says where to run it."""
    monkeypatch.delitem(demo.sys.modules, "powerfusion_examples")
    with pytest.raises(ToolError, match="isn't there"):
        demo.load_examples(tmp_path)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (99_960, "100 kB"), (999_600, "1.00 MB")],
)
def test_format_bytes(count, text):
    """Three digits and a decimal unit, also where rounding reaches the next unit."""
    assert demo.format_bytes(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (1.5e-6, "1.50 µs"), (0.0123, "12.3 ms"), (2.0, "2.00 s")])
def test_format_seconds(seconds, text):
    """Three digits and a unit."""
    assert demo.format_seconds(seconds) == text


# Through the compiler.

needs_compiler = pytest.mark.skipif(not hasattr(pf, "compile"), reason="needs pf.compile")


@needs_compiler
@pytest.mark.timeout(120)
@every_example
def test_example_runs(example):
    """Every example compiles for the CPU, equals its reference and reports at least the least bytes."""
    outcome = demo.run_example(example, "cpu", seed=3)
    assert outcome.problem == ""
    assert outcome.traffic.ratio >= 1.0
    assert outcome.traffic.naive_dram_bytes >= outcome.traffic.dram_bytes


@needs_compiler
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [example.name for example in EXAMPLES if example.dynamic])
def test_dynamic_example_takes_any_batch(name):
    """One executable serves every batch, none at all included."""
    example = references.EXAMPLES[name]
    executable = pf.compile(example.path, target="cpu")
    for batch in (0, 1, 3):
        arrays = example.make_inputs(batch=batch)
        results = executable(*arrays)
        results = results if isinstance(results, tuple) else (results,)
        for result, expected in zip(results, example.expected(*arrays), strict=True):
            assert references.relative_error(result, expected) <= example.tolerance
