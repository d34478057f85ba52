"""The exercises: every stub fails, every solution passes, every named mistake is called by its name."""

import json
import math
import os
import py_compile
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from minialign import exact, grpo, policy_gradient, ppo, reward
from minialign.autograd import Tensor
from minialign.batch import conversations
from minialign.cli.check import told
from minialign.cli.command import main
from minialign.dpo import dpo_loss
from minialign.functional import layer_norm, token_log_probs
from minialign.sft import sft_loss
from minialign.teach import exercises
from minialign.teach.exercises import compare, grading, learner, wire

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
ALL = [(n, exercise) for n in exercises.LESSONS for exercise in exercises.of_lesson(n)]
NAMES = [f"{n}-{exercise.name}" for n, exercise in ALL]


def stub(n):
    return LESSONS / "exercises" / f"ex{n:02d}.py"


def solution(n):
    return LESSONS / "solutions" / f"ex{n:02d}.py"


def grade_file(n, path):
    """As grading.grade does it, but in this process: quicker where nothing dangerous is graded."""
    drawn = {exercise.name: compare.draw(exercise, np.random.default_rng()) for exercise in exercises.of_lesson(n)}
    replies = learner.run(str(path), sent({name: wire.encode(d.cases) for name, d in drawn.items()}))
    content = "\n".join(json.dumps(reply) for reply in replies).encode()
    found, failed = grading.parse(content)
    says = [grading.judge(d, reply) for d, reply in zip(drawn.values(), found)]
    return [failed, "not reached"] if failed else says


def sent(x):
    return json.loads(json.dumps(x))


def said_of(exercise, function, seed=0):
    """What is said of a function: "" if it is right."""
    drawn = compare.draw(exercise, np.random.default_rng(seed))
    reply = learner.called(function, sent(wire.encode(drawn.cases)), "?")
    return grading.judge(drawn, sent(reply))


# -------------------------------------------------------------------------------- right, wrong, unwritten
@pytest.mark.parametrize("n", exercises.LESSONS)
def test_every_stub_fails_and_every_solution_passes(n):
    assert grade_file(n, stub(n)) == ["not written yet"] * len(exercises.of_lesson(n))
    for _ in range(5):  # on cases that are new every time
        assert grade_file(n, solution(n)) == [""] * len(exercises.of_lesson(n))


@pytest.mark.parametrize(("n", "exercise"), ALL, ids=NAMES)
def test_every_named_mistake_gets_its_message_and_none_passes(n, exercise):
    assert len(exercise.mistakes) >= 3
    for says, mistake in exercise.mistakes:
        for seed in range(3):
            assert said_of(exercise, lambda *arguments: mistake(*arguments), seed) == says  # noqa: B023


# What a learner would really write: a solution with one line changed, and a few words of what he must be told.
SLIPS = [
    (1, " - h.mean(-1, keepdims=True)", "", "misses the mean term"),
    (1, "(g * x_hat).sum(0), g.sum(0)", "(g * x_hat), g", "sum dgain and dbias over the rows"),
    (1, "    p[np.arange(N), targets] -= 1\n", "", "one-hot"),
    (1, "logits - logits.max(-1, keepdims=True)", "logits", "exp(1000) is infinite"),
    (1, "x.var(-1, keepdims=True)", "x.var(-1, ddof=1, keepdims=True)", "sample variance"),
    (1, "p / N", "p", "divide by the number of rows"),
    (1, "logits - logits.max(-1, keepdims=True)", "logits - logits.max()", "the largest of each row, not of all"),
    (2, "-np.inf), 1)", "-np.inf), 0)", "not s >= t"),
    (2, "np.exp(scores - scores.max(-1, keepdims=True))", "np.exp(scores - np.nan_to_num(scores, neginf=0).max())",
     "the largest that it sees"),
    (2, "    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))",
     "    logprobs = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))", "a probability can round to 0"),
    (2, "np.triu(np.full((T, T), -np.inf), 1)", "0", "see the future"),
    (2, "logits[:-1], ids[1:]", "logits, ids", "forgot the shift"),
    (2, "logits[:-1], ids[1:]", "logits[1:], ids[:-1]", "shifted the wrong way"),
    (3, "np.arange(1, len(ids))", "np.arange(len(ids) - 1)", "shifted by one"),
    (3, "<= ids.index(EOS)", "< ids.index(EOS)", "left the end token (EOS) out"),
    (3, "/ mask.sum()", "/ mask.size", "averaged over padding"),
    (3, "-(logprobs * mask).sum() / mask.sum()", "-(logprobs * mask).mean()", "averaged over padding"),
    (3, "-(logprobs * mask).sum() / mask.sum()", "-logprobs.mean()", "forgot the mask"),
    (4, "r_b - r_a", "r_a - r_b", "swapped"),
    (4, "np.exp(-np.logaddexp(0.0, r_b - r_a))", "np.exp(r_a) / (np.exp(r_a) + np.exp(r_b))", "infinite"),
    (4, " + slip**2", "", "two slips agree"),
    (5, "d = chosen - rejected", "d = rejected - chosen", "swapped"),
    (5, "slope, -slope", "slope, slope", "opposite"),
    (5, " / len(d)  # -sigma(-d) / N", "", "1/N of the mean"),
    (5, "np.logaddexp(0.0, -d).mean()", "-np.log(1 / (1 + np.exp(-d))).mean()", "exp(800) is infinite"),
    (5, ".mean(), slope", ".sum(), slope", "your loss is a sum"),
    (6, "np.zeros(len(rewards))", "np.zeros_like(rewards)", "whole numbers cut its fractions off"),
    (6, "np.exp(logprobs - old_logprobs)", "logprobs / old_logprobs", "not of log-probabilities"),
    (6, "next_value = next_advantage = 0.0", "next_value, next_advantage = values[-1], 0.0", "not its own value"),
    (6, "gamma * lam * next_advantage", "gamma * next_advantage", "forgot lambda"),
    (6, " - values[t]\n", "\n", "how much better than expected"),
    (6, "np.maximum(-adv", "np.minimum(-adv", "pessimist"),
    (6, "/ mask.sum()", "/ mask.size", "averaged over padding"),
    (6, "1 - eps, 1 + eps", "0.8, 1.2", "you always clip at 0.8 and 1.2"),
    (7, "rewards[-1] += score", "rewards += score", "last token alone"),
    (7, "-beta * (", "beta * (", "sign of the leash"),
    (7, "rewards[-1] += score", "rewards[-1] = score", "does not replace it"),
    (7, " - rewards.max()", "", "exp(2000) is infinite"),
    (7, "return weights / weights.sum()", "return weights", "divide by Z"),
    (8, "(logprobs * mask).sum(1)", "(logprobs * mask).sum(1) / mask.sum(1)", "you divided by tokens: DPO sums"),
    (8, "((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))",
     "(policy_chosen - policy_rejected)",
     "forgot the reference"),
    (8, "np.logaddexp(0.0, -h)", "np.logaddexp(0.0, h)", "swapped"),
    (8, "(logprobs * mask).sum(1)", "np.multiply(logprobs, mask, out=logprobs).sum(1)", "argument 1, which belongs to the caller"),
    (8, "np.logaddexp(0.0, -h)", "-np.log(1 / (1 + np.exp(-h)))", "exp(890) is infinite"),
    (8, "np.logaddexp(0.0, -h).mean()", "np.logaddexp(0.0, -h).sum()", "you summed"),
    (9, " + 0.5 * (ours == theirs)", "", "one half"),
    (9, "outcomes[rows].mean(1)", "outcomes[rows].mean(0)", "axis 1"),
    (9, "(0.025, 0.975)", "(0.05, 0.95)", "leave a tenth outside"),
    (10, "inside.mean() * abs(", "abs(", None),  # not one of the named: the bins are added up without any weight
    (10, "inside.mean() * abs(correct", "inside.mean() * (correct", "errors cancel"),
    (10, "np.minimum(((p - 0.5) * 2 * bins).astype(int), bins - 1)", "((p - 0.5) * 2 * bins).astype(int)", "p = 1 is missing"),
    (10, "refused[dangerous].mean(), refused[~dangerous].mean()",
     "(refused & dangerous).mean(), (refused & ~dangerous).mean()",
     "divided by all questions"),
    (11, "(d_a - d_b) / 2", "(d_a + d_b) / 2", "the second reply is about b"),
    (11, "(d_a - d_b) / 2", "(d_a - d_b)", "forgot to halve"),
    (11, "1 / (1 + np.exp(-(d_a - d_b) / 2))", "(judge(question, a, b) + 1 - judge(question, b, a)) / 2", "averaged the probabilities"),
    (11, "/ (1 - chance)", "", "divide by 1 - chance"),
    (13, "scores - scores.mean(axis=1, keepdims=True)", "scores - scores.mean()", "over all questions"),
    (13, ", ddof=1", "", "divide by G - 1"),
    (13, "(np.std(scores, axis=1, ddof=1, keepdims=True) + eps)", "(np.std(scores, ddof=1) + eps)", "over all scores"),
    (13, "(scores.shape[1] - 1)", "scores.shape[1]", "there are G - 1 others"),
    (13, "(scores.sum(axis=1, keepdims=True) - scores) / (scores.shape[1] - 1)", "scores.mean(axis=1, keepdims=True)",
     "with itself too"),
]  # fmt: skip


@pytest.mark.parametrize(("n", "old", "new", "told"), SLIPS)
def test_a_learners_slip_is_recognised(n, old, new, told, tmp_path):
    source = solution(n).read_text(encoding="utf-8")
    assert source.count(old) == 1
    file = tmp_path / "mine.py"
    file.write_text(source.replace(old, new), encoding="utf-8")
    failed = [says for says in grade_file(n, file) if says]
    assert len(failed) == 1  # the other function of the file is still right
    assert (told or "in case 1 of") in failed[0]


# -------------------------------------------------------------------------------- is the right answer right?
def the(name):
    return next(exercise for _, exercise in ALL if exercise.name == name)


def library_layer_norm(g, x, gain):
    x, gain, bias = (Tensor(a, requires_grad=True) for a in (x, gain, np.zeros(len(gain))))
    layer_norm(x, gain, bias).backward(g)
    return x.grad, gain.grad, bias.grad


def library_softmax_loss(logits, targets):
    logits = Tensor(logits, requires_grad=True)
    (-token_log_probs(logits, targets).mean()).backward()
    return logits.grad


def library_reward_loss(chosen, rejected):
    chosen, rejected = Tensor(chosen, requires_grad=True), Tensor(rejected, requires_grad=True)
    loss, _ = reward.bradley_terry_loss(chosen, rejected)
    loss.backward()
    return loss.item(), chosen.grad, rejected.grad


def one_row(function):
    """A batch function of the library on a single answer."""
    return lambda *arrays: function(*[np.asarray(a)[None] for a in arrays])


LIBRARY = {
    "layer_norm_backward": library_layer_norm,
    "softmax_loss_gradient": library_softmax_loss,
    "next_token_loss": lambda logits, ids: -token_log_probs(logits[:-1], ids[1:]).data.mean(),
    "sft_loss": lambda logprobs, mask: sft_loss(logprobs, mask)[1]["loss"],
    "preference_probability": lambda a, b: np.array([exact.bradley_terry(np.array(pair))[0, 1] for pair in zip(a, b)]),
    "reward_loss": library_reward_loss,
    "gae": lambda r, v, gamma, lam: ppo.gae(r[None], v[None], np.ones((1, len(r))), gamma, lam)[0][0],
    "clipped_policy_loss": lambda *a: policy_gradient.ppo_policy_loss(*a)[0].item(),
    "kl_penalized_rewards": lambda score, p, q, beta: policy_gradient.kl_penalized_rewards(
        np.array([score]), p[None], q[None], np.ones((1, len(p))), beta
    )[0],
    "tilt": exact.optimal_policy,
    "dpo_loss": lambda *a: dpo_loss(*a)[0].item(),
    "group_advantages": lambda scores, eps: grpo.group_advantages(scores.astype(float), eps=eps),
    "leave_one_out": lambda scores: grpo.leave_one_out(scores.astype(float)),
    "calibration_error": lambda p, c, bins: reward.calibration((2 * c - 1) * np.log(p / np.maximum(1 - p, 1e-17)), bins)["ece"],
}


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.underflow
def test_the_right_answers_are_those_of_the_library(name):
    exercise = the(name)
    for seed in range(3):
        for case in exercise.cases(np.random.default_rng(seed)):
            assert compare.same(LIBRARY[name](*case), exercise.answer(*case)), compare.difference(
                LIBRARY[name](*case), exercise.answer(*case)
            )


def test_the_mask_of_exercise_3_is_the_batchs():
    batch = conversations([("what?", "it is."), ("why is it so?", "no.")])
    for ids, mask in zip(batch.ids, batch.mask):
        assert compare.same(mask, the("answer_mask").answer(ids))


# -------------------------------------------------------------------------------- the learner's own file
def told_by(tmp_path, source, n=6, seconds=10, name="mine.py"):
    file = tmp_path / name
    file.write_text(source, encoding="utf-8")
    return grading.grade(n, file, seconds)


def test_an_endless_loop_is_ended_and_its_line_named(tmp_path):
    graded = told_by(tmp_path, "def gae(*_):\n    while True:\n        print('x' * 1000)\n", seconds=1)
    first, second = (v["says"] for v in graded["functions"])
    assert re.fullmatch(r"still running after 1 seconds in line [23]: an endless loop\?", first) and "not reached" in second
    assert not graded["passed"] and graded["seconds"] < 15


def test_a_crash_of_python_itself_is_told_kindly_and_what_was_right_stays_right(tmp_path):
    crash = "\n\ndef clipped_policy_loss(*_):\n    import ctypes\n    ctypes.string_at(0)\n"
    gae_alone = solution(6).read_text(encoding="utf-8").split("\n\n\ndef clipped")[0]
    graded = told_by(tmp_path, gae_alone + crash)
    assert [v["passed"] for v in graded["functions"]] == [True, False]
    assert "the Python process ended" in graded["functions"][1]["says"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def gae(:", "line 1: SyntaxError"),
        ("x = 1\nx / 0", "line 2: ZeroDivisionError"),
        ("raise SystemExit(3)", "line 1: SystemExit: 3"),
        ("import no_such_thing", "ModuleNotFoundError"),
        ("", "there is no function gae in this file"),
        ("gae = 3", "there is no function gae"),
        ("from minialign.ppo import gae", "the library's own"),
        ("def gae(rewards):\n    return rewards", "TypeError: gae() takes 1 positional argument but 4 were given"),
        ("def gae(*a):\n    pass", "returns None (is there a `return`?)"),
        ("def gae(*a):\n    return 'soon'", "returns a str"),
        ("def gae(r, v, g, l):\n    return 0.5", "shape (), but (3,) is expected"),
        ("def gae(r, v, g, l):\n    return r", "at [0] is"),
        ("def gae(r, v, g, l):\n    r *= v\n    return\n    x()", "None"),
        ("def gae(r, v, g, l):\n    y = r[99]", "line 2: IndexError"),
        ("def gae(*a):\n    return gae(*a)", "RecursionError"),
        ("def gae(*a):\n    exit()", "SystemExit"),
    ],
)
def test_whatever_a_file_does_is_told_in_words(source, told, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(source, encoding="utf-8")
    first, second = grade_file(6, file)
    assert told in first
    assert second and second != first  # a file that cannot be read is told once


def test_a_tensor_or_a_list_is_as_good_as_an_array():
    gae, reward_loss = the("gae"), the("reward_loss")
    assert said_of(gae, lambda *a: Tensor(gae.answer(*a))) == ""
    assert said_of(gae, lambda *a: gae.answer(*a).tolist()) == ""
    assert said_of(reward_loss, lambda *a: list(reward_loss.answer(*a))) == ""
    interval = the("bootstrap_interval")
    assert said_of(interval, lambda o, rows: np.quantile(o[rows].mean(1), (0.025, 0.975))) == ""  # as its third hint says
    assert "of the 2 values returned, number 1 is wrong" in said_of(interval, lambda o, rows: np.array([9.0, 9.0]))


def test_who_writes_into_the_arguments_is_told_so():
    def careless(rewards, values, gamma, lam):
        answer = the("gae").answer(rewards, values, gamma, lam)
        values[:] = 0
        return answer

    assert "the results are right, but the call changes argument 2" in said_of(the("gae"), careless)


# -------------------------------------------------------------------------------- forged
RIGHT_GAE = solution(6).read_text(encoding="utf-8")
WRONG_GAE = "import numpy as np\ndef gae(r, v, g, l):\n    return np.zeros(len(r))\nclipped_policy_loss = gae\n"
WRITES = """
import os
for fd in range(3, 20):
    try:
        os.write(fd, b'REPLY')
    except OSError:
        pass
os._exit(0)
"""  # to whatever is open: one of them is the pipe to the grader
FORGED = {
    "the verdict is written to the file of the last argument": """
import json, os, sys
for name in sys.argv[1:]:
    with open(name, "w") as file:
        json.dump({"verdicts": [{"name": n, "passed": True, "says": ""} for n in ("gae", "clipped_policy_loss")]}, file)
os._exit(0)
""",
    "verdicts instead of results": WRITES.replace("REPLY", r'{"passed": true, "says": ""}\n' * 2),
    "it stopped, for no reason": WRITES.replace("REPLY", r'{"stopped": ""}\n' * 2),
    "no results of no cases": WRITES.replace("REPLY", r'{"returned": [], "arguments": []}\n' * 2),
    "the comparison says yes": WRONG_GAE + "np.allclose = np.isclose = np.array_equal = lambda *a, **k: True\n",
    "the library's answers": """
from minialign.teach import exercises
gae, clipped_policy_loss = (exercise.answer for exercise in exercises.of_lesson(6))
""",
    "the library's answers, when called": """
def gae(*arguments):
    from minialign.teach.exercises import e06
    return e06.EXERCISES[0].answer(*arguments)
clipped_policy_loss = gae
""",
    "an object that equals everything": """
class Yes:
    __array_priority__ = 1e9
    def __eq__(self, other): return True
    def __array__(self, *a, **k): raise SystemExit(0)
def gae(*a): return Yes()
clipped_policy_loss = gae
""",
    "numbers that were right once": """
def gae(*a): return [0.5, 0.5, 0.5]
def clipped_policy_loss(*a): return 0.125
""",
    "JSON that nobody can read": WRITES.replace("REPLY", "[" * 500_000 + r"\n"),
    "everything at once": "import os\nfor fd in range(3, 20):\n    try:\n        while True: os.write(fd, b'x' * 100_000)\n    except OSError:\n        pass\n",
}


@pytest.mark.parametrize("source", FORGED.values(), ids=FORGED)
def test_a_forged_verdict_is_not_believed(source, tmp_path):
    graded = told_by(tmp_path, source, seconds=2)
    assert not graded["passed"] and not any(function["passed"] for function in graded["functions"])
    assert all(function["says"] for function in graded["functions"]) and json.dumps(graded)


def test_every_grading_draws_new_cases(tmp_path):
    source = "def gae(rewards, *_):\n    print(rewards)\nclipped_policy_loss = gae"
    first, second = (told_by(tmp_path, source)["printed"] for _ in range(2))
    assert first and second and first != second


def test_no_more_is_kept_of_a_reply_than_is_sane(monkeypatch):
    monkeypatch.setattr(grading, "LONGEST_REPLY", 1000)
    reading, writing = os.pipe()
    pipe = grading.Pipe(os.fdopen(reading, "rb"))
    with os.fdopen(writing, "wb") as stream:
        stream.write(b"x" * 200_000)
    assert pipe.read() == b"x" * 1000


@pytest.mark.skipif(os.name == "nt", reason="there are no process groups on Windows")
@pytest.mark.parametrize("ends", ["", "os._exit(0)", "while True: pass"])
def test_nothing_that_a_file_starts_outlives_its_grading(ends, tmp_path):
    beat = tmp_path / "beat"
    source = f"""
import os, time
if os.fork() == 0:
    while True:
        open({str(beat)!r}, "a").write("x")
        time.sleep(0.02)
while not os.path.exists({str(beat)!r}) or os.path.getsize({str(beat)!r}) == 0: pass
{ends}
"""
    began = time.perf_counter()
    graded = told_by(tmp_path, source + RIGHT_GAE, seconds=1)
    assert graded["passed"] == (ends == "") and time.perf_counter() - began < 10
    size = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == size > 0


def test_no_stored_bytecode_is_run_in_a_files_place(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(RIGHT_GAE, encoding="utf-8")
    stored = Path(py_compile.compile(str(file)))
    times = file.stat()
    file.write_text(RIGHT_GAE.replace("advantages[t]", "advantages[0]", 1), encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # older than what was compiled, and as long
    assert stored.exists() and not grading.grade(6, file)["passed"]


# -------------------------------------------------------------------------------- damaged
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("mine.ipynb", b"{}", "export it as .py"),
        ("mine.py", None, "there is no such file"),
        ("folder", "folder", "this is not a file"),
        ("mine.py", b"\xff\xfe\x00x", "the file stops before anything is called: "),
        ("mine.py", b"# -*- coding: nonsense -*-", "SyntaxError"),
        ("mine.py", b"\x00" * 1000, "Error"),
        ("mine.py", b"(" * 100_000, "the file stops before"),
        ("mine.py", b"#" * 2_000_000, "too long"),
        ("mine.txt", RIGHT_GAE.encode(), ""),  # the name does not matter, the content does
    ],
)
def test_damage_of_any_kind_is_not_yet(name, content, says, tmp_path):
    file = tmp_path / name
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    graded = grading.grade(6, file)
    assert graded["passed"] == (says == "") and says in graded["functions"][0]["says"] and told(graded)
    assert "\n" not in graded["functions"][0]["says"]


def test_one_missing_file_does_not_stop_the_class(tmp_path, capsys):
    assert main(["check", "4", "--json", str(tmp_path / "nobody.py"), "no\0name.py", str(solution(4))]) == 1
    rows = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [row["passed"] for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    "x",
    [
        np.arange(6.0).reshape(2, 3),
        np.array([1, 2]),
        np.array(True),
        np.float32(0.1),
        [1, [2.5]],
        (1.0, None),
        "text",
        math.inf,
        math.nan,
    ],
)
def test_what_is_sent_arrives(x):
    arrived = wire.decode(sent(wire.encode(x)))
    if isinstance(x, (np.ndarray, np.generic)):
        assert arrived.dtype == x.dtype and np.array_equal(arrived, x)
    else:
        assert str(arrived) == str(list(x) if isinstance(x, tuple) else x)


@pytest.mark.parametrize(
    "x", [{"array": [1, [2]], "dtype": "float64"}, {"array": ["x"], "dtype": "int64"}, {"array": [1], "dtype": "O"}, {}]
)
def test_what_was_not_sent_by_us_is_refused(x):
    with pytest.raises((ValueError, TypeError, LookupError)):
        wire.decode(x)


# -------------------------------------------------------------------------------- the command
def test_check_grades_the_file_that_is_named_or_the_one_that_lies_here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "4"]) == 2  # nothing here: no other file is graded in its place
    assert "there is no lessons/exercises/ex04.py here" in capsys.readouterr().err
    (tmp_path / "lessons" / "exercises").mkdir(parents=True)
    shutil.copy(stub(4), "lessons/exercises/ex04.py")
    assert main(["check", "4"]) == 1
    said = capsys.readouterr().out
    assert said.count("not yet") == 2 and "lessons/exercises/ex04.py" in said.replace("\\", "/") and "--hint 1" in said
    assert main(["check", "4", str(solution(4))]) == 0
    said = capsys.readouterr().out
    assert said.count("  right ") == 2 and "hint" not in said
    assert main(["check", "4", "nowhere.py"]) == 1
    assert "not yet  preference_probability: there is no such file" in capsys.readouterr().out


def test_a_class_is_graded_with_one_line_a_student(tmp_path, capsys):
    noisy = tmp_path / "noisy.py"
    noisy.write_text("print('\\x1b[31mhello')\n" + solution(5).read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["check", "5", "--json", str(stub(5)), str(noisy)]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["passed"], second["passed"]) == (False, True)
    assert first["exercise"] == 5 and first["file"] == str(stub(5)) and first["functions"][0]["name"] == "reward_loss"
    assert second["printed"] == "\x1b[31mhello\n"
    assert "\\x1b[31mhello" in told(second)  # escaped where it is printed


def test_what_a_file_prints_does_not_push_the_verdict_off_the_screen(tmp_path):
    graded = told_by(
        tmp_path, "print('x' * 1000)\nfor i in range(1000):\n    print(i)\n" + solution(5).read_text(encoding="utf-8"), 5
    )
    said = told(graded).splitlines()
    assert graded["passed"] and len(said) <= 14 and max(map(len, said[1:])) <= 88 and said[-1] == "    ... and more"


@pytest.mark.parametrize("arguments", ["check", "check 0", "check 12", "check one", "check 3 --hint 4", "check 3 --csv --json", "check 3 --hint 1 --json"])
def test_a_wrong_command_line_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    said = capsys.readouterr().err
    assert stop.value.code == 2 and len(said.splitlines()) == 1 and "FILE" not in said  # that one may be left out


def test_there_are_three_hints_each_says_more_than_the_one_before(capsys):
    for _, exercise in ALL:
        assert len(exercise.hints) == len(set(exercise.hints)) == 3 and all(exercise.hints)
    said = []
    for number in (1, 2, 3):
        assert main(["check", "6", "--hint", str(number)]) == 0
        said.append(capsys.readouterr().out)
        assert said[-1].startswith("gae: ") and "\nclipped_policy_loss: " in said[-1]
        assert said[-1].isascii() and max(map(len, said[-1].splitlines())) <= 88
    assert len(set(said)) == 3


def test_all_that_is_said_is_plain_text():
    for _, exercise in ALL:
        assert all(says.isascii() for says, _ in exercise.mistakes) and all(hint.isascii() for hint in exercise.hints)
