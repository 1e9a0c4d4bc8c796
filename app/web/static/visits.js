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
  const all = () => Object.keys(localStorage).filter((name) => name.startsWith(place(""))).map((name) => name.slice(place("").length));
  const tell = () => {
    const waiting = all(), box = document.getElementById("unsent");
    box.hidden = !waiting.length;
    box.querySelector("[data-count]").textContent = `${waiting.length} ${says.left}`;
    box.querySelector("[data-list]").replaceChildren(...waiting.map((watch) => {
      const form = forms.find((one) => one.dataset.visit === watch), line = document.createElement("li"), link = document.createElement("a");
      link.href = form ? `#${watch}` : `${says.path}/${watch}`;
      link.textContent = form?.dataset.whom || watch;
      line.append(link);
      return line;
    }));
    for (const form of forms) {
      const badge = form.closest("li.visit")?.querySelector("[data-badge]");
      if (badge) badge.hidden = !waiting.includes(form.dataset.visit);
      form.querySelector("[data-discard]").hidden = !waiting.includes(form.dataset.visit);
    }
  };
  const state = (form, words) => {
    const line = form.querySelector("[data-state]");
    [line.hidden, line.textContent] = [false, words];
  };

  const prefix = (form) => form.elements.p.value;
  const body = (form) => {
    const said = new FormData(form), p = prefix(form), one = (name) => said.get(p + name) || undefined;
    const met = one("seen_in_person") === "yes", risk = met && one("finding") === "at_risk";
    return {
      finding: met ? one("finding") : "well", grade: met ? one("grade") : undefined, note: (one("note") || "").trim(),
      situations: risk ? said.getAll(p + "situations") : [],
      form: {seen_in_person: met, guardian_met: Boolean(one("guardian_met")), needs: said.getAll(p + "needs"),
        parent_contact: one("parent_contact"), guardianship: one("guardianship"), supervision: one("supervision"), acknowledged: one("acknowledged")},
    };
  };
  const typed = (form) => [...new FormData(form)].map(([name, value]) => [name.startsWith(prefix(form)) ? name.slice(prefix(form).length) : name, value])
    .filter(([name]) => name !== "p");
  const fill = (form, said) => {
    const p = prefix(form), of = (name) => said.filter(([one]) => one === name).map(([, value]) => value);
    for (const field of form.elements) {
      if (!field.name || field.name === "p") continue;
      const values = of(field.name.startsWith(p) ? field.name.slice(p.length) : field.name);
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (values.length) field.value = values[0];
    }
    for (const inner of form.querySelectorAll("details")) if (inner.querySelector(":checked:not(option)")) inner.open = true;
  };
  const complete = (form) => {
    const said = body(form);
    return said.finding && new FormData(form).get(prefix(form) + "seen_in_person") && (said.finding !== "at_risk" || said.situations.length);
  };

  const unfold = (form) => { for (let at = form.closest("details"); at; at = at.parentElement.closest("details")) at.open = true; };

  const busy = new Set();
  const send = async (form) => {
    const watch = form.dataset.visit;
    if (busy.has(watch)) return;
    busy.add(watch);
    state(form, says.sending);
    try {
      await keep(watch, {state: "waiting", said: typed(form)});
      const answer = await fetch(`/v1/watches/${watch}/visits`, {
        method: "POST", body: JSON.stringify(body(form)), cache: "no-store", signal: AbortSignal.timeout(15000),
        headers: {"Content-Type": "application/json", "Idempotency-Key": form.elements.idempotency_key.value, "If-Match": `"${form.elements.version.value}"`},
      });
      await heard(form, watch, answer);
    } catch { state(form, says.waiting); }
    busy.delete(watch);
    tell();
  };
  const heard = async (form, watch, answer) => {
    if (answer.ok) {
      const done = await answer.json();
      localStorage.removeItem(place(watch));
      const line = document.createElement("p");
      [line.className, line.textContent] = ["note g", `${says.sent} · ${says.next} ${(done.visit_due_at || "").slice(0, 10)}`];
      line.setAttribute("role", "status");
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
      const [zh, en] = problem.title.split(" · ");
      if (problem.code === "stale_version") form.elements.version.value = problem.version;
      await keep(watch, {state: "typed", said: typed(form)});
      state(form, says.wrong + (document.documentElement.lang === "en" ? en || zh : zh));
    }
  };

  for (const form of forms) {
    let timer;
    const save = async () => {
      if (busy.has(form.dataset.visit) || !forms.includes(form)) return;
      try {
        await keep(form.dataset.visit, {state: "typed", said: typed(form)});
        state(form, says.typed);
      } catch { state(form, says.full); }
      tell();
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(save, 400); });
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented || !complete(form)) return;
      event.preventDefault();
      clearTimeout(timer);
      send(form);
    });
    form.querySelector("[data-discard]").addEventListener("click", () => {
      clearTimeout(timer);
      localStorage.removeItem(place(form.dataset.visit));
      form.reset();
      form.querySelector("[data-state]").hidden = true;
      tell();
    });
    const before = await kept(form.dataset.visit);
    if (before) {
      fill(form, before.said);
      unfold(form);
      state(form, before.state === "waiting" ? says.waiting : says.typed);
      if (before.state === "waiting") send(form);
    }
  }
  const again = async () => { for (const form of [...forms]) if ((await kept(form.dataset.visit))?.state === "waiting") await send(form); };
  document.querySelector("[data-send-all]").addEventListener("click", async () => {
    for (const form of [...forms]) if (complete(form) && await kept(form.dataset.visit)) await send(form);
  });
  addEventListener("online", again);
  setInterval(again, 30000);
  tell();
})();
