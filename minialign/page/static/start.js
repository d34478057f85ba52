// All scenes together.

const SCENES = {
  base: TreeScene,
  sft: CheckpointsScene,
  votes: BallotScene,
  reward: LastLayerScene,
  ppo: LoopScene,
  leash: LeashScene,
  dpo: RaceScene,
};

recall();
players = Object.keys(DATA.scenes).map((key, i) => (DATA.scenes[key].missing ? null : new Player(key, SCENES[key], i)));
players.push(null); // the last screen: there is nothing to step through
buildChat($("talk"));
const drawers = (open) => players.forEach((player) => player && (player.drawer.open = open));
drawers(false);
addEventListener("beforeprint", () => drawers(true));
arrive();
document.documentElement.classList.add("ready");
