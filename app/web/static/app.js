// What plain HTML cannot do; every page works without it.
(() => {
  // No submitting while an input method composes a word.
  document.addEventListener("keydown", (event) => {
    if ((event.isComposing || event.keyCode === 229) && event.key === "Enter") event.preventDefault();
  }, true);

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.me[open], details.rest[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });

  // On a phone the tab that is shown may stand beyond the edge.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"});

  // One box ticks all boxes of its form; without scripts it is not shown.
  const show = () => { for (const one of document.querySelectorAll("[data-with-scripts]")) one.hidden = false; };
  show();
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.all;
    if (!name) return;
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
  });

  // Shift three times within two seconds: away from a reporter's page, which is blank at once.
  let shifts = [];
  document.addEventListener("keydown", (event) => {
    const exit = document.querySelector("[data-exit]");
    if (!exit) return;
    shifts = event.key === "Shift" && !event.repeat ? [...shifts.filter((at) => event.timeStamp - at < 2000), event.timeStamp] : [];
    if (shifts.length === 3) {
      document.body.hidden = true;
      location.replace(exit.href);
    }
  });

  // A slow answer: the page says so in a line above all else, so nothing moves; a form that is on its way is not sent again.
  const line = document.getElementById("busy"), waits = new Map(), sent = new WeakSet();
  const begin = (what, words, after = 600, why = what) => {
    what.setAttribute("aria-busy", "true");
    waits.set(why, [what, setTimeout(() => { line.textContent = words; }, after)]);
  };
  const end = (why) => {
    const [what, timer] = waits.get(why) ?? [];
    what?.removeAttribute("aria-busy");
    clearTimeout(timer);
    waits.delete(why);
    sent.delete(why);
    if (!waits.size && line) line.textContent = "";
  };
  if (line) {
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (sent.has(form) || form.hasAttribute("aria-busy")) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      sent.add(form);
      setTimeout(() => {
        if (event.defaultPrevented) return sent.delete(form);
        begin(form, line.dataset.sends);
        setTimeout(() => {
          if (!sent.delete(form)) return;
          form.removeAttribute("aria-busy");
          line.textContent = line.dataset.waits;
        }, 15_000);
      });
    }, true);
    document.addEventListener("htmx:before:request", (event) => {
      const {ctx} = event.detail;
      begin(ctx.sourceElement, ctx.request.method === "GET" ? line.dataset.loads : line.dataset.keeps, 1000, ctx);
    });
    document.addEventListener("htmx:finally:request", (event) => end(event.detail.ctx));
    addEventListener("pageshow", () => [...waits.keys()].forEach(end));
  }

  // A form of a case: what was typed is kept on the server a moment later and when the page is left; it goes once the form was sent.
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const drafted = document.getElementById("drafted"), out = form.querySelector("[data-sign-in]");
    const said = () => {
      const all = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
      all.set("keep", "1");
      return all;
    };
    let timer, composing = false, sending, last = said().toString();
    const tell = (words, signedOut = false) => { [drafted.textContent, out.hidden] = [words, !signedOut]; };
    const save = async () => {
      const body = said(), now = body.toString();
      if (now === last || composing) return;
      sending = new AbortController();
      try {
        const answer = await fetch(form.action, {method: "POST", body, redirect: "manual", signal: sending.signal});
        if (answer.status === 204) {
          last = now;
          tell(`${drafted.dataset.kept} ${new Date().toTimeString().slice(0, 5)}`);
        } else tell(...(answer.status === 401 || answer.type === "opaqueredirect" ? [drafted.dataset.out, true] : [answer.status < 500 ? drafted.dataset.long : drafted.dataset.lost]));
      } catch (fault) { if (fault.name !== "AbortError") tell(drafted.dataset.lost); }
    };
    const soon = () => { clearTimeout(timer); timer = setTimeout(save, 1200); };
    form.addEventListener("compositionstart", () => { composing = true; });
    form.addEventListener("compositionend", () => { composing = false; soon(); });
    form.addEventListener("input", soon);
    addEventListener("online", soon);
    form.addEventListener("submit", () => {
      clearTimeout(timer);
      sending?.abort();
      last = said().toString();
    });
    addEventListener("pagehide", () => { if (said().toString() !== last) navigator.sendBeacon(form.action, said()); });
  }

  // A report that is being written: what was typed reaches the server when the page is left, and stays where there is no network.
  for (const form of document.querySelectorAll("form[data-kept]")) {
    const offline = document.getElementById("offline");
    let sending = false;
    form.addEventListener("submit", async (event) => {
      if (event.defaultPrevented || sending) return;
      event.preventDefault();
      const by = event.submitter;
      begin(form, line.dataset.sends);
      try {
        await fetch("/healthz", {cache: "no-store", signal: AbortSignal.timeout(8000)});
        offline.hidden = sending = true;
        end(form);
        form.requestSubmit(by);
      } catch {
        end(form);
        offline.hidden = false;
        offline.scrollIntoView({block: "center"});
      }
    });
    addEventListener("pageshow", () => { sending = false; });
    addEventListener("pagehide", () => {
      if (sending) return;
      const said = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
      said.set("keep", "1");
      navigator.sendBeacon(form.action, said);
    });
    addEventListener("offline", () => { offline.hidden = false; });
    addEventListener("online", () => { offline.hidden = true; });
    const chosen = form.querySelector("[data-chosen]");
    form.addEventListener("change", () => {
      const names = [...form.querySelectorAll("input[type=file]")].flatMap((field) => [...field.files].map((file) => file.name));
      if (chosen) [chosen.hidden, chosen.textContent] = [!names.length, names.join(" · ")];
    });
  }
  if (matchMedia("(pointer: coarse)").matches) for (const one of document.querySelectorAll("[data-touch]")) one.hidden = false;

  // A code behind # was never sent anywhere; it goes into its field and out of the address.
  const code = document.querySelector("[data-code]");
  if (code && location.hash.length > 8) {
    code.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }

  // A part that could not be renewed: what was read stays, and the page says so until it can.
  const stale = (is) => { const line = document.getElementById("stale"); if (line) line.hidden = !is; };
  for (const fault of ["htmx:response:error", "htmx:error"]) document.addEventListener(fault, () => stale(true));

  // A part that came anew: a number in the title follows the list.
  document.addEventListener("htmx:after:swap", (event) => {
    show();
    if ((event.detail.ctx.response?.status ?? 200) < 400) stale(false);
    const titled = document.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;
  });
})();
