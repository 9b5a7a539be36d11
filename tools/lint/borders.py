"""Borders: things that belong in one file, or in none.

- The environment is read in `powerfusion/knobs.py` only; the one exception is which interpreter a plug-in starts, since
  nothing can ask Python before there is one.
- What depends on the version of MLIR's bindings stands in `powerfusion/core/_mlir.py` only: private modules of the
  bindings, `rewrite` (whose callbacks return True where they did *not* match), probing with `hasattr` or `getattr`,
  and version numbers. A package `mlir` without our prefix belongs to somebody else and is never imported.
- No tracked file names the host of a package registry: clients and their configuration know it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from lint.tree import Tree, Violation

KNOBS = "python/powerfusion/knobs.py"
STARTS_PYTHON = "dialect/lib/Python/PythonPasses.cpp"
SHIM = "python/powerfusion/core/_mlir.py"
PACKAGE_FOLDERS = ("python/powerfusion/", "passes/")
BINDINGS = "powerfusion.mlir"
PROBED = ("ir", "passmanager", "rewrite", "execution_engine", "_mlir")
# In pieces, because this file is tracked as well.
HOSTS = (
    ("pypi", "org"),
    ("python" + "hosted", "org"),
    ("anaconda", "org"),
    ("crates", "io"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("rubygems", "org"),
    ("proxy", "golang", "org"),
    ("deb", "debian", "org"),
    ("snapshot", "debian", "org"),
    ("archive", "ubuntu", "com"),
    ("apt", "llvm", "org"),
    ("download", "pytorch", "org"),
    ("docker", "io"),
)
_HOST = re.compile(r"\b(?:" + "|".join(r"\.".join(host) for host in HOSTS) + r")\b", re.IGNORECASE)
_GETENV = re.compile(r"\b(?:std::)?(?:secure_)?getenv\s*\(|\bsys::Process::GetEnv\s*\(")
_BINARY = (".npy", ".npz", ".png", ".xz", ".gz", ".zip", ".pfx", ".mlirbc", ".onnx", ".pt")


def check(tree: Tree) -> Iterator[Violation]:
    """Yields each breach of the borders above."""
    for path in tree.select(".py", under=PACKAGE_FOLDERS):
        yield from check_python(path, tree.text(path))
    for path in tree.select(".h", ".cpp", under=("dialect/", "python/")):
        if path != STARTS_PYTHON:
            yield from matches(tree, path, _GETENV, f"the environment is read in {KNOBS} only: make it an option")
    for path in tree.paths:
        if not path.endswith(_BINARY):
            yield from matches(tree, path, _HOST, "names the host of a package registry: leave that to its client")


def matches(tree: Tree, path: str, pattern: re.Pattern[str], message: str) -> Iterator[Violation]:
    """Yields `message` for each line in which `pattern` occurs."""
    for number, text in enumerate(tree.text(path).splitlines(), 1):
        if pattern.search(text):
            yield Violation(path, number, message)


def check_python(path: str, source: str) -> Iterator[Violation]:
    """Yields what one module of the package does across the borders."""
    try:
        module = ast.parse(source)
    except SyntaxError:
        return  # ruff reports it
    for node in ast.walk(module):
        if path != KNOBS and reads_environment(node):
            yield Violation(path, line_of(node), f"the environment is read in {KNOBS} only: ask powerfusion.knobs")
        if path != SHIM and (what := depends_on_bindings(node, path)):
            yield Violation(path, line_of(node), f"{what}: what depends on the bindings' version belongs in {SHIM}")


def line_of(node: ast.AST) -> int:
    """The line a node starts on."""
    return getattr(node, "lineno", 1)


def reads_environment(node: ast.AST) -> bool:
    """Whether the node is `os.environ`, `os.getenv` and their like, or imports one of them."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=attribute):
            return attribute in names
        case ast.ImportFrom(module="os", names=imported):
            return any(alias.name in names for alias in imported)
        case _:
            return False


def depends_on_bindings(node: ast.AST, path: str) -> str | None:
    """What in this node depends on the bindings' version, in words; `None` where nothing does."""
    match node:
        case ast.Import(names=names):
            return next(filter(None, (private_module(alias.name, path) for alias in names)), None)
        case ast.ImportFrom(module=str(origin), names=names, level=0):
            full = (f"{origin}.{alias.name}" for alias in names)
            return next(filter(None, (private_module(name, path) for name in full)), None)
        case ast.Call(func=ast.Name(id=("hasattr" | "getattr") as probe), args=[ast.Name(id=subject), *_]):
            return f"'{probe}' probes '{subject}'" if subject in PROBED else None
        case ast.Attribute(attr="__version__", value=ast.Name(id=owner)):
            return f"reads '{owner}.__version__'" if owner in PROBED else None
        case _:
            return None


def private_module(dotted: str, path: str) -> str | None:
    """Why an import of `dotted` is not for this file."""
    if dotted == "mlir" or dotted.startswith("mlir."):
        return f"imports '{dotted}' without the prefix '{BINDINGS}'"
    if not dotted.startswith(BINDINGS + "."):
        return None
    parts = dotted.removeprefix(BINDINGS + ".").split(".")
    if parts[0] == "rewrite":
        return f"imports '{dotted}'"
    # Code that mlir-tblgen generates imports `_ods_common`, so what extends it may as well.
    generated = parts[:1] == ["dialects"] and path.startswith("python/powerfusion/dialects/")
    private = any(part.startswith("_") and not part.startswith("__") for part in parts)
    return f"imports the private '{dotted}'" if private and not generated else None
