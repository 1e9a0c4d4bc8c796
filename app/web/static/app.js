// What plain HTML cannot do; every page works without it.
(() => {
  // No submitting while an input method composes a word.
  document.addEventListener("keydown", (event) => {
    if (event.isComposing && event.key === "Enter") event.preventDefault();
  }, true);

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.me[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });

  // One box ticks all boxes of its form; without scripts it is not shown.
  for (const all of document.querySelectorAll("[data-all]")) all.hidden = false;
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.all;
    if (!name) return;
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) box.checked = event.target.checked;
  });

  // A part that came anew: what is wrong takes the focus, a number in the title follows the list.
  document.addEventListener("htmx:after:swap", () => {
    document.querySelector("main [role=alert][autofocus]")?.focus();
    const titled = document.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;
  });
})();
