"""What several experiments share.

Of the models:

    measure.py      a model's answers to the report questions, and their gold
    frontier.py     what stored answers predict, without training
    gallery.py      the worst reward hacks
    costs.py        seconds, models in memory, hyperparameters

Of the raters and their labels:

    crowds.py       one pipeline for each crowd of raters
    raters_view.py  what raters saw, and how they would rate other answers
    agreement.py    whose labels are right
    feedback.py     from labels to policies

Of other rewards:

    ideal.py        a control: PPO on the utility of experts
    ensemble.py     the lowest score of three reward models, and a second round of votes
    verifier.py     right answers known to a program (RLVR)
"""
