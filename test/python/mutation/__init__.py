"""Mutated programs: parser, verifier and passes answer each with success or a diagnostic.

`mutants` draws them from the tests' own files; `worker` takes them, one after the other, in a process
that may crash; `watch` feeds it, notes what killed it or made it hang, and starts the next one;
`stock` asks the distribution's own `mlir-opt` whether a crash is upstream's.
"""
