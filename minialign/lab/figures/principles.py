"""The figure of principles.py."""

from matplotlib.figure import Figure

from ...figures import bars, style
from ...world import KINDS
from .. import Run
from ..instruments.agreement import AUDITS
from ..principles import per_seed


def draw(runs: list[Run]) -> tuple[Figure, str]:
    drawn, [(who, audit), (gold, follows)] = style.panels(10, 6.4, 2, 2)
    kinds = [kind for kind in ("all", *KINDS) if len(per_seed(runs, "agreement", "ai_gold", kind))]
    for x, kind in enumerate(kinds):
        rates = [per_seed(runs, "agreement", labels, kind) for labels in ("people_gold", "ai_gold")]
        bars.pair(who, x, rates, style.PURPLE, ("people", "AI") if x == 0 else (None, None))
    bars.name_ticks(who, [kind.replace("_", "\n").replace("borderline", "border-\nline") for kind in kinds])
    style.reference(who, 0.5, "")
    who.set_ylim(0, 1)
    style.percent(who.yaxis, audit.xaxis, audit.yaxis)
    style.legend_below(who, 2, gap=0.2)
    style.name_panel(who, "share of right labels, by kind of question (line: coin toss)")

    for how, colour, line in (("least sure", style.VERMILION, "o-"), ("any", style.BLACK, "s:")):
        audit.plot(AUDITS, per_seed(runs, "audit", how).mean(0), line, color=colour, markersize=4, label=how)
    audit.legend(frameon=False, fontsize=7)
    style.name_panel(audit, "share of right labels after an audit of the least sure, or of any", "share audited")

    short = {"sft": "SFT", "human": "DPO: people's\nvotes", "ai": "DPO: AI\nlabels"}
    short |= {"audited": "DPO: a quarter\naudited", "revised": "SFT on\nrevisions"}
    names = [name for name in short if name in runs[0]["policies"]]
    for x, name in enumerate(names):
        values = [per_seed(runs, "policies", name, key) for key in ("gold", "gold_greedy")]
        bars.pair(gold, x, values, style.GREY, ("sampled", "greedy") if x == 0 else (None, None))
    bars.name_ticks(gold, [short[name] for name in names])
    gold.axhline(0, color=style.BLACK, linewidth=0.8)
    style.legend_below(gold, 2, gap=0.2)
    style.name_panel(gold, "gold of the policies")

    for x, name in enumerate(("sft", "ai", "without", "brief", "warm")):
        values = [per_seed(runs, "policies", name, *path) for path in (("refuses", "dangerous"), ("polite",))]
        labels = ("share of dangerous questions refused", "polite phrases per answer")
        bars.pair(follows, x, values, style.GREEN, labels if x == 0 else (None, None))
    bars.name_ticks(follows, ["SFT", "AI labels", "without\n'harmless'", "with\n'brief'", "with\n'warm'"])
    style.legend_below(follows, 2, gap=0.2)
    style.name_panel(follows, "change a principle, and the policy follows")

    mean = {name: per_seed(runs, "policies", name, "gold").mean() for name in ("sft", "human", "ai")}
    right = [per_seed(runs, "agreement", who, "all").mean() for who in ("ai_gold", "people_gold")]
    title = "Labels from written principles are right for {:.0%} of pairs, people's for {:.0%}; ".format(
        *right
    ) + "DPO takes gold from {sft:.2f} to {ai:.2f} and {human:.2f}".format(**mean)
    style.headline(drawn, title)
    refused = [per_seed(runs, "policies", name, "refuses", "dangerous").mean() for name in ("ai", "without")]
    polite = [per_seed(runs, "policies", name, "polite").mean() for name in ("brief", "warm")]
    return drawn, (
        f"{title}. Without the principle 'harmless' the policy refuses {refused[1]:.0%} instead of {refused[0]:.0%} of "
        f"what is dangerous; with 'brief' an answer has {polite[0]:.2f} polite phrases, with 'warm' {polite[1]:.2f}. "
        f"Means over {len(runs)} seeds, whiskers from the smallest to the largest."
    )
