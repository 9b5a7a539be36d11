"""The benchmark: its suites' programs are right, its arithmetic is, and a run of one case goes through."""

from __future__ import annotations

import json
import os
from math import prod
from pathlib import Path

import numpy as np
import pytest
import tolerance

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.tuning.tune import Row as Placement
from powerfusion.tuning.tune import Tuned
from speed import predicted, table
from speed.ceilings import Ceilings
from speed.session import Row, Timing
from suites import MODELS, SUITES, Case
from suites.case import error_of, rows_of

EACH = {case.name: case for name, suite in SUITES.items() if name != MODELS for case in suite()}
CASES = [pytest.param(case, id=name.replace(" ", "-")) for name, case in EACH.items()]
CEILINGS = Ceilings(1, 40e9, 30e9, 50e9, 60e9, 20e9, 300e9, 100e9, 200e9)


@pytest.mark.parametrize("case", CASES)
def test_programs_mean_what_numpy_says(case: Case) -> None:
    """Compiled at the small size."""
    inputs = case.workload.inputs("small")
    results = pf.compile(case.workload.text("small"))(*inputs)
    got = results if isinstance(results, tuple) else (results,)
    for at, (array, value) in enumerate(zip(got, case.wanted(inputs), strict=True)):
        if array.dtype == np.int8:  # rounded from what is rounded itself
            assert error_of(array, value, 0) == 0
            continue
        expected = tolerance.Expected(value, case.workload.scale)
        tolerance.check(array, expected, array.dtype, roundings=max(4, case.workload.roundings), what=f"result {at}")


def test_inputs_differ_between_sets_and_not_between_runs() -> None:
    """Else caches lie, or runs can't be compared."""
    workload = SUITES["memory-bound"]()[0].workload
    first, again, other = (workload.inputs("small", seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_of_models_the_memory_bound_part_stands_apart() -> None:
    """A call without what it spends in products, and the least of the others over ours."""
    timings = {
        "PowerFusion": Timing((0.010,), products_s=0.008),
        "torch eager": Timing((0.014,), products_s=0.008),
        "torch.compile": Timing((0.012,), products_s=0.007),
        "broken": Timing(failure="its process died"),
    }
    lines = list(table.memory_bound([Row("model f32", 1, 1, timings)]))
    assert lines[-1] == "| model f32 | 2.000 | 6.000 | 5.000 | - | **2.50** |"
    assert not list(table.memory_bound([Row("softmax f32", 1, 1, {"PowerFusion": Timing((0.01,))})]))


def test_the_roofline_goes_by_what_is_read_and_written() -> None:
    """Reads alone at the rate of reads; pairs at the copy's; two for one at the triad's."""
    assert CEILINGS.seconds(40, 0) == pytest.approx(1e-9)
    assert CEILINGS.seconds(50, 50) == pytest.approx(2e-9)
    assert CEILINGS.seconds(40, 20) == pytest.approx(1e-9)
    assert CEILINGS.seconds(80, 20) == pytest.approx(2e-9)
    assert CEILINGS.seconds(0, 20) == pytest.approx(1e-9)
    assert CEILINGS.seconds(30, 20) == pytest.approx(0.5e-9 + 0.4e-9)


def test_the_roofline_goes_by_multiply_adds_where_they_take_longer() -> None:
    """As in attention."""
    assert Row("case", 40, 0, {}, products=100).roof(CEILINGS) == pytest.approx(1e-9)
    assert Row("case", 40, 0, {}, products=1000).roof(CEILINGS) == pytest.approx(1e-8)


def test_errors_see_shapes_and_special_values() -> None:
    """A wrong shape, a NaN where none belongs, an infinity of the other sign."""
    right = np.array([1.0, np.inf, np.nan])
    assert error_of(right, right, 0) == 0
    assert error_of(right[:2], right, 0) == np.inf
    assert error_of(np.array([np.nan, np.inf, np.nan]), right, 0) == np.inf
    assert error_of(np.array([1.0, -np.inf, np.nan]), right, 0) == np.inf
    assert error_of(np.array([1.5, np.inf, np.nan]), right, 0) == pytest.approx(0.5)
    assert error_of(np.array([3, 5]), np.array([3, 4]), 0) == np.inf
    assert error_of(np.array([3, 5], np.int8), np.array([3, 4], np.int8), 0) == 0


def test_a_lookup_reads_its_rows() -> None:
    """Each once, however often it is named."""
    ids, rows = np.array([1, 1, 3]), np.zeros((8, 4), np.float32)
    assert rows_of(1, 0)((ids, rows)) == 2 * 16 + ids.nbytes


def test_the_table_says_who_is_fastest_and_who_is_wrong() -> None:
    """A wrong answer counts for nobody."""
    timings = {
        table.OURS: Timing((2e-3, 2e-3)),
        "slow": Timing((5e-3,)),
        "fast": Timing((1e-3, 3e-3, 1e-3)),
        "liar": Timing((), failure="wrong: off by 1.0e+00 of the magnitude"),
    }
    row = Row("case", 50_000_000, 50_000_000, timings)
    assert table.best_peer(row) == ("fast", 1e-3)
    assert table.gain(row) == pytest.approx(0.5)
    assert table.gain(row, "slow") == pytest.approx(2.5)
    assert table.gain(row, "liar") is None
    lines = list(table.table([row], CEILINGS))
    assert all(words in lines[-1] for words in ("2.000 (1.00x)", "wrong", "**0.50**"))
    assert any("below 0.9 of the best peer: case 0.50" in line for line in table.summary([row], CEILINGS))


def test_our_other_columns_are_no_peers() -> None:
    """With excess precision our programs have a column and a line of their own, and the default's stays as it is."""
    times = {"PowerFusion": 2e-3, "PowerFusion, excess precision": 1e-3, "other": 3e-3}
    row = Row("case", 40, 40, {title: Timing((seconds,)) for title, seconds in times.items()})
    assert table.best_peer(row) == ("other", 3e-3)
    assert table.gain(row) == pytest.approx(1.5)
    lines = list(table.summary([row], CEILINGS))
    assert "- PowerFusion, excess precision, over the best peer: case 3.00" in lines
    assert not any("- over PowerFusion" in line for line in lines)


def test_a_saved_run_is_read_again() -> None:
    """As it was; its page has the table, the probes and what failed."""
    timings = {table.OURS: Timing((2e-3, 2e-3)), "liar": Timing((), failure="wrong: off by 1")}
    rows = [Row("case", 50_000_000, 50_000_000, timings, 7, (40e9, 50e9, 60e9), "other")]
    data = json.loads(json.dumps(table.to_json(rows, CEILINGS, {})))
    assert table.from_json(data) == (rows, CEILINGS)
    about = {"machine": "a machine", "date": "2026-12-01", "rounds": 2, "load": 0.1}
    text = "\n".join(table.page(rows, CEILINGS, about))
    assert all(words in text for words in ("a machine", "| 50.0 |", "40.0 to 60.0 GB/s", "off by 1"))


def test_drawn_sizes_are_held_against_named_ones() -> None:
    """By their shares of the roofline, whatever the bytes; and late ones are named."""
    named = Row("named", 50_000_000, 50_000_000, {table.OURS: Timing((4e-3,))})
    drawn = Row("drawn", 25_000_000, 25_000_000, {table.OURS: Timing((4e-3,)), "fast": Timing((1e-3,))}, like="named")
    lines = list(table.summary([named, drawn], CEILINGS))
    assert any("named sizes' share of the roofline, geometric mean: 0.50" in line for line in lines)
    assert any("at the least: 0.50, drawn" in line for line in lines)
    assert any("over 10 us and 1.5 times the best peer: drawn" in line for line in lines)


def test_sizes_are_drawn() -> None:
    """The same each time: of 2 to 5 dimensions, odd but for a few, from 16 MB on or below 1 MB."""
    drawn = {suite: [case for case in SUITES[suite]() if case.like] for suite in ("random-shapes", "small")}
    again = [case.name for case in SUITES["random-shapes"]() if case.like]
    assert [case.name for case in drawn["random-shapes"]] == again
    for suite, cases in drawn.items():
        assert {len(case.workload.full) for case in cases} == {2, 3, 4, 5}
        sizes = [size for case in cases for size in case.workload.full]
        assert sum(size % 2 for size in sizes) > 0.8 * len(sizes)
        for case in cases:
            inputs = case.workload.inputs("full") if suite == "small" else ()
            assert sum(array.nbytes for array in inputs) < 1 << 20
            assert suite == "small" or prod(case.workload.full) * 2 >= 16 << 20


def test_a_run_goes_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One case of ours alone: ceilings, a time, data."""
    place = tmp_path / "run.json"
    words = ["bench", "--case", "batchnorm_statistics", "--peer", "powerfusion_cpu", "--rounds", "1"]
    assert main([*words, "--json", str(place)]) == 0
    assert "batchnorm_statistics f32" in capsys.readouterr().out
    row = json.loads(place.read_text())["rows"][0]
    assert row["timings"][table.OURS]["failure"] == ""
    assert len(row["timings"][table.OURS]["seconds"]) == 1
    assert len(row["probes"]) == 2
    assert min(row["probes"]) > 0


def point(name: str, predicted_ms: float, *measured_ms: float, bytes_ms: float = 1.0) -> predicted.Point:
    """A case whose placements take so long; the model predicts so much of the first."""
    rows = [Placement(at, predicted_ms / 1e3 if not at else None, (ms / 1e3,)) for at, ms in enumerate(measured_ms)]
    return predicted.Point(name, 40_000_000, 10_000_000, bytes_ms / 1e3, Tuned(tuple(rows), 0, 1.0))


def test_predictions_are_held_against_what_was_measured() -> None:
    """Errors and ranks of what memory binds, and of all; the model's choice over the best of its placements."""
    points = [point("a", 1.1, 1.0, 2.0), point("b", 1.8, 2.0, 1.0), point("c", 3.0, 40.0)]
    assert [each.is_memory_bound for each in points] == [True, True, False]
    assert [each.error for each in points] == pytest.approx([0.1, -0.1, -0.925])
    lines = list(predicted.page(points))
    assert "- predicted against measured, bound by memory (2): median error 10%, rank correlation 1.00" in lines
    assert "- predicted against measured, all cases (3): median error 10%, rank correlation 1.00" in lines
    assert any("geometric mean of 2: 1.41; within 1.05 of it: 1; at most 2.00" in line for line in lines)
    assert "| b | 50.0 | yes | 1.800 | 2.000 ± 0% | -10% | 2 | 1.000 | 2.00 |" in lines
    assert predicted.rank_correlation([1, 2, 3], [30, 20, 10]) == pytest.approx(-1)
    assert np.isnan(predicted.rank_correlation([1], [1]))


def test_a_comparison_with_the_model_goes_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One case, two placements: a page and data."""
    words = ["bench", "--predicted", "--case", "layernorm_768", "--candidates", "2", "--budget", "1"]
    places = tmp_path / "page.md", tmp_path / "data.json"
    before = os.sched_getaffinity(0)
    try:
        assert main([*words, "--page", str(places[0]), "--json", str(places[1])]) == 0
    finally:
        os.sched_setaffinity(0, before)
    assert "| layernorm_768 f32 | 25.2 |" in capsys.readouterr().out
    assert places[0].read_text().startswith("# Predicted and measured\n")
    (case,) = json.loads(places[1].read_text())["cases"]
    assert [row["candidate"] for row in case["placements"]] == [0, 1]
    assert all(row["seconds"] for row in case["placements"])


def test_wrong_names_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A suite, a peer, a case that isn't there."""
    for words in (["--suite", "none"], ["--peer", "none"], ["--case", "none"], ["--predicted", "--case", "none"]):
        assert main(["bench", *words]) == 1
        assert "none" in capsys.readouterr().err
