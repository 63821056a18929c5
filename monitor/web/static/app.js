// The live part of the pages. Everything works without it; it depends on nothing.
(() => {
  "use strict";
  const body = document.body, root = document.documentElement;
  root.classList.add("js");
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const words = JSON.parse(body.dataset.words || "{}");
  const lang = root.lang || "kk";
  const where = body.dataset.where;
  const list = find("[data-rows]");
  const kept = (() => { try { localStorage.setItem("q", "1"); return localStorage; } catch { return null; } })();
  const here = (() => { try { sessionStorage.setItem("q", "1"); return sessionStorage; } catch { return null; } })();

  const parse = (html) => {  // the server escaped it; a template does not run what it holds
    const box = document.createElement("template");
    box.innerHTML = html;
    return box.content;
  };
  const position = (row) => Number(where === "tickets" ? row.dataset.ticket : row.dataset.id);

  // --- times: "5 min ago" goes on without the server
  const ago = JSON.parse(body.dataset.ago || "{}");  // from the server: not every browser knows Kazakh
  const refresh = () => {
    const now = Date.now();
    for (const time of all("time[data-clock]")) {
      const age = (now - Date.parse(time.dateTime)) / 1000;
      if (age < 0 || age > 3700) continue;
      if (age >= 3600) time.textContent = time.dataset.clock;
      else if (/[^\d:., ]/.test(time.textContent)) {
        const [form, count] = age < 60 ? [ago.second, Math.max(1, Math.round(age))] : [ago.minute, Math.round(age / 60)];
        time.textContent = form.replace("%d", count);
      }
    }
    const clock = find("[data-wallclock]");
    if (clock) clock.textContent = new Intl.DateTimeFormat("ru", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Almaty" }).format(now);
  };
  setInterval(refresh, 10000);

  // --- what is said at the foot of the window
  const said = find("#said");
  let silence = 0;
  const say = (text, action, label) => {
    if (!said) return;
    said.replaceChildren(document.createTextNode(text));
    if (action) {
      const button = document.createElement("button");
      button.textContent = label;
      button.addEventListener("click", () => { said.hidden = true; action(); });
      said.append(button);
    }
    said.hidden = false;
    clearTimeout(silence);
    if (!action) silence = setTimeout(() => { said.hidden = true; }, 8000);
  };

  // --- unread: what came since this browser last looked, until it has been on the screen for a second
  let seen = Number((kept && kept.getItem(`seen ${where}`)) || 0);
  let highest = seen;
  const timers = new Map();
  const eyes = list && "IntersectionObserver" in window && new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(timers.get(target));
      if (isIntersecting && !document.hidden) timers.set(target, setTimeout(() => read(target), 1200));
    }
  }, { threshold: 0.6 });
  const read = (row) => {
    row.classList.remove("unread");
    eyes.unobserve(row);
    highest = Math.max(highest, position(row));
    if (kept && !find(".row.unread", list)) kept.setItem(`seen ${where}`, String(highest));
    title();
  };
  const unread = (row) => {
    if (!eyes || !position(row) || position(row) <= seen) return;
    row.classList.add("unread");
    eyes.observe(row);
  };
  const plain = document.title;
  const title = () => {
    const count = waiting.size + more + (list ? all(".row.unread", list).length : 0);
    document.title = count ? `(${count}) ${plain}` : plain;
  };

  // --- rows
  const waiting = new Map();  // position -> html element, not yet shown
  let more = 0, paused = false, newest = list ? Number(list.dataset[where === "tickets" ? "newestTicket" : "newest"]) : 0;
  const arrived = find("[data-arrived]");
  const plural = new Intl.PluralRules(lang);
  const forms = JSON.parse(body.dataset.new || "{}");
  const busy = () => !!(find(".row details[open]", list) || find(".row:hover button:hover", list) ||
    find(".row:focus-visible, .row :focus-visible", list) || (find(".row input:focus, .row select:focus", list)));
  const atHead = () => window.scrollY < 40;
  const announce = () => {
    const count = waiting.size + more;
    if (arrived) {
      arrived.hidden = count === 0;
      arrived.textContent = (forms[plural.select(count)] || forms.other || "%d").replace("%d", count.toLocaleString("ru"));
    }
    title();
  };
  const insert = (row) => {
    const empty = find("[data-empty]", list);
    if (empty) empty.remove();
    const place = position(row);
    const below = all(".row", list).find((other) => position(other) < place);
    let anchor = below || null;
    while (anchor && anchor.previousElementSibling && anchor.previousElementSibling.classList.contains("gap")) anchor = anchor.previousElementSibling;
    list.insertBefore(row, anchor);
    row.classList.add("fresh");
    unread(row);
  };
  const show = () => {
    if (more) { location.assign(location.pathname + location.search); return; }
    for (const [, row] of [...waiting].sort((a, b) => a[0] - b[0])) insert(row);
    waiting.clear();
    announce();
    window.scrollTo({ top: 0 });
  };
  if (arrived) arrived.addEventListener("click", show);

  const take = (data) => {
    if (!list) return;
    const row = parse(data.html).firstElementChild;
    const old = document.getElementById(`post-${data.post}`);
    if (data.gone) row.classList.add("gone");
    if (old) { swap(old, row); return; }
    const place = position(row);
    if (waiting.has(place)) { if (data.gone) waiting.delete(place); else waiting.set(place, row); announce(); return; }
    if (data.gone || place <= newest) return;
    newest = place;
    if (data.urgent) beep();
    if (!paused && atHead() && !document.hidden && !busy() && waiting.size === 0 && !more) insert(row);
    else waiting.set(place, row);
    announce();
  };
  const swap = (old, row) => {  // in place: what is open stays open, what has the focus keeps it
    const open = all("details[open]", old).map((d) => d.className);
    const typed = all("input[data-akimat]", old).map((i) => [i.name, i.value]);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const trace = focused && (focused.getAttribute("formaction") || focused.name || "");
    if (old.classList.contains("unread")) { row.classList.add("unread"); if (eyes) { eyes.unobserve(old); eyes.observe(row); } }
    if (find(".rest :checked", old) && find(".rest input", row)) find(".rest input", row).checked = true;
    for (const name of open) { const d = all("details", row).find((x) => x.className === name); if (d) d.open = true; }
    for (const [name, value] of typed) { const i = find(`input[name="${name}"]`, row); if (i) i.value = value; }
    if (old.classList.contains("here")) row.classList.add("here");
    old.replaceWith(row);
    if (focused) {
      const same = trace && all("button, input, select", row).find((x) => (x.getAttribute("formaction") || x.name) === trace);
      (same || row).focus({ preventScroll: true });
    }
  };

  // --- the stream
  const lamp = find("[data-live]");
  const state = (name) => {
    if (!lamp) return;
    lamp.dataset.is = name;
    find("[data-said]", lamp).textContent = words[name];
  };
  let last = "", source = null, retry = 1500;
  const listen = () => {
    if (!body.dataset.stream) return;
    const url = new URL(body.dataset.stream, location.href);
    if (last) url.searchParams.set("after", last);
    source = new EventSource(url);
    const on = (name, act) => source.addEventListener(name, (event) => { if (event.lastEventId) last = event.lastEventId; act(JSON.parse(event.data)); });
    source.addEventListener("open", () => { retry = 1500; state(paused ? "paused" : "live"); });
    source.addEventListener("error", () => {
      state("broken");
      if (source.readyState === EventSource.CLOSED) { setTimeout(listen, retry); retry = Math.min(retry * 2, 30000); }
    });
    on("row", take);
    on("many", (data) => { more += data.count; announce(); });
    on("counts", (data) => {
      for (const [name, count] of Object.entries(data)) {
        const badge = find(`[data-count="${name}"]`);
        if (badge) { badge.textContent = count.toLocaleString("ru"); badge.hidden = !count; }
      }
    });
    on("sources", (data) => {
      const put = (selector, html, inside) => { const box = find(selector); if (box && html) { const made = parse(html); if (inside) box.replaceChildren(made); else box.replaceWith(made); } };
      put("[data-strip]", data.strip);
      put("[data-fetches]", data.side);
      put("[data-sources]", data.table, true);
      const badge = find('[data-count="silent"]');
      if (badge) { badge.textContent = data.silent.toLocaleString("ru"); badge.hidden = !data.silent; }
    });
    on("wall", (data) => {
      const board = find("[data-board]"), known = new Set(all("article", board).map((a) => a.dataset.id));
      const made = parse(data.board);
      for (const article of all("article", made)) if (!known.has(article.dataset.id)) article.classList.add("fresh");
      board.replaceChildren(made);
      find("[data-foot]").replaceChildren(parse(data.foot));
    });
    on("reload", () => {
      source.close();
      if (body.classList.contains("wall")) location.reload();
      else { state("broken"); say(words.reload, () => location.reload(), words.reload_do); }
    });
  };

  // --- pause and sound
  const pause = find("[data-pause]");
  const hold = () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? words.resume : words.pause;
    state(paused ? "paused" : "live");
    if (!paused && atHead() && (waiting.size || more)) show();
  };
  if (pause) pause.addEventListener("click", hold);
  const sound = find("[data-sound]");
  let loud = kept && kept.getItem("sound") === "on", audio = null;
  const tell = () => { if (sound) { sound.setAttribute("aria-pressed", String(!!loud)); sound.textContent = loud ? words.sound_on : words.sound_off; } };
  const beep = () => {
    if (!loud) return;
    try {
      audio = audio || new AudioContext();
      const tone = audio.createOscillator(), level = audio.createGain(), now = audio.currentTime;
      tone.frequency.setValueAtTime(660, now);
      tone.frequency.setValueAtTime(880, now + 0.15);
      level.gain.setValueAtTime(0.0001, now);
      level.gain.exponentialRampToValueAtTime(0.15, now + 0.02);
      level.gain.exponentialRampToValueAtTime(0.0001, now + 0.4);
      tone.connect(level).connect(audio.destination);
      tone.start(now);
      tone.stop(now + 0.45);
      body.dataset.beeps = String(Number(body.dataset.beeps || 0) + 1);
    } catch { loud = false; tell(); }
  };
  if (sound) sound.addEventListener("click", () => { loud = !loud; if (kept) kept.setItem("sound", loud ? "on" : "off"); tell(); beep(); });

  // --- verbs: the same forms, without leaving the page
  const act = async (button) => {
    const row = button.closest(".row"), field = button.closest(".pick");
    const input = field && find("input, select", field);
    const akimat = input ? input.value.trim() : "";
    if (button.dataset.verb === "other_akimat" && !akimat) { input.focus(); return; }
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.getAttribute("formaction"), {
        method: "POST", credentials: "same-origin",
        headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRF-Token": body.dataset.csrf },
        body: JSON.stringify(akimat ? { akimat } : {}),
      });
      const data = await answer.json();
      if (!answer.ok) {
        if (data.candidates && input) offer(data.candidates.map((c) => [c.code, c.name]));
        say(data.error);
        if (input) input.focus();
        return;
      }
      if (data.html && row) {
        const made = parse(data.html).firstElementChild;
        if (where === "triage" && data.verb !== "undo") made.classList.add("gone");
        for (const d of all("details[open]", row)) d.open = false;
        swap(row, made);
      }
    } catch { say(words.offline); } finally { button.removeAttribute("aria-busy"); }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-verb]");
    if (button) { event.preventDefault(); if (button.getAttribute("aria-busy") !== "true") act(button); return; }
    for (const open of all("details.more[open], details.me[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // --- akimats to choose from, asked for while one types
  const choices = find("#akimats");
  const offer = (pairs) => choices.replaceChildren(...pairs.map(([code, name]) => { const o = document.createElement("option"); o.value = `${code} · ${name}`; return o; }));
  let asked = 0;
  document.addEventListener("input", (event) => {
    const input = event.target;
    if (!input.matches || !input.matches("[data-akimat]")) return;
    clearTimeout(asked);
    const typed = input.value.trim();
    if (typed.length < 2 || /^\d{9}/.test(typed)) return;
    asked = setTimeout(async () => {
      try {
        const answer = await fetch(`/api/v1/akimats?q=${encodeURIComponent(typed)}`, { headers: { "Accept": "application/json" } });
        if (answer.ok) offer((await answer.json()).items.map((i) => [i.code, i.path]));
      } catch { /* the field still takes a name or a code */ }
    }, 200);
  });

  // --- the filter is the address
  const filter = find("[data-filter]");
  const go = () => {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(filter)) {
      const field = filter.elements[name];
      const kept_code = field && field.dataset && field.dataset.code && value === field.defaultValue ? field.dataset.code : "";
      const code = /^\d{9}/.exec(value);
      if (value.trim()) query.set(name, kept_code || (name === "akimat" && code ? code[0] : value.trim()));
    }
    location.assign(filter.getAttribute("action") + (query.size ? `?${query}` : ""));
  };
  if (filter) {
    filter.addEventListener("submit", (event) => { event.preventDefault(); go(); });
    filter.addEventListener("change", (event) => { if (event.target.matches("select, [data-akimat]")) go(); });
  }

  // --- older posts below, without losing the place
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-older]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await older(link);
  });
  const older = async (link) => {
    const holder = link.closest(".older");
    try {
      const page = new DOMParser().parseFromString(await (await fetch(link.href, { headers: { "Accept": "text/html" } })).text(), "text/html");
      for (const part of all("[data-rows] > *", page)) if (!part.id || !document.getElementById(part.id)) list.append(document.importNode(part, true));
      const next = find(".older", page);
      holder.replaceWith(next ? document.importNode(next, true) : "");
      return !!next;
    } catch { location.assign(link.href); return false; }
  };

  // --- the place survives a reload
  const place = `place ${location.pathname}${location.search}`;
  addEventListener("pagehide", () => {
    if (!here || !list) return;
    const top = all(".row", list).find((row) => row.getBoundingClientRect().bottom > 60);
    if (top && window.scrollY > 40) here.setItem(place, JSON.stringify([top.id, top.getBoundingClientRect().top]));
    else here.removeItem(place);
  });
  const restore = async () => {
    const was = here && JSON.parse(here.getItem(place) || "null");
    if (!was || !list) return;
    history.scrollRestoration = "manual";
    for (let page = 0; !document.getElementById(was[0]) && page < 10; page += 1) {
      const link = find("[data-older]");
      if (!link || !(await older(link))) break;
    }
    const row = document.getElementById(was[0]);
    if (row) window.scrollBy(0, row.getBoundingClientRect().top - was[1]);
  };

  // --- keys
  let current = null;
  const step = (by) => {
    const rows = all(".row", list);
    const at = current && current.isConnected ? rows.indexOf(current) : rows.indexOf(document.activeElement && document.activeElement.closest(".row"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (!next) return;
    if (current) current.classList.remove("here");
    current = next;
    next.classList.add("here");
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select, textarea");
    if (field) {
      const pick = field.closest(".pick");
      if (event.key === "Enter" && pick) { event.preventDefault(); find("button", pick).click(); }
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !list) return;
    const row = event.target.closest(".row");
    const key = event.code;  // the place of the key: the same on Kazakh, Russian and Latin layouts
    if (key === "KeyJ") step(1);
    else if (key === "KeyK") step(-1);
    else if (key === "KeyN" && arrived && !arrived.hidden) show();
    else if (key === "KeyP" && pause) hold();
    else if (event.key === "/" || key === "Slash") { const search = find("[data-search]"); if (!search) return; search.focus(); search.select(); }
    else if (event.key === "Enter" && event.target === row) { const first = find("button.primary", row); if (first) first.click(); else return; }
    else if (key === "KeyO" && row) { const link = find("a.original", row); if (link) link.click(); }
    else if (event.key === "Escape") for (const open of all("details[open]")) open.open = false;
    else return;
    event.preventDefault();
  });

  if (lamp && body.dataset.stream) lamp.hidden = false;
  const keys = find("[data-keys]");
  if (keys && matchMedia("(hover: hover)").matches) keys.hidden = false;
  tell();
  if (list) {
    if (!seen) { seen = newest; if (kept && newest < 1e15) kept.setItem(`seen ${where}`, String(newest)); }
    all(".row", list).forEach(unread);
  }
  refresh();
  restore().then(listen);
  title();
})();
