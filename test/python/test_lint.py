"""tools/lint.sh: one planted violation of each kind, each in a small checkout of its own, and what it says of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ("ruff.toml", "pyrightconfig.json", ".clang-format", ".gitignore")
# A registry's host, in pieces because this file is linted as well.
HOST = ".".join(("pypi", "org"))
SHIM = "python/powerfusion/core/_mlir.py"
PASS = "passes/tiling/tile.py"
CORE = "python/powerfusion/core/model.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the tools, their configuration and an empty package."""
    shutil.copytree(ROOT / "tools/lint", tmp_path / "tools/lint", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tools/lint.sh", "tools/check_ods.py", "tools/gen_docs.py", *CONFIGURATION):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    # In the real tree the pattern `/.venv/` is a folder's; here it is a link.
    with (tmp_path / ".gitignore").open("a") as ignored:
        ignored.write(".venv\n")
    write(tmp_path, "python/powerfusion/__init__.py", '"""The face."""\n')
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def lint(root: Path, *steps: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(root / "tools/lint.sh"), *steps],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    )
    return done.returncode, done.stdout + done.stderr


PLANTS = {
    "unused-import": ("ruff", CORE, '"""A model."""\n\nimport re\n', f"{CORE}:3:8: F401"),
    "missing-docstring": ("ruff", CORE, "X = 1\n", f"{CORE}:1:1: D100"),
    "missing-annotation": ("ruff", CORE, '"""M."""\n\n\ndef f(x):\n    """F."""\n', f"{CORE}:4:7: ANN001"),
    "format": ("format", CORE, '"""A model."""\nX  =  1\n', f"{CORE}:2"),
    "type": ("pyright", CORE, '"""M."""\n\n\ndef f() -> int:\n    """F."""\n    return "a"\n', f"{CORE}:6:12 - error"),
    "cpp-format": ("clang-format", "dialect/lib/IR/A.cpp", "int  a ;\n", "dialect/lib/IR/A.cpp:1:4: error"),
    "length": ("lengths", PASS, "#\n" * 801, f"{PASS}:1: 801 lines"),
    "include-of-passes": (
        "layers",
        "dialect/include/gir/IR/A.h",
        '#include "mlir/Transforms/Passes.h"\n#include "../../passes/a.h"\n',
        "dialect/include/gir/IR/A.h:2: dialect/ includes '../../passes/a.h'",
    ),
    "core-imports-pass": (
        "layers",
        CORE,
        "from powerfusion.passes import tiling\n",
        "powerfusion.core imports powerfusion.passes",
    ),
    "core-imports-face": (
        "layers",
        CORE,
        "def f():\n    import powerfusion\n",
        f"{CORE}:2: powerfusion.core imports powerfusion,",
    ),
    "pass-imports-pipeline": (
        "layers",
        PASS,
        "from powerfusion import pipelines\n",
        f"{PASS}:1: powerfusion.passes imports powerfusion.pipelines",
    ),
    "runtime-imports-mlir": (
        "layers",
        "python/powerfusion/runtime/load.py",
        "import powerfusion.mlir.ir\n",
        "powerfusion.runtime imports powerfusion.mlir",
    ),
    "environ": ("borders", PASS, "import os\n\nX = os.environ.get('X')\n", f"{PASS}:3: the environment is read in"),
    "getenv-import": ("borders", PASS, "from os import getenv\n", f"{PASS}:1: the environment is read in"),
    "getenv-cpp": (
        "borders",
        "dialect/lib/IR/A.cpp",
        'auto x = std::getenv("X");\n',
        "A.cpp:1: the environment is read in",
    ),
    "private-bindings": (
        "borders",
        PASS,
        "from powerfusion.mlir import _mlir_libs\n",
        "imports the private 'powerfusion.mlir._mlir_libs'",
    ),
    "rewrite": ("borders", PASS, "from powerfusion.mlir import rewrite\n", "imports 'powerfusion.mlir.rewrite'"),
    "probing": ("borders", PASS, 'Y = hasattr(ir, "Operation")\n', "'hasattr' probes 'ir'"),
    "foreign-mlir": ("borders", PASS, "from mlir import ir\n", "without the prefix 'powerfusion.mlir'"),
    "registry-host": (
        "borders",
        "docs/a.md",
        f"\nsee https://{HOST}/simple\n",
        "docs/a.md:2: names the host of a package registry",
    ),
    "records": ("ods", "dialect/include/gir/IR/A.td", "", "no op, attribute or type is defined here"),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_planted_violation_fails(tree: Path, kind: str) -> None:
    step, name, text, message = PLANTS[kind]
    write(tree, name, text)
    code, output = lint(tree, step)
    assert code == 1
    assert f"FAILED  {step}" in output
    assert message in output


def test_allowed_code_passes(tree: Path) -> None:
    """The files that own a border may cross it, imports may go down, and a long file is only a warning."""
    write(tree, "python/powerfusion/knobs.py", "import os\n\nX = os.environ\n")
    write(tree, SHIM, "from powerfusion.mlir import rewrite\nfrom powerfusion.mlir._mlir_libs import _mlir\n")
    write(tree, "python/powerfusion/dialects/gir.py", "from powerfusion.mlir.dialects._ods_common import _cext\n")
    write(tree, PASS, "from powerfusion.core import passes\nfrom powerfusion import errors\n" + "#\n" * 500)
    write(tree, "examples/weights.mlir", "//\n" * 2000)
    code, output = lint(tree, "layers", "borders", "lengths")
    assert code == 0, output
    assert f"{PASS}:1: warning: 502 lines" in output


def test_ignored_files_are_not_ours(tree: Path) -> None:
    write(tree, "build/x.py", f"import os\nos.environ['{HOST}']\n")
    assert lint(tree, "borders")[0] == 0


def test_wrong_usage(tree: Path) -> None:
    code, output = lint(tree, "spelling")
    assert code == 2
    assert "unknown step 'spelling', expected one of: ruff" in output


def test_missing_tools_are_one_line(tree: Path) -> None:
    (tree / ".venv").unlink()
    code, output = lint(tree)
    assert code == 1
    assert output.endswith("is missing: run tools/bootstrap first\n")


@pytest.mark.timeout(660)
def test_this_tree_passes() -> None:
    """The rules hold for the tree itself, check_ods among them."""
    done = subprocess.run([str(ROOT / "tools/lint.sh")], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
