"use strict";
// The presenter's page: what is on the wall, and the buttons. The token comes behind the # of the address, which no server is told,
// and leaves the address at once: a class that sees the wall sees the address.
(function () {
  var byId = function (id) { return document.getElementById(id); };
  var token = location.hash.slice(1) || recall(), timer = 0;
  var STEPS = { sft: "SFT", votes: "Held-out votes", dpo: "DPO, straight from your votes", reward: "A reward model, for PPO", ppo: "PPO, with that reward model" };
  var MODELS = { sft: "SFT, before your votes", dpo: "DPO on your votes", ppo: "PPO on your votes" };

  function recall() { try { return sessionStorage.getItem("minialign-presenter") || ""; } catch (problem) { return ""; } }
  try {
    sessionStorage.setItem("minialign-presenter", token);
    history.replaceState(null, "", location.pathname);
  } catch (problem) { /* a page that may keep nothing: the token stays in the address */ }

  function ask(method, path, body) {
    var request = new XMLHttpRequest();
    request.open(method, path);
    request.timeout = 8000;
    request.setRequestHeader("Authorization", "Bearer " + token);
    if (body) request.setRequestHeader("Content-Type", "application/json");
    clearTimeout(timer);
    request.onloadend = function () {
      var told = {};
      try { told = JSON.parse(request.responseText); } catch (problem) { /* not ours */ }
      if (request.status === 200) render(told);
      if (body) text("problem", request.status === 200 ? "" : told.error || ""); // it stays until the next button works
      if (request.status !== 200 && !(body && request.status)) text("said", told.error || "No connection to the server. Trying again.");
      clearTimeout(timer);
      timer = setTimeout(function () { ask("GET", "room"); }, 1500);
    };
    request.send(body ? JSON.stringify(body) : null);
  }

  function text(id, value) { if (byId(id).textContent !== value) byId(id).textContent = value; }
  function enabled(action, yes) { document.querySelector("[data-action=" + action + "]").disabled = !yes; }

  function render(room) {
    text("address", room.address || location.origin);
    text("code", room.code);
    if (room.qr && !byId("qr").getAttribute("src")) { byId("qr").src = "qr.svg"; byId("qr").hidden = false; }
    byId("welcome").hidden = room.phase !== "waiting";
    byId("pair").hidden = !room.pair;
    if (room.pair) {
      text("question", room.pair.question);
      ["a", "b"].forEach(function (side) {
        text(side, room.pair[side]);
        text("count" + side, room.counts ? String(room.counts[side]) : "");
      });
    }
    text("said", { waiting: room.joined + " of " + room.seats + " are in. Count heads: nobody should be in twice.",
      open: "Pair " + room.wall + " of " + room.shared + ": " + room.voted + " of " + room.joined + " have voted.",
      closed: room.counts && "Pair " + room.wall + " of " + room.shared + " is closed. About the same: " + room.counts.tie + ". Skipped: " + room.counts.skip + ".",
      own: "Everybody has pairs of their own. " + room.votes + " votes so far; " + room.finished + " of " + room.joined + " are through.",
      done: room.votes + " votes. Thank you!" }[room.phase]);
    enabled("next", room.phase !== "open" && room.wall + (room.phase === "closed" ? 1 : 0) <= room.shared);
    enabled("close", room.phase === "open");
    enabled("own", room.phase !== "open" && room.phase !== "own");
    enabled("done", room.phase !== "open" && room.phase !== "done");
    byId("late").hidden = room.phase === "waiting";
    text("late", "Not in yet? " + (room.address || location.origin) + "   code " + room.code);
    enabled("train", room.votes >= 20 && room.phase !== "open" && room.training !== "running");
    byId("learned").hidden = !room.learned || room.phase === "open";
    if (room.learned) numbers(room.learned);
    text("taste", room.taste || "");
    models(room);
  }

  function numbers(learned) {
    var rows = [["votes learned from", String(learned.n)]];
    if (learned.of) rows.push(["votes on new pairs predicted", Math.round(100 * learned.predicted / learned.of) + "% of " + learned.of]);
    if (learned.pairs) rows.push(["sides with the truth (gold)", Math.round(100 * learned.gold / learned.pairs) + "% of " + learned.pairs + " unseen pairs"]);
    fill(byId("numbers"), rows.map(function (row) { return [cell("dt", row[0]), cell("dd", row[1])]; }).flat());
  }

  function models(room) {
    var told = room.models || {}, names = Object.keys(MODELS).filter(function (name) { return told[name]; });
    byId("models").hidden = !names.length && room.training !== "running" && room.training !== "failed";
    text("trained", room.training === "failed" ? "The training stopped; the terminal says why." :
      room.trained_on ? "Trained on " + room.trained_on + " votes of this class" : "Training on this class's votes");
    byId("doing").hidden = room.training !== "running";
    step(room.doing);
    if (!names.length) return;
    fill(byId("names"), [row("th", [""].concat(names.map(function (name) { return MODELS[name]; })))]);
    fill(byId("answers"), told[names[0]].map(function (pair, i) {
      return row("td", [pair[0]].concat(names.map(function (name) { return told[name][i][1]; })));
    }));
  }

  // What is being trained, and a bar that says how long it may take; without a number it moves by itself.
  function step(doing) {
    var bar = byId("bar");
    text("step", doing ? STEPS[doing.name] + ": " + Math.round(doing.seconds) + " s" + (doing.of ? " of about " + Math.ceil(doing.of) + " s" : "") : "One moment");
    if (doing && doing.of) { bar.max = doing.of; bar.value = Math.min(doing.seconds, doing.of); } else bar.removeAttribute("value");
  }

  function cell(kind, value) { var made = document.createElement(kind); made.textContent = value; return made; }
  function row(kind, values) { var made = document.createElement("tr"); values.forEach(function (value) { made.append(cell(kind, value)); }); return made; }
  function fill(parent, children) { if (parent.textContent !== children.map(function (c) { return c.textContent; }).join("")) parent.replaceChildren.apply(parent, children); }

  document.addEventListener("click", function (event) {
    var action = event.target.getAttribute("data-action");
    if (action) ask("POST", "act", { action: action });
  });
  ask("GET", "room");
})();
