"""`#gir.machine`: descriptions go into the IR and come back, and modules are held to the machine that they name."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerfusion.core.machine import NAME, as_attribute_has_it, from_attribute, machine_of, to_attribute
from powerfusion.dialects import gir
from powerfusion.errors import MachineError
from powerfusion.machines import Machine, find, names
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import interpret

FIVE = Path(__file__).resolve().parents[2] / "examples/machines/five_spaces.toml"
ALL = [*names(), str(FIVE)]


@pytest.fixture
def context() -> ir.Context:
    context = ir.Context()
    gir.register(context)
    return context


def module_for(machine: Machine, body: str, context: ir.Context) -> ir.Module:
    module = ir.Module.parse(body, context)
    module.operation.attributes[NAME] = to_attribute(machine, context)
    return module


def complaints(module: ir.Module) -> str:
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        return "\n".join(diagnostic.message for diagnostic in error.error_diagnostics)
    return ""


@pytest.mark.parametrize("name", ALL)
def test_machines_round_trip(name: str, context: ir.Context) -> None:
    """Through the attribute and through its text; the title and the sources stay behind."""
    machine = find(name)
    attribute = to_attribute(machine, context)
    assert from_attribute(attribute) == as_attribute_has_it(machine)
    assert ir.Attribute.parse(str(attribute), context) == attribute
    assert as_attribute_has_it(machine).space_of("reg").capacity_bytes == machine.space_of("reg").capacity_bytes
    module = module_for(machine, "module {}", context)
    assert complaints(module) == ""
    assert machine_of(ir.Module.parse(str(module), context)) == as_attribute_has_it(machine)


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.floats(min_value=1e-300, max_value=1e300),
    st.integers(1, 2**62),
)
def test_any_text_and_number_round_trips(text: str, number: float, size: int) -> None:
    five = find(FIVE)
    space = dataclasses.replace(five.spaces[0], capacity_bytes=size)
    link = dataclasses.replace(five.links[0], instruction=text, latency_ns=number)
    engine = dataclasses.replace(five.engines[0], limits=(("k", size),), rates=(("f32", number),))
    machine = dataclasses.replace(
        five,
        launch_ns=number,
        spaces=(space, *five.spaces[1:]),
        links=(link, *five.links[1:]),
        engines=(engine, five.engines[1]),
    )
    context = ir.Context()
    gir.register(context)
    assert from_attribute(to_attribute(machine, context)) == as_attribute_has_it(machine)


def test_a_wrong_machine_makes_no_attribute(context: ir.Context) -> None:
    five = find(FIVE)
    with pytest.raises(MachineError, match=r"machine five_spaces is wrong: expected a link to name a space"):
        to_attribute(dataclasses.replace(five, spaces=tuple(s for s in five.spaces if s.name != "wram")), context)


def test_other_attributes_are_no_machines(context: ir.Context) -> None:
    with context, pytest.raises(MachineError, match=r"expected #gir\.machine, got 3"):
        from_attribute(ir.Attribute.parse("3 : i64"))
    assert machine_of(ir.Module.parse("module {}", context)) is None


PROGRAM = """
!d = tensor<8x8xf32, #gir.at<dram>>
!n = tensor<8x8xf32, #gir.at<reg>>
!w = tensor<8x8xf32, #gir.at<reg, space = "wram">>
!a = tensor<8x8xf32, #gir.at<reg, space = "acc">>
func.func @f(%x: !d, %zero: !a) -> !d {{
  %n = gir.move %x : !d -> !n
  %w = gir.move %x : !d -> !w
  {op}
  %c = gir.contract %n, %w into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
    affine_map<(m, n, k) -> (m, n)>] : !n, !w into !a
  %r = gir.move %c : !a -> !n
  %y = gir.move %r : !n -> !d
  return %y : !d
}}
"""


@pytest.mark.parametrize(
    ("op", "said"),
    [
        ("%e = math.exp %n : !n", ""),
        ("%e = math.exp %w : !w", "expected operand #0 in a space that an engine for elementwise reads (vector: "),
        ("%e = math.exp %zero : !a", 'got "acc"; move it to such a space first'),
        ("%e = gir.move %w : !w -> !n", 'expected a movement along a link, got "wram" to "nram"'),
        ("%e = gir.move %w : !w -> !n", '"nram"; from "wram" links go to no space'),
        ("%e = gir.move %w : !w -> !d", 'got "wram" to "gdram"'),
        ("%e = gir.move %n : !n -> !w", 'got "nram" to "wram"; from "nram" links go to "gdram", "sram", "acc"'),
        (
            '%e = gir.move %x : !d -> tensor<8x8xf32, #gir.at<reg, space = "vram">>',
            'expected a space at reg, one of "nram", "wram", "acc", got "vram"',
        ),
    ],
)  # fmt: skip
def test_programs_of_five_spaces(op: str, said: str, context: ir.Context) -> None:
    """What uses each space as the machine allows verifies; elementwise work on weights, say, is refused."""
    heard = complaints(module_for(find(FIVE), PROGRAM.format(op=op), context))
    assert said in heard
    assert bool(said) == bool(heard)
    assert complaints(ir.Module.parse(PROGRAM.format(op=op), context)) == ""


def test_on_one_engine_alone(context: ir.Context) -> None:
    """Operands that no single engine reads together are refused, though each is read by some engine."""
    five = find(FIVE)
    vector, matrix = five.engines
    one = dataclasses.replace(matrix, reads=("nram", "acc"))
    other = dataclasses.replace(matrix, name="other", reads=("wram", "acc"))
    split = dataclasses.replace(five, engines=(vector, one, other))
    heard = complaints(module_for(split, PROGRAM.format(op=""), context))
    assert 'expected operand #1 in a space that an engine for contract reads (matrix: ["nram", "acc"]' in heard
    assert 'got "wram"' in heard


KERNEL = """
!d = tensor<8x8xf32, #gir.at<dram>>
!n = tensor<8x8xf32, #gir.at<reg>>
!w = tensor<8x8xf32, #gir.at<reg, space = "wram">>
!a = tensor<8x8xf32, #gir.at<reg, space = "acc">>
func.func @f(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<8x8xf32>, %b = %w : tensor<8x8xf32>) -> (tensor<8x8xf32>) {
    %n = gir.move %a : !d -> !n
    %v = gir.move %b : !d -> !w
    %z = arith.constant dense<0.0> : !n
    %zero = gir.move %z : !n -> !a
    %c = gir.contract %n, %v into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>] : !n, !w into !a
    %r = gir.move %c : !a -> !n
    %o = gir.move %r : !n -> !d
    gir.return %o : !d
  }
  return %y : tensor<8x8xf32>
}
"""


def test_five_spaces_are_verified_interpreted_and_counted(context: ir.Context) -> None:
    """One module goes through all three; what comes from and goes to memory is counted alike, by space."""
    machine = find(FIVE)
    module = module_for(machine, KERNEL, context)
    assert complaints(module) == ""
    generator = np.random.default_rng(0)
    x, w = (generator.standard_normal((8, 8)).astype(np.float32) for _ in range(2))
    run = interpret(module, [x, w], machine=machine)
    np.testing.assert_allclose(run.results[0], x @ w, rtol=1e-5, atol=1e-5)
    counted = {key: (count.useful, count.issued) for key, count in run.counts.items()}
    loads = {(3, "gdram", "read"), (3, "nram", "write"), (4, "gdram", "read"), (4, "wram", "write")}
    expected = loads | {(9, "nram", "read"), (9, "gdram", "write")}
    assert {key: counted[key] for key in expected} == dict.fromkeys(expected, (256, 256))
    entries = {
        (entry.instruction, entry.space, entry.direction): (entry.useful, entry.issued)
        for entry in ledger_of(module, machine).entries
    }
    assert {key: entries[key] for key in expected} == dict.fromkeys(expected, (256, 256))


def test_checking_is_linear(context: ir.Context) -> None:
    """8,000 ops against a machine cost at most a few times what 2,000 do, and well under a second."""

    def seconds(count: int) -> float:
        chain = "\n".join(f"%{k + 1} = math.exp %{k} : !n" for k in range(count))
        text = f"!n = tensor<8xf32, #gir.at<reg>>\nfunc.func @f(%x: !n) {{\n%0 = math.exp %x : !n\n{chain}\nreturn }}"
        module = module_for(find(FIVE), text, context)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            assert module.operation.verify()
            times.append(time.perf_counter() - began)
        return min(times)

    few, many = seconds(2_000), seconds(8_000)
    assert many < 1
    assert many < 16 * few
