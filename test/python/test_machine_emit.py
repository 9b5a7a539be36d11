"""Machines in files that say how programs are written: the guide's, the example's, and wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from simulated import DSP, ROOT, compiled, moved

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import CompileError, MachineError, UnsupportedError
from powerfusion.machines import find, schema
from powerfusion.machines.emission import parse_call

GUIDE = (ROOT / "docs/accelerators.md").read_text()
TEXT = DSP.read_text()
MINIMUM = """
func.func @least(%x: tensor<9x40xf32>, %y: tensor<9x40xf32>) -> tensor<9x40xf32> {
  %e = tensor.empty() : tensor<9x40xf32>
  %0 = linalg.min ins(%x, %y : tensor<9x40xf32>, tensor<9x40xf32>) outs(%e : tensor<9x40xf32>) -> tensor<9x40xf32>
  return %0 : tensor<9x40xf32>
}
"""
VMIN = """
[[emit.intrinsic]]
op = "arith.minimumf"
call = "dsp_vmin_{dtype}({dst}, {a}, {b}, {count})"
dtypes = ["f32"]
granule_bytes = 64
body = "for (int64_t i = 0; i < count; ++i) dst[i] = a[i] < b[i] ? a[i] : b[i];"
"""


def block(mark: str) -> str:
    """What stands in the guide behind a mark."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found, f"the guide has no {mark}"
    return found[1]


def test_the_guide_word_for_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with a running kernel for a new machine, and the intrinsic in it."""
    monkeypatch.chdir(tmp_path)
    machine = tmp_path / "tiny.toml"
    machine.write_text(block("file: tiny.toml"))
    code = block("python")
    before: dict[str, object] = {}
    exec(code, before)
    machine.write_text(machine.read_text() + block("append: tiny.toml"))
    after: dict[str, object] = {}
    exec(code, after)
    texts = [given["program"].c_source.code for given in (before, after)]  # pyright: ignore
    assert ["tiny_mul_f32(" in text for text in texts] == [False, True]
    assert "tiny_get(" in texts[0]


def test_an_intrinsic_that_is_added_is_used(tmp_path: Path) -> None:
    """By nothing but the file."""
    x, y = np.random.default_rng(0).standard_normal((2, 9, 40)).astype(np.float32)
    path = tmp_path / "more.toml"
    path.write_text(TEXT + VMIN)
    for machine, is_there in ((DSP, False), (path, True)):
        program = compiled(MINIMUM, f"file:{machine}")
        np.testing.assert_array_equal(program(x, y), np.minimum(x, y))
        assert program.simulation is not None
        assert ("dsp_vmin_f32" in program.simulation.calls) == is_there
        counted, ledger = moved(program)
        assert counted == ledger == 3 * 9 * 40 * 4


def test_no_code_knows_the_example() -> None:
    """Nothing in the compiler mentions the machine, nor compares the MLUs' names."""
    for folder in ("passes", "python/powerfusion"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not re.search(r"\bdsp\b|\bdsp_", path.read_text(), re.IGNORECASE), path
    for path in sorted((ROOT / "passes").rglob("*.py")):
        assert not re.search(r"mlu372|mlu592|__bang_", path.read_text()), path


def test_a_wrong_body_is_an_error() -> None:
    """What the C++ compiler says of it."""
    wrong = schema.loads(TEXT.replace("dst[i] = expf(a[i]);", "dst[i] = exp_f(a[i]);"), "dsp.toml")
    from powerfusion.emit.device import build_simulation

    program = compiled(MINIMUM, f"file:{DSP}")
    with pytest.raises(CompileError, match="exp_f"):
        build_simulation(program._device_source, wrong)  # pyright: ignore[reportPrivateUsage]


def test_files_are_written_back() -> None:
    """A known machine as a file, and read again."""
    for name in ("mlu592", str(DSP)):
        machine = find(name)
        again = schema.loads(schema.to_toml(machine))
        assert (again, again.emit) == (machine, machine.emit)
        data = schema.to_data(machine)
        assert len(data["emit"]["intrinsics"]) == len(machine.emit.intrinsics)  # pyright: ignore


WRONG = {
    "unknown key": (
        'qualifier = "DSP_L1"',
        'qualifer = "DSP_L1"',
        "emit.memory[0].qualifer: unknown key: did you mean",
    ),
    "unknown table": ("[[emit.scalar]]", "[[emit.scaler]]", "emit.scaler: unknown key: did you mean 'scalar'?"),
    "missing key": ('task = "dsp_core()"\n', "", "emit: key 'task' is missing"),
    "not a number": ("launched = 4", 'launched = "4"', 'emit.launched: expected an integer, got "4"'),
    "no space": ('space = "l2"\nqual', 'space = "l3"\nqual', "emit.memory[1].space: no space is called 'l3'"),
    "no link": (
        'source = "l1"\nresult = "l1"\ncall',
        'source = "l2"\nresult = "l2"\ncall',
        "no link goes from 'l2' to 'l2'",
    ),
    "no op": ('op = "arith.addf"', 'op = "arith.adf"', "no intrinsic does 'arith.adf': did you mean 'arith.addf'?"),
    "no name": ("dsp_vsub_{dtype}({dst}, {a}, {b}", "dsp_vsub_{dtype}({dst}, {a}, {d}", "'{d}' means nothing here"),
    "lacks": ("dsp_vsub_{dtype}({dst}, {a}, {b}, {count})", "dsp_vsub_{dtype}({dst}, {a}, {b})", "lacks '{count}'"),
    "no call": ("dsp_vsub_{dtype}({dst}", "dsp_vsub_{dtype}[{dst}", "expected a call as"),
    "some rows": (", {bytes}, {rows})", ", {bytes})", "lacks '{rows}'"),
    "wait": ('wait = "dsp_dma_wait_in()"', 'wait = "dsp_dma_wait_in(1)"', "expected a call without arguments"),
    "scalars": ('scalars = ["a"]', 'scalars = ["b"]', "'b' is no operand of 'fill'"),
    "dtype": ('dtypes = ["f32"]\ngranule', 'dtypes = ["f31"]\ngranule', "did you mean 'f32'?"),
    "granule": ("granule_bytes = 64\nbody", "granule_bytes = 6\nbody", "expected a multiple of an element's bytes"),
    "alignment": (
        "granule_bytes = 64\nbody",
        "granule_bytes = 64\nalignment_bytes = 128\nbody",
        "buffers in 'l1' begin at multiples of 64",
    ),
    "group": ("granule_bytes = 64\nbody", "granule_bytes = 64\ngroup_bytes = 64\nbody", "isn't a reduction"),
    "twice": ("dsp_vsub_{dtype}", "dsp_vadd_{dtype}", "takes the same as number 1"),
    "no body": ('body = "return a / b;"', 'body = "a / b;"', "expected a 'return'"),
    "no barrier": ("launched = 4", 'launched = 4\nunit = "dsp_unit()"', "tasks of a group have no barrier"),
    "no memory": ('space = "l1"\nqualifier', 'space = "ddr"\nqualifier', "declared, where tiles are"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_name_line_and_key(case: str) -> None:
    """And what would be right."""
    old, new, message = WRONG[case]
    assert old in TEXT
    with pytest.raises(MachineError) as caught:
        schema.loads(TEXT.replace(old, new, 1), "dsp.toml")
    assert message in str(caught.value)
    line = int(re.findall(r"dsp\.toml:(\d+): emit", str(caught.value))[0])
    where = TEXT[: TEXT.index(old)].count("\n") + 1
    if case not in ("missing key", "no memory", "no link", "unknown table"):
        assert 0 <= line - where <= 2 + new.count("\n"), (line, where)


def test_templates() -> None:
    """Arguments are names, names and a number, or words."""
    call = parse_call("move( {dst},{rows} - 1, {bytes} * 2, NEAR, -3 );")
    assert call.callee == "move"
    assert call.names == ("dst", "rows", "bytes")
    assert [(a.factor, a.shift, a.word) for a in call.arguments[1:]] == [
        (1, -1, ""),
        (2, 0, ""),
        (1, 0, "NEAR"),
        (1, 0, "-3"),
    ]
    for text in ("move", "move({a b})", "move({rows} - n)", "2({a})", "move({a}, f({b}))"):
        with pytest.raises(ValueError, match="expected"):
            parse_call(text)


def test_machines_without_this_part() -> None:
    """They have no code yet; the error says what would help."""
    with pytest.raises(UnsupportedError, match=r"code for 'file:.*five_spaces\.toml' isn't made yet"):
        pf.compile(MINIMUM, target=f"file:{ROOT}/examples/machines/five_spaces.toml")
    with pytest.raises(MachineError, match="the file can't be read"):
        pf.compile(MINIMUM, target="file:nowhere.toml")


def test_check_needs_this_part(capsys: pytest.CaptureFixture[str]) -> None:
    """`pf machines check` says so."""
    assert main(["machines", "check", f"{ROOT}/examples/machines/five_spaces.toml"]) == 1
    assert "says nothing on how programs are written" in capsys.readouterr().err
