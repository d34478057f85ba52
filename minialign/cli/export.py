"""`minialign export RUN --to hf DIR`: a run for Hugging Face transformers and TRL."""

import argparse

from ..export.run import export_run
from ..runs.errors import Problem
from ..runs.folder import find_run
from ..runs.text import safe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run's folder, or its name (default: the newest in runs)")
    parser.add_argument("--to", nargs=2, required=True, metavar=("hf", "DIR"), help="hf: transformers and TRL; where to")


def run(arguments: argparse.Namespace) -> None:
    kind, target = arguments.to
    if kind != "hf":
        raise Problem(f"a run can be exported to hf, not to {safe(kind)}; see minialign export --help")
    source = find_run(arguments.folder)
    names = export_run(source, target)
    print(f"{source} -> {target}: {', '.join(names)}")
    print(f"go on in TRL: cd {target}; pip install trl; python train_dpo.py --config dpo.yaml")
    print(f"and come back: minialign import {target}/trained/dpo dpo-trl.npz")
