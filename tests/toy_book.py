"""A book of two toy lessons and a toy journey, for the tests of the pages."""

from pathlib import Path

from toy_run import toy_size

from minialign.cli.command import main

LESSONS = Path(__file__).resolve().parent.parent / "lessons"

FIRST = '''# %% [markdown]
"""Lesson 3 - Toy: is it one?

QUESTION   Is this <b>bold</b> a question?
NEEDS      nothing
TIME       about 70 s; --fast about 3 s
EQUATION   loss = - log sigma(h)     [eq: dpo-loss]
WATCH      1. it runs
           2. it flies
BREAK IT   --break sum   sums are wrong -> 1
EXERCISES  (2 min, run) it
           (write) minialign check 3
"""

# %%
import numpy as np
from matplotlib.figure import Figure

from minialign.teach.lesson import Lesson

lesson = Lesson(__file__, __doc__)

# %% [markdown]
# ## 1. A heading
# The *attention* of a base model, and attention again: $\\\\sigma(x) = \\\\frac{1}{1 + e^{-x}}$.
# A long one: $L = a_1 + a_2 + a_3 + a_4 + a_5 + a_6 + a_7 + a_8 + a_9 + b_1 + b_2 + b_3$.
#
# $$\\\\begin{aligned} a &= b + c \\\\\\\\ &= d \\\\end{aligned}$$
#
# $$\\\\frac{1}{N} \\\\sum_i (a_{i1} + b_{i2} + c_{i3} + d_{i4} + e_{i5} + f_{i6} + g_{i7} + h_{i8} + k_{i9}) \\\\log x$$
# NOTE(instructor): a secret,
# in two lines.
# Misconception: "it is not one". It is.
# %%
lesson.section("1. The section")
lesson.predict("What?", ["this <i>", "that"], 1, "because.")
print("   a table < of letters")
lesson.say("Read this.")
lesson.show("dpo-loss")
for name in ("a", "b"):
    lesson.number(f"number of {name}", -1.5, ".2f", exact=-1.5)
lesson.number("in its band", 2.0, form=".2f")
lesson.number("nowhere", float("nan"))
lesson.reveal()

# %% [markdown]
# ## 2. What there was to see
# Attention, in another section.
# %%
figure = Figure(figsize=(4, 2))
for title, ax in zip(("one < two", "the other one"), figure.subplots(1, 2)):
    ax.plot(np.arange(3))
    ax.set_title(title, loc="left")
lesson.picture("line", figure, "A line rises from zero at the left to two at the right.")
lesson.claim(1, True, "1 < 2")
lesson.claim(2, False)
lesson.finish()
'''
QUIZ = """[{"question": "What is $x^2$ at 3?", "right": 1, "options": [
 {"text": "6", "because": "That is 2x.", "misconception": "a square doubles"}, {"text": "9", "because": "3 times <3>."}]}]"""
SECOND = (
    FIRST.replace("Lesson 3 - Toy: is it one?", "Lesson 5 - Other: and now?")
    .replace("## 1. A heading", "A text without a heading.")
    .replace("[eq: dpo-loss]", "")
)


def toy_lessons(folder):
    """Two lessons and what is beside them -> their folder."""
    lessons = Path(folder) / "lessons"
    for part in ("kit", "exercises"):
        (lessons / part).mkdir(parents=True)
        for path in (LESSONS / part).iterdir():
            (lessons / part / path.name).write_bytes(path.read_bytes())
    (lessons / "03_toy.py").write_text(FIRST.replace("\\\\", "\\"), encoding="utf-8")
    (lessons / "05_other.py").write_text(SECOND.replace("\\\\", "\\"), encoding="utf-8")
    (lessons / "quizzes").mkdir()
    (lessons / "quizzes" / "03.json").write_text(QUIZ, encoding="utf-8")
    (lessons / "bands.json").write_text('{"03_toy": {"fast": {"in its band": [1.0, 3.0, 20]}}}', encoding="utf-8")
    return lessons


def toy_book(folder):
    """The site of the toy lessons -> its folder."""
    lessons = toy_lessons(folder)
    arguments = ["--fast", "--runs", str(Path(folder) / "runs"), "--lessons", str(lessons)]
    with toy_size():
        assert main(["book", str(Path(folder) / "book"), *arguments]) == 0
    return Path(folder) / "book"
