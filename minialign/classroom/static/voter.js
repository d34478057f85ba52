"use strict";
// A phone: join, ask what is on, vote, and go on after the connection was lost. A vote that was not acknowledged is kept
// here and sent again; the server counts it once.
(function () {
  var byId = function (id) { return document.getElementById(id); };
  var parts = ["join", "pair", "result"];
  var token = recall("token"), pending = null, current = null, began = 0, code = location.hash.slice(1);
  var turn = 0, timer = 0; // a press begins a new turn: what an older request is told no longer counts
  if (!/^[0-9a-f]{32}$/.test(token || "")) {
    token = "";
    crypto.getRandomValues(new Uint8Array(16)).forEach(function (byte) { token += (byte + 256).toString(16).slice(1); });
    keep("token", token);
  }
  try { pending = JSON.parse(recall("pending")); } catch (problem) { pending = null; }

  function recall(name) { try { return localStorage.getItem("minialign-" + name); } catch (problem) { return null; } }
  function keep(name, value) {
    try {
      if (value === null) localStorage.removeItem("minialign-" + name);
      else localStorage.setItem("minialign-" + name, value);
    } catch (problem) { /* a private window: it lasts until the page is closed */ }
  }

  function say(text) { if (byId("said").textContent !== text) byId("said").textContent = text; }
  function show(part) { parts.forEach(function (id) { byId(id).hidden = id !== part; }); }

  // -> told(status, answer); status 0: no connection
  function ask(method, path, body, told) {
    var request = new XMLHttpRequest();
    request.open(method, path);
    request.timeout = 8000;
    request.setRequestHeader("Authorization", "Bearer " + token);
    if (body) request.setRequestHeader("Content-Type", "application/json");
    var mine = turn;
    request.onloadend = function () {
      var answer = {};
      if (mine !== turn) return;
      try { answer = JSON.parse(request.responseText); } catch (problem) { /* not ours */ }
      told(request.status, answer);
    };
    request.send(body ? JSON.stringify(body) : null);
  }

  function later(seconds) { timer = setTimeout(tick, 1000 * seconds * (0.8 + 0.4 * Math.random())); }

  function tick() {
    if (pending) return send();
    ask("GET", "state", null, function (status, state) {
      if (status === 401) return enter();
      if (status !== 200) { say("No connection. Trying again."); return later(2); }
      render(state);
      later(state.phase === "own" && state.pair ? 6 : 2);
    });
  }

  function enter() {
    if (!code) { say("Welcome."); show("join"); return; }
    ask("POST", "join", { code: code, token: token }, function (status, answer) {
      if (status === 200) return tick();
      if (status === 0 || status >= 500) { say("No connection. Trying again."); return later(2); }
      code = "";
      say(answer.error ? "Sorry: " + answer.error + ". The code is on the wall." : "That did not work.");
      show("join");
    });
  }

  function render(state) {
    var pair = state.pair;
    if (pair && state.left > 0) {
      if (!current || current.number !== pair.number || byId("pair").hidden) {
        current = pair; began = Date.now();
        byId("question").textContent = pair.question;
        byId("a").textContent = pair.a;
        byId("b").textContent = pair.b;
        show("pair");
        byId("question").focus();
      }
      return say(state.phase === "own" ? "You are number " + state.you + ". " + state.left + " pairs are left." : "You are number " + state.you + ".");
    }
    current = null;
    if (state.phase === "closed") {
      byId("asked").textContent = pair.question;
      ["a", "b"].forEach(function (side) {
        byId("count" + side).textContent = state.counts[side];
        byId("text" + side).textContent = pair[side] + (state.yours === side ? " (yours)" : "");
      });
      show("result");
      return say("The votes of all:");
    }
    show("");
    say({ waiting: "You are in, number " + state.you + ". It begins soon.", open: "Kept. The others are still voting.",
      own: "All your pairs are done. Thank you!", done: "The class has voted: " + state.done + " of the votes are yours. Look at the wall." }[state.phase]);
  }

  function send() {
    ask("POST", "vote", pending, function (status, answer) {
      if (status === 0 || status === 429 || status >= 500) {
        if (status !== 429) say("No connection. Your vote is kept here and will be sent.");
        return later(status === 429 ? 0.4 : 2);
      }
      pending = null;
      keep("pending", null);
      if (status !== 200) { say("Sorry: " + (answer.error || "that did not work") + "."); return later(3); } // time to read it
      tick();
    });
  }

  byId("pair").addEventListener("click", function (event) {
    var vote = event.target.getAttribute("data-vote");
    if (!vote || !current || pending) return;
    pending = { pair: current.number, vote: vote, seconds: (Date.now() - began) / 1000 };
    keep("pending", JSON.stringify(pending));
    current = null;
    show("");
    say("Sending.");
    turn += 1;
    clearTimeout(timer);
    send();
  });
  byId("join").addEventListener("submit", function (event) {
    event.preventDefault();
    code = byId("code").value;
    enter();
  });
  tick();
})();
