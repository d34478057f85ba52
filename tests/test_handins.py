"""Grading a class: one row a student, what many got wrong, who wrote the same; and nothing runs in the grader's process."""

import csv
import io
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from minialign.cli.command import COMMANDS, main
from minialign.teach.exercises import grading, handins, similar

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
RIGHT = (LESSONS / "solutions" / "ex04.py").read_text(encoding="utf-8")
GIVEN = (LESSONS / "exercises" / "ex04.py").read_text(encoding="utf-8")


def test_a_class_is_a_row_a_student_with_the_mistake_and_a_summary(tmp_path, capsys):
    for name, text in (("ada", RIGHT), ("bob", GIVEN), ("=cmd", f"import os\nopen(__file__ + '.pid', 'w').write(str(os.getpid()))\n{RIGHT}")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ex04.py").write_text(text, encoding="utf-8")
    assert main(["check", "4", str(tmp_path), "--csv"]) == 1
    told = capsys.readouterr()
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(told.out))}
    assert list(rows) == ["'=cmd", "ada", "bob"] and rows["ada"]["score"] == rows["ada"]["of"] == "2"
    assert rows["bob"]["score"] == "0" and rows["bob"]["mistake"] == "preference_probability: not written yet"
    assert all(0 < float(row["seconds"]) < 60 for row in rows.values())
    assert "2 of 3 have everything right" in told.err and "1 of 3: preference_probability: not written yet" in told.err
    assert "=cmd and ada: 100% or more" in told.err and "not a verdict" in told.err
    assert int((tmp_path / "=cmd" / "ex04.py.pid").read_text(encoding="utf-8")) != os.getpid()  # it ran elsewhere


def test_a_student_is_called_after_the_file_or_the_folder(tmp_path):
    paths = [tmp_path / "ada" / "ex04.py", tmp_path / "bob.py", tmp_path / "x" / "eve.py", tmp_path / "y" / "eve.py"]
    assert handins.students_of(paths) == ["ada", "bob", str(paths[2]), str(paths[3])]


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    assert main(["check", "4", str(tmp_path), "--csv"]) == 2
    assert "holds no ex04.py" in capsys.readouterr().err


def test_the_summary_counts_a_mistake_whatever_its_numbers_are():
    rows = [{"score": 0, "of": 1, "mistake": f"f: the result is {x}, but 2.5 is expected"} for x in (1.5, -3e-7, 12)]
    rows += [{"score": 0, "of": 1, "mistake": "f: you forgot the END"}] * 18 + [{"score": 1, "of": 1, "mistake": ""}] * 9
    said = handins.summary(rows)
    assert said[0] == "9 of 30 have everything right" and said[1] == "18 of 30: f: you forgot the END"
    assert said[2] == "3 of 30: f: the result is #, but # is expected" and len(said) == 3


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=x", " =1", "\n=1+1", "\r\n+1"])
def test_no_cell_is_a_formula(cell):
    assert next(csv.reader([handins.as_csv([cell, 3])]))[0][0] == "'"
    assert handins.as_csv(["two\nlines", -3]) == "two lines,-3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for_and_a_name_that_cannot_be_printed_is_a_row(tmp_path, capsys):
    """A lone surrogate in the name of a folder, which any byte can be on Linux, and a pipe called like a hand-in."""
    for name in ("anna", os.fsdecode(b"\xff=1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ex04.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "ex04.py")
    assert main(["check", "4", str(tmp_path), "--csv"]) == 1
    said = capsys.readouterr()
    said.out.encode("utf-8"), said.err.encode("utf-8")
    assert [line.split(",")[0] for line in said.out.splitlines()] == ["student", "anna", "pipe", r"\udcff=1"]


COPIED = "# my own work\n" + RIGHT.replace("(1 - slip) ** 2", "(1-slip)**2").replace("    return", "\n    # so it is\n    return")
OTHER = '''
import numpy as np
def preference_probability(r_a, r_b):
    difference = np.clip(r_a - r_b, -700, 700)
    return 1.0 / (1.0 + np.exp(-difference))
def self_agreement(slip):
    both_right, both_wrong = (1 - slip) * (1 - slip), slip * slip
    return both_right + both_wrong
'''  # fmt: skip


def test_a_copy_with_new_comments_and_spaces_is_alike_and_other_work_and_the_empty_exercise_are_not(tmp_path):
    paths = [tmp_path / f"{k}.py" for k in range(4)]
    for path, text in zip(paths, (RIGHT, COPIED, OTHER, GIVEN)):
        path.write_text(text, encoding="utf-8")
    assert [(i, j) for i, j, _ in similar.alike(paths, GIVEN)] == [(0, 1)]
    assert similar.alike([paths[3], paths[3]], GIVEN) == []  # nothing of their own
    assert similar.similarity({1, 2, 3, 4}, {3, 4, 5}) == pytest.approx(2 / 3)
    assert similar.tokens("def f(:\n  'unfinished") and similar.read(tmp_path / "nobody") == ""


def test_thirty_who_wrote_the_same_are_one_line():
    pairs = [(0, 1, 1.0), (2, 3, 0.9), (1, 4, 0.85), (5, 6, 1.0), (6, 4, 0.8)]
    assert similar.groups(pairs) == [([0, 1, 4, 5, 6], 0.8), ([2, 3], 0.9)] and similar.groups([]) == []
    everybody = [(i, j, 1.0) for i in range(30) for j in range(i)]
    assert similar.groups(everybody) == [(list(range(30)), 1.0)]


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(__file__ + ".pid", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists(__file__ + ".pid"):
    time.sleep(0.01)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_what_a_hand_in_leaves_running_is_ended(tmp_path):
    path = tmp_path / "ex04.py"
    path.write_text(DAEMON + RIGHT, encoding="utf-8")
    assert grading.grade(4, path)["passed"]
    number = int((tmp_path / "ex04.py.pid").read_text(encoding="utf-8"))
    for _ in range(100):
        status = Path(f"/proc/{number}/stat")
        if not status.exists() or ") Z" in status.read_text(encoding="utf-8"):  # a zombie waits for whoever adopted it
            break
        time.sleep(0.05)
    else:
        os.kill(number, 9)
        pytest.fail("it is still running")


def test_the_commands_of_the_template_are_there():
    text = (LESSONS / "kit" / "course-ci.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"minialign (\w+)", text)) == {"check", "lessons"} <= set(COMMANDS)
    yaml = pytest.importorskip("yaml", reason="no PyYAML")
    steps = yaml.safe_load(text)["jobs"]["check"]["steps"]
    assert [next(iter(step)) for step in steps] == ["uses", "uses", "run", "run"] and "minialign check" in steps[-1]["run"]


def test_the_template_of_a_course_repository_grades_what_is_begun(tmp_path):
    """Its shell lines, run here with a minialign that only says what it was asked."""
    text = (LESSONS / "kit" / "course-ci.yml").read_text(encoding="utf-8")
    script = re.search(r"- run: \|\n((?: {10}.*\n)+)", text)[1]
    (tmp_path / "lessons" / "exercises").mkdir(parents=True)
    for name, content in (("ex01.py", GIVEN), ("ex08.py", RIGHT), ("ex13.py", RIGHT)):
        (tmp_path / "lessons" / "exercises" / name).write_text(content, encoding="utf-8")
    fake = tmp_path / "bin" / "minialign"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho \"$@\"\n[ $2 = 13 ]\n", encoding="utf-8")
    fake.chmod(0o755)
    if not shutil.which("bash"):
        pytest.skip("no bash")
    path = f"{fake.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PATH": path}, encoding="utf-8")
    assert done.stdout.splitlines() == ["check 8 lessons/exercises/ex08.py", "check 13 lessons/exercises/ex13.py"]
    assert done.returncode == 1  # lesson 8 is not right yet


def test_the_exercise_of_lesson_13_can_be_checked_too(capsys):
    assert main(["check", "13", "--hint", "1"]) == 0
    with pytest.raises(SystemExit):
        main(["check", "12"])
