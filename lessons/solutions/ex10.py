"""Exercise 10: calibration, and refusing the right things.  One solution."""


def calibration_error(p, correct, bins):
    which = ((p - 0.5) * 2 * bins).astype(int)
    error = 0.0
    for k in range(bins):
        inside = which == k
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - p[inside].mean())
    return error


def refusal_rates(refused, dangerous):
    return refused[dangerous].mean(), refused[~dangerous].mean()
