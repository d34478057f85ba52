"""What happened during a run: named series of numbers, and texts worth reading."""

import numpy as np


class History:
    """history.log(step, {"loss": 0.7});  history["loss"] -> values;  history.steps("loss") -> their steps."""

    def __init__(self):
        self.series = {}  # name -> [(step, value), ...]
        self.texts = []  # dicts: step, prompt, answer, and what is known about it

    def log(self, step, metrics):
        for name, value in metrics.items():
            self.series.setdefault(name, []).append((int(step), float(value)))

    def __getitem__(self, name):
        return np.array([value for _, value in self.series[name]])

    def __contains__(self, name):
        return name in self.series

    def steps(self, name):
        return np.array([step for step, _ in self.series[name]])

    def last(self, name, n=1):
        """Mean of the last n values."""
        return float(self[name][-n:].mean())

    def to_dict(self):
        return {"series": self.series, "texts": self.texts}

    @classmethod
    def from_dict(cls, stored):
        history = cls()
        history.series = {name: [tuple(pair) for pair in pairs] for name, pairs in stored["series"].items()}
        history.texts = stored["texts"]
        return history
