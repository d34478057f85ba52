"""Build the wheel and the sdist so that equal sources give equal bytes, whoever builds them, when, and where.

    python tests/build.py DIR        writes both to DIR, and prints their SHA-256; needs git and setuptools

All times are those of the last commit (or SOURCE_DATE_EPOCH), all owners 0, all modes 644 or 755, and names are in order.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def epoch():
    """The time that everything in a release has, in seconds."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True, encoding="utf-8"))


def sources():
    """What git knows, as it is in the tree now: nothing that lies about by chance is packed."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True, encoding="utf-8")
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def build(folder):
    """Write a wheel and an sdist to `folder` -> their paths."""
    from setuptools import build_meta

    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    before, here = os.umask(0o022), os.getcwd()
    try:
        with tempfile.TemporaryDirectory() as copy:
            for name in sources():
                path = Path(copy, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, path)
                path.chmod(0o644)
            os.chdir(copy)  # contextlib.chdir came with Python 3.11
            try:
                wheel, sdist = build_meta.build_wheel(str(folder)), build_meta.build_sdist(str(folder))
            finally:
                os.chdir(here)
    finally:
        os.umask(before)
    levelled(folder / sdist)
    return folder / wheel, folder / sdist


def levelled(path):
    """Pack a .tar.gz again, without what is the builder's own: setuptools leaves it in an sdist."""
    plain = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch(), 0, 0, "", ""
            member.mode, member.pax_headers = 0o755 if member.isdir() else 0o644, {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with open(path, "wb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=epoch()) as packed:
        packed.write(plain.getvalue())


if __name__ == "__main__":
    for made in build(sys.argv[1]):
        print(hashlib.sha256(made.read_bytes()).hexdigest(), made.name)
