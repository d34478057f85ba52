"""The figures of the experiments, one per file, named like its experiment."""
