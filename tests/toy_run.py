"""A finished run at toy size, for the tests of the page."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from toy import TOY

from minialign import checkpoint, pipeline
from minialign.cli.command import main
from minialign.figures import page_plots
from minialign.page import document, policies, race, reweighting, speech, voting
from minialign.page.reweighting import Proxy
from minialign.runs import contents
from minialign.world import ToyWorld, prompt_lists
from minialign.world.contrasts import contrasts


@contextmanager
def toy_size():
    pairs = {name: of_a_kind[::20] for name, of_a_kind in contrasts("report").items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "FAST", TOY)
        patch.setattr(ToyWorld, "contrasts", lambda self: pairs)
        patch.setattr(ToyWorld, "report_questions", lambda self: [p.text for p in prompt_lists()["report"]][::30])
        patch.setattr(reweighting, "PROMPTS", 7)
        patch.setattr(reweighting, "ANSWERS", 12)
        patch.setattr(reweighting, "DOT_ANSWERS", 2)
        patch.setattr(race, "ITERATIONS", 4)
        patch.setattr(race, "FRAMES", 3)
        yield


def toy_tour(folder):
    """minialign tour --fast, in a few seconds -> the run's folder."""
    with toy_size():
        assert main(["tour", "--fast", "--out", str(folder)]) == 0
    return folder / "tour-fast-s0"


def reseal(folder):
    """Make a run's files and numbers, as they are now, what its run.json says they are: a test wants to see what comes next."""
    path = folder / "run.json"
    results = {name: value for name, value in json.loads(path.read_text(encoding="utf-8")).items() if name != "sha256"}
    results["timings"] = {name: value for name, value in results["timings"].items() if name != "sha256"}
    path.write_text(json.dumps(contents.seal(folder, results, list(results.pop("files")))), encoding="utf-8")


@contextmanager
def quick_page(kept=None):
    """Pages of one run without the slow parts: sampled and loaded once, and without pictures.

    kept: a dict for what is made once, to go on with later.
    """
    kept = {} if kept is None else kept
    with pytest.MonkeyPatch.context() as patch:

        def once(owner, name, key=lambda *arguments: None):
            real, found = getattr(owner, name), kept.setdefault((owner, name), {})

            def remembered(*arguments, **options):
                which = key(*arguments)
                if which not in found:
                    found[which] = real(*arguments, **options)
                return found[which]

            patch.setattr(owner, name, remembered)

        once(document, "source", key=lambda name: name)
        once(speech, "generate")
        once(voting, "showcase_pairs")
        once(voting, "features", lambda run, pairs, *more: len(pairs))
        once(policies, "race")
        once(reweighting, "draw", lambda *arguments: len(arguments[2]) * arguments[3])
        once(reweighting, "place")
        once(reweighting, "tilted", lambda proxy, gold, beta: (proxy.shape, beta))
        once(voting, "golds", lambda vote: vote)
        once(Proxy, "of_texts", lambda proxy, pairs: len(pairs))
        once(checkpoint, "load", lambda path, **options: Path(path).name)
        patch.setattr(page_plots, "as_data_uri", lambda key, scene: "data:,")
        yield
