"""What `tools/bootstrap` is made of.

Standard library only, since it runs before anything is installed. One module per
stage, in the order in which `main` calls them:

    debian       the distribution's packages, and LLVM's version
    environment  `.venv` and the wheels that fill it, the editable install
    sources      where the sources of MLIR's Python bindings come from
    bindings     MLIR's Python bindings, built once into the cache
    native       this project's own C++

`console` runs and logs the commands, `settings` holds what the user chose,
`stamps` says what is already done.
"""
