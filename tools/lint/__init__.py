"""Checks that no off-the-shelf linter makes; `tools/lint.sh` runs them beside ruff, pyright and clang-format."""
