"""README.md says what is true: its first program runs, and what its tree and links name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_first_program_runs(tmp_path: Path) -> None:
    """The program's own assertion compares with NumPy; what it prints is the report of one kernel, 6 MiB."""
    [program] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "first.py").write_text(program)
    command = [sys.executable, "-W", "error", str(tmp_path / "first.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_tree_and_links_exist() -> None:
    tree = README.rpartition("## The tree")[2]
    folders = re.findall(r"^(\S+/)  ", tree, re.MULTILINE)
    pages = [page for page in (ROOT / "docs").rglob("*.md")]
    assert folders
    missing = [name for name in folders if not (ROOT / name).is_dir()]
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages):
        links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        missing += [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]
    assert not missing
