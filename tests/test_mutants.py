"""Are the tests any good?  Every mistake in mutants.py must be noticed by at least one of them."""

from collections import Counter

import mutants
import pytest


def test_every_mutant_still_fits_the_code_it_breaks():
    """A line that was rewritten takes its mutant with it: change the mutant too, or it would test nothing."""
    for mutant in mutants.MUTANTS:
        source = (mutants.ROOT / "minialign" / f"{mutant.file}.py").read_text(encoding="utf-8")
        assert mutants.broken(mutant, source) != source
        assert all((mutants.ROOT / "tests" / f"test_{name}.py").exists() for name in mutant.tests.split())
    changes = Counter((mutant.file, mutant.old, mutant.new) for mutant in mutants.MUTANTS)
    assert max(changes.values()) == 1


@pytest.mark.slow
def test_every_mutant_is_noticed():
    """A few minutes; `python tests/mutants.py` prints the same as a table."""
    wrong = []
    for mutant, noticed in mutants.run(mutants.MUTANTS):
        words, fine = mutants.verdict(mutant, noticed)
        if not fine:
            wrong.append(f"{mutant.file}: {mutant.why}: {words}")
    assert not wrong, "\n".join(wrong)
