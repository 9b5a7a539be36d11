"""The commands for people: `pf`, and `pf-opt` for those who read IR.

Each subcommand of `pf` is a module with `configure(parser)`, which says what it takes, and `execute(options)`, which
does it and gives the exit code. At their top these modules import nothing heavy, so that `pf --help` is quick.
"""
