"""What several experiments share.

measure.py      a model's answers to the report questions, and their gold    frontier.py     what stored answers predict
crowds.py       one pipeline for each crowd of raters                        gallery.py      the worst hacks
raters_view.py  what raters saw, and how they would rate other answers       costs.py        time, models, hyperparameters
agreement.py    whose labels are right                                       feedback.py     from labels to policies
ideal.py        a control: PPO on what experts feel
"""
