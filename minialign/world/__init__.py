"""The toy world, and the only place that knows the truth.

    facts.py           42 facts that raters can check, 170 that they cannot, and names that mean nothing
    prompts.py         one question with all that is known about it, and its four phrasings
    split.py           how questions are divided among the lists train, tune and report
    answers.py         the few sentences that answers are made of, and a parser for answers
    kinds.py           a record for each kind of question: what is asked, answered, rewarded and checked
    questions.py       the three disjoint lists of prompts, and the parser for questions
    corpus.py          the internet that pretraining reads
    demonstrations.py  the example answers, good and bad, that SFT imitates
    gold.py            the exact judge, for measuring only
    behaviour.py       what people would count: answers right, refuses, admits that it cannot know, agrees
    raters.py          the people whose votes (preferences) train the reward model and DPO
    toy.py             all of it as one object, which the pipeline uses
    protocol.py        the six methods that such an object needs
    calculator.py      a second world, to show how small one can be

Training code receives prompts, texts and votes from here as arguments, but never the judge.
"""

from .behaviour import BEHAVIOURS, WANTED, behaviour
from .corpus import pretraining_documents
from .demonstrations import demonstrations
from .facts import fictional_name
from .gold import Verdict, judge, judge_response
from .kinds import KINDS, PROMPT_MIX, TRAINING_MIX, Kind
from .prompts import Prompt
from .protocol import World
from .questions import five_questions, parse, prompt_lists, report_questions, sample_prompts
from .raters import UNBIASED, Raters, Tastes
from .toy import ToyWorld
