"""tools/check_ods.py: a dialect that keeps every rule passes, and each broken rule is reported where it stands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures/ods"
TD, CPP, TESTS = "dialect/include/gir/IR/Toy.td", "dialect/lib/IR/Toy.cpp", "test/Dialect/GIR/invalid.mlir"

pytestmark = pytest.mark.skipif(not shutil.which("llvm-tblgen-22"), reason="llvm-tblgen-22 is not installed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, source in ((TD, "Toy.td"), (CPP, "Toy.cpp"), (TESTS, "invalid.txt")):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(FIXTURES / source, tmp_path / name)
    pf_opt = tmp_path / "pf-opt"
    pf_opt.write_text('#!/bin/sh\nexec mlir-opt-22 --allow-unregistered-dialect "$@"\n')
    pf_opt.chmod(0o755)
    return tmp_path


def check(root: Path, *arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, str(ROOT / "tools/check_ods.py"), "--root", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def plant(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert text.count(old) == 1, f"'{old}' stands {text.count(old)} times in {name}"
    (root / name).write_text(text.replace(old, new))


def line_of(root: Path, name: str, text: str) -> int:
    return next(n for n, line in enumerate((root / name).read_text().splitlines(), 1) if text in line)


def test_clean_dialect_passes(tree: Path) -> None:
    code, lines = check(tree, "--pf-opt", str(tree / "pf-opt"))
    assert (code, lines) == (0, ["check_ods: 2 ops, 1 attributes and types, 4 constraints, 3 examples: 0 violations"])


# What is planted, the text on whose line the violation is reported, and what it says.
PLANTS = {
    "summary-missing": (TD, '  let summary = "ends a kernel";\n', "", "def TOY_ReturnOp", "has no summary"),
    "summary-long": (
        TD,
        "ends a kernel",
        "ends " + "a" * 70,
        "ends aaa",
        "summary has 75 characters, expected at most 72",
    ),
    "summary-full-stop": (TD, "ends a kernel", "ends a kernel.", "kernel.", "summary ends in a full stop"),
    "summary-is-the-name": (
        TD,
        "starts bringing a value to another level",
        "async copy operation",
        'let summary = "async',
        "is the name again",
    ),
    "attribute-summary": (
        TD,
        "where a value is",
        "the at attribute",
        "the at attribute",
        "TOY_AtAttr: summary is the name again",
    ),
    "example-missing": (
        TD,
        "```mlir\n    func.func private",
        "```\n    func.func private",
        None,
        "TOY_AtAttr: description has no ```mlir example",
    ),
    "example-of-another-op": (
        TD,
        '"toy.return"() :',
        '"toy.yield"() :',
        "Constraints: none",
        "no example uses toy.return",
    ),
    "example-does-not-parse": (
        TD,
        '%0 = "toy.async_copy"(%x)',
        '%0 = "toy.async_copy"(%y)',
        "(%y)",
        "example fails --verify-roundtrip: use of undeclared SSA value name",
    ),
    "producer-missing": (
        TD,
        "Lowered by: `toy-tile`.\n\n    ```mlir\n    func",
        "```mlir\n    func",
        "let description = [{",
        "description lacks 'Lowered by: ...'",
    ),
    "constraints-missing": (TD, "Constraints: none", "Nothing.", "Nothing.", "description lacks 'Constraints:'"),
    "constraints-misnumbered": (
        TD,
        "- (C3) operand",
        "- (C4) operand",
        "a note on (C9)",
        "constraints are numbered [1, 2, 4], expected 1 to 3 in order",
    ),
    "name": (
        TD,
        "def TOY_ReturnOp",
        "def TOY_RetOp",
        "def TOY_RetOp",
        "'return' is defined as TOY_RetOp, expected TOY_ReturnOp",
    ),
    "field-order": (
        TD,
        '  let assemblyFormat = "$source',
        '  let hasFolder = 1;\n  let assemblyFormat = "$source',
        'let assemblyFormat = "$source',
        "field 'assemblyFormat' stands after 'hasFolder'",
    ),
    "described-only": (
        TD,
        "have one\n",
        "have one\n    - (C4) new\n",
        "(C4) new",
        "constraint (C4) of 'async_copy' isn't enforced",
    ),
    "trait-unlabelled": (TD, "  // (C1)", "", "- (C1) operand", "constraint (C1) of 'async_copy' isn't enforced"),
    "verifier-unlabelled": (CPP, "  // (C2)\n", "", None, "constraint (C2) of 'async_copy' isn't enforced"),
    "enforced-only": (
        CPP,
        "  // (C2)\n",
        "  // (C2, C4)\n",
        "(C2, C4)",
        "constraint (C4) of 'async_copy' isn't described",
    ),
    "attribute-unlabelled": (CPP, " // (C1)", "", None, "constraint (C1) of 'at' isn't enforced"),
    "untested": (TESTS, "@async_copy_c3(", "@async_copy_other(", None, "isn't tested: no '@async_copy_c3'"),
    "test-without-error": (
        TESTS,
        "// expected-error @+1 {{expected another place}}",
        "",
        None,
        "isn't tested: no '@async_copy_c3'",
    ),
    "tested-only": (
        TESTS,
        "@async_copy_c3(",
        "@async_copy_c31(",
        "@async_copy_c31",
        "constraint (C31) of 'async_copy' isn't described",
    ),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_planted_violation_is_reported(tree: Path, kind: str) -> None:
    name, old, new, at, message = PLANTS[kind]
    plant(tree, name, old, new)
    code, lines = check(tree, "--pf-opt", str(tree / "pf-opt"))
    hits = [line for line in lines if message in line]
    assert code == 1
    assert hits, "\n".join(lines)
    if at is not None:
        # The description's own complaints stand on the line on which it begins.
        places = {line_of(tree, name, at), line_of(tree, name, at) - 1}
        assert hits[0].startswith(tuple(f"{name}:{line}:" for line in places)), hits[0]


def test_tablegen_error_is_reported(tree: Path) -> None:
    plant(tree, TD, "def TOY_ReturnOp : TOY_Op", "def TOY_ReturnOp : Nothing")
    code, lines = check(tree)
    assert code == 1
    assert "Couldn't find class 'Nothing'" in "\n".join(lines)


def test_empty_dialect_is_a_violation(tmp_path: Path) -> None:
    code, lines = check(tmp_path)
    assert code == 1
    assert "no op, attribute or type is defined here" in lines[0]


def test_missing_pf_opt_is_a_violation(tree: Path) -> None:
    code, lines = check(tree)
    assert code == 1
    assert "examples can't be checked" in lines[0]
    assert check(tree, "--no-examples")[0] == 0


def test_op_without_meaning_or_lowering(tree: Path) -> None:
    """Beside a compiler, an op that nothing executes and nothing lowers is two violations."""
    (tree / "python/powerfusion/reference").mkdir(parents=True)
    code, lines = check(tree, "--no-examples")
    assert code == 1
    assert any("has no @meaning in powerfusion.reference" in line for line in lines)
    assert any('has no @lowers(..., to="vector")' in line for line in lines)
