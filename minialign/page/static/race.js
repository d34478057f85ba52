// The race: PPO, GRPO and DPO on their way to the exact optimum, in a world of so few answers that all can be drawn.

class RaceScene {
  /** @param {Shown.DpoScene} data  @param {Refresh} refresh */
  constructor(data, refresh) {
    this.data = data;
    this.refresh = refresh;
    this.pace = 220;
    this.steps = data.race.steps.length;
    this.opensAt = 0;
    this.decides = this.steps - 1;
    this.suspense = "Let them go to the end, and see.";
    const { best } = data.race;
    this.order = best.map((_, i) => i).sort((a, b) => best[b] - best[a]); // of the answers: the best policy's favourite first
    this.most = Math.max(...data.race.best, ...Object.values(data.race.runners).flat(2));
    this.scrubName = "step of the race";
  }

  mount(stage, more) {
    this.lanes = h("ol", { class: "lanes" });
    stage.append(
      this.lanes,
      h(
        "p",
        { class: "legend" },
        h("i", { class: "outline" }),
        " best policy \u2003",
        h("i", { class: "block" }),
        ` policy now, a bar for each answer (${EMPTY}: no letter) \u2003`,
        "left: misplaced probability \u2003\u2691 nine tenths of the way",
      ),
    );
    this.road = h("div", { class: "road" });
    this.curve = h("div", { class: "plot" });
    more.append(this.road, h("div", { class: "columns" }, this.curve, scoreboard(this.data.board)));
  }

  show(step) {
    const { race } = this.data,
      start = Math.max(...Object.values(race.distances).map((d) => d[0]));
    this.lanes.replaceChildren(
      ...Object.entries(race.runners).map(([name, laws]) =>
        this.lane(name, laws[step], race.distances[name][step], start, step >= this.arrives(name)),
      ),
      this.names(),
    );
  }

  // The step from which on at least nine tenths of the way are behind a runner.
  arrives(name) {
    const distances = this.data.race.distances[name];
    return distances.findLastIndex((left) => left > distances[0] / 10) + 1;
  }

  // One runner: bars and outlines, and how much of the way is left.
  lane(name, law, distance, start, there) {
    const { race } = this.data,
      u = unit(),
      w = 2.4,
      height = 4.2 * u,
      words = `${nameOfRunner(name)}: ${percent(distance, 1)} left to the best policy. Most probable: ${this.favourites(law)}.`;
    const bars = this.order.map((which, i) => [law[which], race.best[which], i]).map(([p, best, i]) => [
      s("rect", {
        x: (i * w + 0.3) * u,
        y: height - (p / this.most) * height,
        width: (w - 0.6) * u,
        height: (p / this.most) * height,
        class: `race-bar ${name}`,
      }),
      s("rect", {
        x: (i * w + 0.3) * u,
        y: height - (best / this.most) * height,
        width: (w - 0.6) * u,
        height: (best / this.most) * height,
        class: "race-target",
      }),
    ]);
    const left = h("i", { class: `way-done ${name}` });
    left.style.width = `${100 * Math.max(0, 1 - distance / start)}%`;
    return h(
      "li",
      { class: `lane ${name}${there ? " there" : ""}` },
      h("span", { class: "lane-name" }, nameOfRunner(name)),
      s(
        "svg",
        {
          viewBox: `0 0 ${race.answers.length * w * u} ${height}`,
          preserveAspectRatio: "none", // each bar stands over its name, however wide the lane is
          role: "img",
          "aria-label": words,
          class: "race-bars",
        },
        bars,
      ),
      h("span", { class: "lane-way", "aria-hidden": "true" }, left),
      h("span", { class: "lane-left" }, percent(distance, 1), h("small", {}, " left")),
    );
  }

  // What the bars are called, once for all lanes.
  names() {
    const names = this.order.map((i) => h("span", {}, nameOfAnswer(this.data.race.answers[i])));
    return h("li", { class: "lane names", "aria-hidden": "true" }, h("span", { class: "lane-name" }, "answer"), h("span", { class: "race-names" }, names));
  }

  // The three answers that a policy gives most often, in words.
  favourites(law) {
    const { answers } = this.data.race,
      best = law.map((p, i) => [p, answers[i]]).sort(([a], [b]) => b - a);
    return best.slice(0, 3).map(([p, name]) => `${name} ${percent(p)}`).join(", ");
  }

  detail(step) {
    const words = `DPO moved chosen answers by ${number(this.data.moved_chosen, 1, true)} nats and rejected ones by ${number(this.data.moved_rejected, 1, true)}.`;
    this.road.replaceChildren(
      roadPicture(
        step ? 3 : 0,
        this.road.clientWidth,
        "From votes to a policy: through a reward model and PPO, or straight, by DPO.",
      ),
    );
    chart(this.curve, {
      lines: [
        { kind: "dpo", points: this.data.chosen, label: "chosen" },
        { kind: "other", points: this.data.rejected, label: "rejected" },
      ],
      levels: [{ y: 0, label: "the SFT model" }],
      x: "step of DPO, in this run",
      y: "moved log-probability, nats",
      height: 240,
      words,
    });
  }

  // At the start the hero has PPO's answer, at the end DPO's: the long road and the shortcut, in the run itself.
  answer(step) {
    const name = step < this.steps - 1 ? "ppo" : "dpo",
      said = rowOf(this.data.samples[name]);
    return {
      by: name,
      when: name === "ppo" ? "greedy, the long road, in this run" : "greedy, the shortcut, in this run",
      text: said.text,
      ended: said.ended,
    };
  }

  says(step) {
    const { race } = this.data,
      left = Object.keys(race.runners).map((name) => `${nameOfRunner(name)} ${percent(race.distances[name][step], 1)}`);
    return `step ${race.steps[step]}: left to the best policy ${left.join(", ")}`;
  }
}

const EMPTY = "\u2013";

// The answer of no letter is "(end)" in the data: too wide for its bar.
function nameOfAnswer(name) {
  return name === "(end)" ? EMPTY : name;
}

function nameOfRunner(name) {
  return NAMES[name] || name.toUpperCase();
}
