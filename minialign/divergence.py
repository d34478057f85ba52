"""Training that diverges is stopped at once, with a one-line error: its model would be useless.

Every trainer calls `check_step` after each of its steps: metrics are looked at every time, all parameters now and then, and
at the end.  NumPy's own warnings are suppressed meanwhile (`quiet`): they would say the same in a dozen lines.
"""

import math
from contextlib import contextmanager

import numpy as np

EVERY = 10  # steps between two looks at the parameters


class Diverged(ValueError):
    """A loss, a score or a parameter became infinite or NaN; the text says when, and what the likely cause is."""


def check_step(name, step, n_steps, metrics, config, *models, unit="step", every=EVERY):
    """Raise Diverged unless the metrics of step 0, 1, ... n_steps - 1 are finite, and, now and then, all parameters of models.

    config: where lr, and perhaps weight_decay, muon_lr and critic_lr, are read from, to name the likely cause.
    """
    for key, value in metrics.items():
        if not math.isfinite(value):
            raise Diverged(_sentence(name, f"{unit} {step + 1}", f"the {key}" if key == "loss" else key, value, config))
    if (step + 1) % every == 0 or step + 1 == n_steps:
        for model in models:
            for key, parameter in model.named_parameters().items():
                if not np.isfinite(parameter.data).all():
                    strange = parameter.data[~np.isfinite(parameter.data)][0]
                    raise Diverged(_sentence(name, f"{unit} {step + 1}", f"the parameter {key}", strange, config))


def _sentence(name, when, what, value, config):
    muon, critic, decay = (getattr(config, field, None) or 0.0 for field in ("muon_lr", "critic_lr", "weight_decay"))
    rate = max(config.lr, muon, critic)
    # Muon has no decay: only AdamW's learning rate multiplies it.
    cause = f"the weight decay ({decay:g})" if decay > rate and decay * config.lr > 1 else f"the learning rate ({rate:g})"
    became = "NaN" if math.isnan(value) else "infinite"
    return f"{name} diverged at {when}: {what} became {became}; likely cause: {cause} is too high; nothing of it was kept"


@contextmanager
def quiet():
    """Overflow is not warned about here; where the caller made it an error, as the tests do, it stays one."""
    settings = np.geterr()
    with np.errstate(**{kind: "ignore" for kind in ("over", "invalid", "divide") if settings[kind] == "warn"}):
        yield
