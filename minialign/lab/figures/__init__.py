"""The figures of the experiments, one a file, named like its experiment."""
