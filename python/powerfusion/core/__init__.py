"""What passes are made of: the pass registry, contexts, and the shims around MLIR's bindings."""
