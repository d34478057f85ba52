"""The toy world, and the only place that knows the truth.

    facts.py           42 facts that raters can check, 170 that they cannot, and names that stand for nothing
    questions.py       every question, what it is about, and the three disjoint lists of prompts
    answers.py         the few sentences that answers are made of, and how to take an answer apart
    corpus.py          the internet that pretraining reads
    demonstrations.py  the mixed crowd that SFT imitates
    gold.py            the exact judge, for measuring only
    raters.py          the people whose votes train the reward model and DPO

Training code gets prompts, texts and votes from here as arguments, and never the judge.
"""

from .corpus import pretraining_documents
from .demonstrations import demonstrations
from .facts import fictional_name
from .gold import Verdict, judge, truth
from .questions import KINDS, PROMPT_MIX, Prompt, five_questions, parse, prompt_lists, report_questions, sample_prompts
from .raters import UNBIASED, Raters, Tastes
from .toy import ToyWorld
