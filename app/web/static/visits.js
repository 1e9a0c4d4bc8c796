// Visits where there is no network: what is typed is sealed and kept in this browser until the server has it, and sent once.
(async () => {
  const root = document.getElementById("kept");
  const forms = [...document.querySelectorAll("form[data-visit]")];
  if (!root || !window.isSecureContext) return;
  const says = root.dataset;
  const plain = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const packed = (bytes) => btoa(Array.from(new Uint8Array(bytes), (one) => String.fromCharCode(one)).join(""));
  const key = await crypto.subtle.importKey("raw", plain(says.seal), "AES-GCM", false, ["encrypt", "decrypt"]);
  root.removeAttribute("data-seal");
  const place = (watch) => `visit.${says.whose}.${watch}`;
  const day = (at) => new Date(at).toLocaleDateString("sv-SE", {timeZone: "Asia/Shanghai"});

  const keep = async (watch, what) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({name: "AES-GCM", iv, additionalData: new TextEncoder().encode(watch)}, key,
      new TextEncoder().encode(JSON.stringify(what)));
    localStorage.setItem(place(watch), JSON.stringify({iv: packed(iv), sealed: packed(sealed)}));
  };
  const kept = async (watch) => {
    try {
      const {iv, sealed} = JSON.parse(localStorage.getItem(place(watch)));
      const given = {name: "AES-GCM", iv: plain(iv), additionalData: new TextEncoder().encode(watch)};
      return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(given, key, plain(sealed))));
    } catch { return null; }
  };
  const forget = (watch) => localStorage.removeItem(place(watch));
  const all = () => Object.keys(localStorage).filter((name) => name.startsWith(place(""))).map((name) => name.slice(place("").length));
  const formOf = (watch) => forms.find((one) => one.dataset.visit === watch);
  const tell = () => {
    const waiting = all(), box = document.getElementById("unsent");
    box.hidden = !waiting.length;
    box.querySelector("[data-count]").textContent = `${waiting.length} ${says.left}`;
    box.querySelector("[data-list]").replaceChildren(...waiting.map((watch) => {
      const form = formOf(watch), line = document.createElement("li"), link = document.createElement("a");
      link.href = form ? `#${watch}` : `${says.path}/${watch}`;
      link.textContent = form?.dataset.whom || watch;
      line.append(link);
      if (!form) elsewhere(watch, line, link);
      return line;
    }));
    for (const form of forms) {
      const badge = form.closest("li.visit")?.querySelector("[data-badge]");
      if (badge) badge.hidden = !waiting.includes(form.dataset.visit);
      form.querySelector("[data-discard]").hidden = !waiting.includes(form.dataset.visit);
    }
  };
  // A child who is not on this page: who it is, and of one whom this desk no longer watches what was typed, to be told on.
  const elsewhere = async (watch, line, link) => {
    const what = await kept(watch);
    if (what?.whom) link.textContent = what.whom;
    if (!what?.why) return;
    const words = document.createElement("p"), drop = document.createElement("button");
    words.textContent = `${what.why} · ${one(what.said, "visited_on") || ""} ${one(what.said, "note") || ""}`;
    [drop.type, drop.className, drop.textContent] = ["button", "btn s", says.discard];
    drop.addEventListener("click", () => { forget(watch); tell(); });
    line.append(words, drop);
  };
  const state = (form, words) => {
    const line = form?.querySelector("[data-state]");
    if (line) [line.hidden, line.textContent] = [false, words];
  };

  const prefix = (form) => form.elements.p.value;
  const typed = (form) => [...new FormData(form)].map(([name, value]) => [name.startsWith(prefix(form)) ? name.slice(prefix(form).length) : name, value])
    .filter(([name]) => name !== "p");
  const many = (said, name) => said.filter(([one]) => one === name).map(([, value]) => value);
  const one = (said, name) => many(said, name)[0] || undefined;
  const changed = (said) => {
    const facts = {};
    for (const [name, value] of said) {
      if (!name.startsWith("facts.") || !value) continue;
      const group = name.split(".")[1], of = ["child", "household"].includes(group) ? facts : facts.family ??= {};
      Object.assign(of[group] ??= {}, Object.fromEntries(value.split(" ").map((part) => part.split("="))));
    }
    return facts;
  };
  const body = (said) => {
    const met = one(said, "seen_in_person") === "yes";
    return {
      finding: met ? one(said, "finding") : "well", grade: met ? one(said, "grade") : undefined, note: (one(said, "note") || "").trim(),
      situations: many(said, "situations"), visited_on: one(said, "visited_on"), another: Boolean(one(said, "another")),
      form: {seen_in_person: met, guardian_met: Boolean(one(said, "guardian_met")), needs: many(said, "needs"), facts: met ? changed(said) : {},
        ...Object.fromEntries(["parent_contact", "guardianship", "supervision", "acknowledged"].map((name) => [name, one(said, name)]))},
    };
  };
  const complete = (said) => {
    const asked = body(said), risk = one(said, "finding") === "at_risk"; // a risk is sent with what it is, or said to be no visit
    return one(said, "seen_in_person") && asked.visited_on && asked.finding && risk === (asked.finding === "at_risk") && risk === (asked.situations.length > 0);
  };
  const fill = (form, said) => {
    const p = prefix(form);
    for (const field of form.elements) {
      if (!field.name || field.name === "p") continue;
      const values = many(said, field.name.startsWith(p) ? field.name.slice(p.length) : field.name);
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (values.length) field.value = values[0];
    }
    for (const inner of form.querySelectorAll("details")) if (inner.querySelector(":checked:not(option)")) inner.open = true;
  };

  const unfold = (form) => { for (let at = form.closest("details"); at; at = at.parentElement.closest("details")) at.open = true; };

  const busy = new Set();
  const send = async (watch, said) => {
    const form = formOf(watch);
    if (busy.has(watch)) return;
    busy.add(watch);
    state(form, says.sending);
    try {
      const whom = form?.dataset.whom || (await kept(watch))?.whom;
      await keep(watch, {state: "waiting", said, whom});
      const answer = await fetch(`/v1/watches/${watch}/visits`, {
        method: "POST", body: JSON.stringify(body(said)), cache: "no-store", signal: AbortSignal.timeout(15000),
        headers: {"Content-Type": "application/json", "Idempotency-Key": one(said, "idempotency_key"), "If-Match": `"${one(said, "version")}"`},
      });
      await heard(watch, said, whom, answer);
    } catch { state(form, says.waiting); }
    busy.delete(watch);
    tell();
  };
  const heard = async (watch, said, whom, answer) => {
    const form = formOf(watch);
    if (answer.ok) {
      const done = await answer.json();
      forget(watch);
      const asked = body(said).grade;
      const leftOut = [...(asked && done.grade && asked !== done.grade ? [says.graded] : []), ...(done.left_out?.length ? [says.unclear] : [])];
      if (!form && !leftOut.length) return;
      const line = document.createElement("p"), words = [says.sent, `${says.next} ${done.visit_due_at ? day(done.visit_due_at) : ""}`];
      line.className = leftOut.length ? "note a" : "note g";
      line.textContent = [...(form ? [] : [whom || watch]), ...words, ...leftOut].join(" · ");
      line.setAttribute("role", "status");
      if (!form) return root.append(line);
      forms.splice(forms.indexOf(form), 1);
      unfold(form);
      form.replaceWith(line);
    } else if (answer.status === 401) {
      document.querySelector("[data-sign-in]").hidden = false;
      state(form, says.signedOut);
    } else if (answer.status >= 500 || answer.status === 429) {
      state(form, says.waiting);
    } else {
      const problem = await answer.json();
      if (problem.code === "request_in_flight") return state(form, says.waiting);
      const why = says.wrong + against(problem, said, form);
      const inBook = problem.code === "visit_in_book";
      if (form && inBook) form.querySelector("[data-another]").hidden = false;
      await keep(watch, {state: "typed", said: form ? typed(form) : said, whom, why, inBook});
      state(form, why);
    }
  };
  // In words; what else has happened is told, and what is sent again builds on it.
  const against = (problem, said, form) => {
    if (["case_not_found", "case_closed", "not_your_desk"].includes(problem.code)) return says.gone;
    if (problem.code === "stale_version") {
      said.find(([name]) => name === "version")[1] = String(problem.version);
      if (form) form.elements.version.value = problem.version;
      const words = ({kind}) => root.getAttribute(`data-${kind.replaceAll("_", "-")}`), minded = problem.since.filter(words);
      const over = minded.some(({kind}) => kind !== "visit_recorded");
      const told = minded.map((row) => `${day(row.at)} ${words(row)}`).join(says.and);
      return `${told ? says.since + told + says.stop : ""}${over ? says.gone : says.check}`;
    }
    const [zh, en] = problem.title.split(" · ");
    return document.documentElement.lang === "en" ? en || zh : zh;
  };

  const common = document.getElementById("changed");
  for (const form of forms) {
    const here = form.querySelector("[data-changed]"), part = here && common.content.cloneNode(true);
    for (const field of part?.querySelectorAll("[id], [for]") ?? []) {
      for (const name of ["id", "for", "name"]) if (field.hasAttribute(name)) field.setAttribute(name, prefix(form) + field.getAttribute(name));
    }
    for (const relation of form.dataset.several.split(" ").filter(Boolean)) {
      for (const field of part?.querySelectorAll(`[name*="facts.${relation}."]`) ?? []) field.closest(".field").remove();
    }
    here?.replaceWith(part);
    const on = form.elements[prefix(form) + "visited_on"];
    let timer;
    const save = async () => {
      if (busy.has(form.dataset.visit) || !forms.includes(form)) return;
      try {
        await keep(form.dataset.visit, {state: "typed", said: typed(form), whom: form.dataset.whom});
        state(form, says.typed);
      } catch { state(form, says.full); }
      tell();
    };
    // The page may have been opened the day before; what was begun then keeps its day. Not every browser gives focus to what is tapped.
    const moveOn = (event) => {
      const today = day(Date.now()), was = on.value, chosen = event.type === "input" && event.target === on;
      if (today <= on.max) return;
      const begun = chosen || was !== on.max || all().includes(form.dataset.visit);
      on.max = on.defaultValue = today;
      on.value = begun ? was : today;
    };
    form.addEventListener("focusin", moveOn);
    form.addEventListener("input", (event) => { moveOn(event); clearTimeout(timer); timer = setTimeout(save, 400); });
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      if (!on.value) {
        event.preventDefault();
        clearTimeout(timer);
        save().then(() => { state(form, says.wrong + says.day); on.focus(); });
        return;
      }
      if (!complete(typed(form))) return;
      event.preventDefault();
      clearTimeout(timer);
      send(form.dataset.visit, typed(form));
    });
    form.querySelector("[data-discard]").addEventListener("click", () => {
      clearTimeout(timer);
      forget(form.dataset.visit);
      form.reset();
      form.querySelector("[data-state]").hidden = true;
      tell();
    });
    const before = await kept(form.dataset.visit);
    if (before) {
      fill(form, before.said);
      if (before.inBook || one(before.said, "another")) form.querySelector("[data-another]").hidden = false;
      unfold(form);
      // One that was begun before the day was asked for: nobody knows any more when.
      if (!one(before.said, "visited_on")) on.value = "";
      state(form, !on.value ? says.wrong + says.day : before.state === "waiting" ? says.waiting : before.why || says.typed);
    }
  }
  const again = async () => {
    for (const watch of all()) {
      const what = await kept(watch);
      if (what?.state === "waiting" && complete(what.said)) await send(watch, what.said);
    }
  };
  document.querySelector("[data-send-all]").addEventListener("click", async () => {
    for (const watch of all()) {
      const form = formOf(watch), what = await kept(watch), said = form ? typed(form) : what?.said;
      if (what && complete(said)) await send(watch, said);
    }
  });
  addEventListener("online", again);
  setInterval(again, 30000);
  tell();
  again();
})();
