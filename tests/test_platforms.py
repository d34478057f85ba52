"""Windows and macOS, as far as they can be had on Linux: names of files, encodings, line ends, processes, and what is missing there."""

import ast
import functools
import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path, PurePath
from types import SimpleNamespace

import build
import pytest

import minialign
from minialign import checkpoint
from minialign.cli.command import main
from minialign.runs import folder, streams, text, voting
from minialign.runs.errors import Problem
from minialign.runs.seeds import for_each

ROOT = Path(minialign.__file__).parents[1]
SCRIPTS = sorted([*ROOT.glob("minialign/**/*.py"), *ROOT.glob("lessons/**/*.py"), *ROOT.glob("tests/*.py")])
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@functools.cache
def text_of(path):
    return path.read_text(encoding="utf-8")


def calls(path, suspicious):
    """(function as it is written, its last name, call) for each call in a file; none if no line of it is suspicious: parsing takes long."""
    for node in ast.walk(ast.parse(text_of(path))) if re.search(suspicious, text_of(path), re.M) else ():
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            yield name, name.split(".")[-1], node


# ------------------------------------------------------------------------------------------------ names of files
def troubles(names):
    """What Windows and macOS refuse in a list of file names -> list of str."""
    found = [f"{a} and {b} differ in case alone" for a, b in zip(sorted(names, key=str.lower), sorted(names, key=str.lower)[1:]) if a != b and a.lower() == b.lower()]
    for name in names:
        for part in PurePath(name).parts:
            if re.search(r'[<>:"|?*\\\x00-\x1f]', part) or part.endswith((" ", ".")) or part.split(".")[0].lower() in RESERVED or len(part) > 120:
                found.append(name)
    return found


def test_troubles_are_found():
    assert len(troubles(["a/b.txt", "con.json", "a:b", "x.", "lab/NUL", "A/b.txt", "back\\slash"])) == 6
    assert troubles(["contents.py", "auxiliary/nul-model.npz", "a b.txt"]) == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone")
def test_every_file_of_the_project_can_be_checked_out_everywhere():
    assert troubles(build.sources()) == []


def test_every_file_of_a_run_can_be_written_everywhere(one_tour):
    names = [path.relative_to(one_tour).as_posix() for path in one_tour.rglob("*")]
    assert len(names) > 30 and troubles(names) == []


def test_a_name_that_somebody_chose_becomes_one_that_every_system_takes():
    votes = SimpleNamespace(prompts=["a"], chosen=["b"], rejected=["c"])
    for chosen in ("con", "a:b", "C:\\mine\\votes", "x" * 300, "..", "ä ö?", "*"):
        assert troubles(["tour-s0" + folder.votes_name(f"{chosen}.jsonl", votes)]) == []


def test_a_path_that_is_written_down_has_slashes():
    """str(path) has backslashes on Windows: what goes into a key, a file or a page is path.as_posix(), path.name or path.parts."""
    for path in SCRIPTS:
        for name, last, call in calls(path, r"relative_to\("):
            inner = [node for node in ast.walk(call) if isinstance(node, ast.FormattedValue)] + (call.args if name == "str" else [])
            assert not any(re.search(r"relative_to\([^)]*\)$", ast.unparse(getattr(x, "value", x))) for x in inner), f"{path}:{call.lineno}"


# ------------------------------------------------------------------------------------------------ encodings and line ends
def mode_of(name, call):
    """The mode in which a call opens a file; "b" if it opens none, or none as text."""
    last, given = name.split(".")[-1], {keyword.arg: keyword.value for keyword in call.keywords}
    if name in ("os.open", "webbrowser.open", "tarfile.open", "zipfile.open", "gzip.open", "Image.open"):
        return "b"
    if last in ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile"):
        place = 0 if "Temporary" in last or (last == "open" and "." in name and name != "io.open") else 1
        mode = given.get("mode", call.args[place] if len(call.args) > place else None)
        if mode is None:
            return "b" if "Temporary" in last else "r"
        return mode.value if isinstance(mode, ast.Constant) else "b"
    if last in ("read_text", "write_text") and "." in name and "folder." not in name:
        return "r" if len(call.args) <= (last == "write_text") else "b"  # the next argument would be the encoding
    return "r" if last in ("run", "Popen", "check_output") and "text" in given else "b"


SUSPICIOUS = r"^(?=.*(open|TemporaryFile|read_text|write_text)\(|.*text=True)(?!.*(encoding|[\"'][rwax]\+?b|\.open\())"


@pytest.mark.parametrize("room", ["minialign", "lessons", "tests"])
def test_every_text_has_an_encoding(room):
    """Without one it is that of the machine: cp1252 in most of Europe, on Windows."""
    missing = []
    for path in SCRIPTS:
        if path.relative_to(ROOT).parts[0] == room:
            for name, _, call in calls(path, SUSPICIOUS):
                named = {keyword.arg for keyword in call.keywords}
                if "b" not in mode_of(name, call) and not named & {"encoding", None}:
                    missing.append(f"{path.relative_to(ROOT).as_posix()}:{call.lineno}")
    assert missing == []


def test_nothing_is_written_with_the_line_ends_of_the_machine():
    """Digests are taken of files: run.json, votes, stages.  So all are written as bytes, by checkpoint.atomically or runs.write_text."""
    for path in ROOT.glob("minialign/**/*.py"):
        for name, last, call in calls(path, r"\.write_text\(|open\(|TemporaryFile\("):
            assert not (last == "write_text" and "." in name and not name.startswith(("folder.", "runs."))), f"{path}:{call.lineno}"
            if set("wax+") & set(mode_of(name, call)) and "b" not in mode_of(name, call):
                allowed = ("TemporaryFile", "fdopen") if path.parent.name == "bench" else ()
                to_a_stream = path.name in ("streams.py", "learner.py") or "devnull" in ast.unparse(call)
                assert last in allowed or to_a_stream, f"{path}:{call.lineno}"


def test_git_gives_the_same_bytes_on_every_system():
    rules = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert "* text=auto eol=lf\n" in rules
    for name in build.sources() if (ROOT / ".git").exists() else ():
        data = (ROOT / name).read_bytes()
        assert f"*{Path(name).suffix} binary\n" in rules if b"\0" in data else b"\r\n" not in data, name


def test_text_has_the_same_digest_whatever_the_system_calls_a_new_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "linesep", "\r\n")  # what Path.write_text and print would look at
    folder.write_text(tmp_path / "a.txt", "one\ntwo\n")
    assert hashlib.sha256((tmp_path / "a.txt").read_bytes()).hexdigest() == hashlib.sha256(b"one\ntwo\n").hexdigest()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])
def test_a_console_of_the_eighties_shows_what_it_can(encoding, toy_runs, monkeypatch):
    """Answers, votes and errors hold any character; none is a UnicodeEncodeError."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True))
    monkeypatch.setattr(sys, "stdin", io.StringIO("wie heißt 東京?\n"))
    streams.prepare_streams()
    assert main(["chat", str(toy_runs / "tour-fast-s0")]) == 0
    assert main(["chat", str(toy_runs / "nowhere-東京-é")]) == 2
    told = [stream.buffer.getvalue().decode(encoding) for stream in (sys.stdout, sys.stderr)]
    assert "DPO" in told[0] and told[1].splitlines()[-1].startswith("minialign: ") and "nowhere-??-" in told[1]


WINDOWS = """
import os, signal, sys
import numpy  # which knows where it is
sys.modules |= dict.fromkeys(["fcntl", "resource", "termios", "tty", "pwd", "grp", "readline", "curses"])
for name in ["fork", "forkpty", "killpg", "getuid", "geteuid", "getpgid", "setsid", "sched_getaffinity", "sched_setaffinity", "nice", "fchmod"]:
    if hasattr(os, name):
        delattr(os, name)
for name in ["SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGPIPE", "SIGQUIT", "SIGCHLD", "SIGTSTP", "alarm", "setitimer"]:
    delattr(signal, name)
"""


def python(code, folder, **env):
    """Run code in a process of its own, in a C locale and without UTF-8 mode -> what it prints."""
    told = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONIOENCODING": "cp1252"} | env
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=told, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="cp1252")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.whole
def test_a_tour_and_an_exercise_on_a_console_of_one_byte_per_character(tmp_path):
    code = WINDOWS + f"""
from pathlib import Path
signal.SIGKILL = 9  # subprocess itself needs it here
sys.path.append({str(ROOT / "tests")!r})
from toy_run import toy_tour
from minialign.cli.command import main
assert main(["lessons", "."]) == 0 and main(["check", "1"]) == 1
toy_tour(Path("runs"))
print(main(["chat", "runs/tour-fast-s0"]), main(["doctor"]))
"""
    told = python(code, tmp_path)
    assert "not written yet" in told and told.rstrip().endswith("0 0")


def test_what_only_unix_has_is_not_needed(tmp_path):
    """Every file that speaks of the operating system is imported without it, and a model is stored and read."""
    needs = r"import (fcntl|resource|termios)|signal\.|killpg|os\.name|sched_|chmod"
    speak = [path for path in ROOT.glob("minialign/**/*.py") if re.search(needs, text_of(path)) and path.parent.name != "book"]  # an extra
    names = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in speak)
    assert "minialign.runs.voting" in names and "minialign.cli.command" in names
    code = WINDOWS + f"""
import importlib
for name in {names}:
    importlib.import_module(name)
from minialign import checkpoint
from minialign.model import LanguageModel, ModelConfig
from minialign.runs import metrics, seeds
checkpoint.save(LanguageModel(ModelConfig(48, 16, n_layer=1, n_head=2, d_model=8), numpy.random.default_rng(0)), "m.npz")
print(checkpoint.load("m.npz").config.d_model, seeds.cores() > 0)
"""
    assert python(code, tmp_path) == "8 True\n"


def test_a_path_in_a_command_is_quoted_as_the_system_takes_it(monkeypatch):
    assert [text.quoted(path) for path in ("runs/a", "my runs/a", "o'clock")] == ["runs/a", "'my runs/a'", "'o'\"'\"'clock'"]
    monkeypatch.setattr(text, "os", SimpleNamespace(name="nt"))
    assert [text.quoted(path) for path in (r"runs\a", r"C:\my runs\a")] == [r"runs\a", r'"C:\my runs\a"']
    wrong = [path for path in ROOT.glob("minialign/**/*.py") if re.search(r"shlex\.(quote|join)", text_of(path)) and path.name != "text.py"]
    assert not wrong


def test_a_voter_locks_the_file_on_windows_too(tmp_path, monkeypatch):
    done = []
    fake = SimpleNamespace(LK_LOCK=1, LK_UNLCK=0, locking=lambda number, what, bytes: done.append((what, bytes, os.lseek(number, 0, os.SEEK_CUR))))
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(voting, "os", SimpleNamespace(**vars(os) | {"name": "nt"}))
    with open(tmp_path / "votes", "w+b") as file, voting.locked(file):
        file.write(b"a vote\n")
        file.flush()
    assert done == [(1, 1, 0), (0, 1, 0)]  # the same byte, the first, is locked and unlocked


def test_a_file_that_another_program_holds_is_replaced_when_it_lets_go(tmp_path, monkeypatch):
    """On Windows os.replace fails while a virus scanner reads the old file."""
    usual, refused = os.replace, []

    def held(source, target):
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        usual(source, target)

    monkeypatch.setattr(os, "replace", held)
    monkeypatch.setattr(checkpoint.time, "sleep", lambda seconds: None)
    folder.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "new" and len(refused) == 3
    def never(source, target):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(os, "replace", never)
    with pytest.raises(PermissionError):
        folder.write_text(tmp_path / "a.txt", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text(encoding="utf-8") == "new"


# ------------------------------------------------------------------------------------------------ processes
def test_new_processes_are_spawned_as_they_are_on_windows_and_by_no_lesson():
    """A spawned process imports the script that started it: a lesson, which has no guard, would run again in it."""
    for path in SCRIPTS:
        home = path.relative_to(ROOT).parts[0]
        if re.search(r"^(import|from) multiprocessing|ProcessPoolExecutor", text_of(path), re.M) and home == "minialign":
            assert path.name == "seeds.py" and 'get_context("spawn")' in text_of(path), path
        if home == "lessons":
            assert not re.search(r"runs\.seeds|for_each|as_they_come|multiprocessing|concurrent\.futures", text_of(path)), path


@pytest.mark.whole
def test_seeds_run_side_by_side_in_spawned_processes(tmp_path):
    """The script is imported again by each process, and its guard keeps it from starting over."""
    (tmp_path / "script.py").write_text(
        "import sys\nfrom math import factorial\nfrom minialign.runs.seeds import for_each\n"
        "print('once')\nif __name__ == '__main__':\n    print(for_each(factorial, [3, 4], 2))\n",
        encoding="utf-8",
    )
    told = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, encoding="utf-8")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines().count("[6, 24]") == 1


def test_a_process_that_is_killed_is_one_line_and_no_endless_wait(monkeypatch):
    for name in ("TQDM_DISABLE", "MINIALIGN_THREADS"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(Problem, match="a process was killed.*--jobs 1"):
        for_each(os._exit, [1, 1], 2)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_while_processes_start_reaches_none_of_them(tmp_path):
    (tmp_path / "script.py").write_text(
        "import os, signal\nfrom math import factorial\nfrom minialign.runs.seeds import for_each\n"
        "if __name__ == '__main__':\n    print(for_each(factorial, [3, 4], 2))\n"
        "else:\n    os.kill(os.getpid(), signal.SIGINT)\n",
        encoding="utf-8",
    )
    told = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert (told.returncode, told.stdout, "Traceback" in told.stderr) == (0, "[6, 24]\n", False)


def test_every_file_that_is_run_has_a_guard():
    """`python -m minialign` is imported again by each spawned process."""
    for path in ROOT.glob("minialign/**/*.py"):
        if path.name == "__main__.py" or re.search(r"^main\(|^ +sys\.exit\(main\(", text_of(path), re.M):
            assert 'if __name__ == "__main__":' in text_of(path), path
