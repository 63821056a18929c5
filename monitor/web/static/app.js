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
  // The server's clock: this machine's may be wrong, and "5 min ago" and the wall's clock must not.
  const skew = body.dataset.now ? Date.parse(body.dataset.now) - Date.now() : 0;
  const clock = () => Date.now() + skew;
  const position = (row) => Number(where === "tickets" ? row.dataset.ticket : row.dataset.id);

  // --- times: "5 min ago" goes on without the server
  const ago = JSON.parse(body.dataset.ago || "{}");  // from the server: not every browser knows Kazakh
  const refresh = () => {
    const now = clock();
    for (const time of all("time[data-clock]")) {
      const age = (now - Date.parse(time.dateTime)) / 1000;
      if (age < 0 || age > 3700) continue;
      if (age >= 3600) time.textContent = time.dataset.clock;
      else if (/[^\d:., ]/.test(time.textContent)) {
        const [form, count] = age < 60 ? [ago.second, Math.max(1, Math.round(age))] : [ago.minute, Math.round(age / 60)];
        time.textContent = form.replace("%d", count);
      }
    }
    const dial = find("[data-wallclock]");
    if (dial) dial.textContent = new Intl.DateTimeFormat("ru", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Almaty" }).format(now);
  };
  setInterval(refresh, find("[data-wallclock]") ? 1000 : 10000);

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
  let moved = -Infinity;      // when rows last made way for a new one
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
    moved = performance.now();
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
    const old = document.getElementById(`post-${data.post}`);
    if (old && old === pressed) { held.set(data.post, data); return; }
    const row = parse(data.html).firstElementChild;
    if (data.gone) row.classList.add("gone");
    if (reading && (reading.id === `post-${data.post}` || (data.ticket && reading.dataset.ticket === String(data.ticket)))) again();
    if (old) { put(old, row); return; }
    if (where !== "tickets") for (const earlier of all(".row", list)) {
      if (earlier.dataset.key !== row.dataset.key || position(earlier) > position(row)) continue;
      earlier.classList.add("gone");  // it stays where it is, and says that there is a newer wording
      const note = document.createElement("p");
      note.className = "left-note";
      note.textContent = words.edited;
      if (!find(".left-note", earlier)) earlier.append(note);
    }
    for (const [place, other] of waiting) if (other.dataset.key === row.dataset.key && place < position(row) && where !== "tickets") waiting.delete(place);
    const place = position(row);
    if (waiting.has(place)) { if (data.gone) waiting.delete(place); else waiting.set(place, row); announce(); return; }
    if (data.gone || place <= newest) return;
    newest = place;
    if (data.urgent) beep();
    if (!paused && atHead() && !document.hidden && !busy() && waiting.size === 0 && !more) insert(row);
    else waiting.set(place, row);
    announce();
  };
  // A row under a pressed finger changes when the finger is lifted: else the press would fall on nothing.
  const held = new Map();
  let pressed = null, early = false;
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target.closest(".row");
    early = event.pointerType === "touch" && performance.now() - moved < 400;
  });
  const lifted = () => setTimeout(() => {
    pressed = null;
    const late = [...held.values()];
    held.clear();
    late.forEach(take);
  }, 50);
  addEventListener("pointerup", lifted);
  addEventListener("pointercancel", lifted);

  const bare = (row) => {  // without what this browser added, and without times, which go on by themselves
    const copy = row.cloneNode(true);
    copy.classList.remove("unread", "fresh", "gone", "here");
    for (const part of all("[open], [aria-busy], [aria-current]", copy)) for (const name of ["open", "aria-busy", "aria-current"]) part.removeAttribute(name);
    for (const time of all("time", copy)) time.textContent = "";
    for (const note of all(".left-note", copy)) note.remove();
    return copy.outerHTML;
  };
  const put = (old, row) => {  // what a verb answered comes again by the stream: the row is exchanged once
    if (bare(old) === bare(row)) old.classList.toggle("gone", row.classList.contains("gone"));
    else swap(old, row);
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
    for (const note of all(".left-note", old)) row.append(note);
    if (current === old) current = row;
    if (reading === old) { reading = row; row.setAttribute("aria-current", "true"); }
    old.replaceWith(row);
    if (focused) {
      const same = trace && all("button, input, select", row).find((x) => (x.getAttribute("formaction") || x.name) === trace);
      (same || row).focus({ preventScroll: true });
    }
  };

  // --- the stream
  const lamp = find("[data-live]");
  const cut = find("[data-cut]");
  const state = (name) => {
    if (cut && cut.hidden !== (name !== "broken")) {
      cut.hidden = name !== "broken";
      cut.textContent = words.cut.replace("{}", new Intl.DateTimeFormat("ru", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Almaty" }).format(heard));
    }
    if (!lamp) return;
    lamp.dataset.is = name;
    find("[data-said]", lamp).textContent = words[name];
  };
  const DEAF = 40000;  // the server says something every 15 s: after longer the line is dead, whatever the browser thinks
  let last = "", source = null, retry = 1500, heard = clock(), again_at = 0;
  const out = async () => {  // signed out: waiting would not help
    try {
      const answer = await fetch("/api/v1/session", { headers: { "Accept": "application/json" } });
      if (answer.status !== 401) return false;
    } catch { return false; }
    if (body.classList.contains("wall")) location.reload();
    else say(words.out, () => location.reload(), words.sign_in);
    return true;
  };
  const listen = () => {
    if (!body.dataset.stream) return;
    clearTimeout(again_at);
    if (source) source.close();
    const url = new URL(body.dataset.stream, location.href);
    if (last) url.searchParams.set("after", last);
    source = new EventSource(url);
    const on = (name, act) => source.addEventListener(name, (event) => { heard = clock(); if (event.lastEventId) last = event.lastEventId; act(JSON.parse(event.data)); });
    source.addEventListener("open", () => { heard = clock(); retry = 1500; state(paused ? "paused" : "live"); });
    source.addEventListener("error", () => {
      state("broken");
      if (source.readyState !== EventSource.CLOSED) return;
      again_at = setTimeout(async () => { if (!await out()) listen(); }, retry);
      retry = Math.min(retry * 2, 30000);
    });
    on("here", () => {});
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
    on("surge", (data) => {  // the evidence stands apart from the forms: what somebody types stays
      const box = find("[data-evidence]");
      if (!box || box.dataset.evidence !== data.id) return;
      const opened = all("details[open]", box).map((d) => d.className);
      box.replaceChildren(parse(data.html));
      for (const d of all("details", box)) if (opened.includes(d.className)) d.open = true;
    });
    on("wall", (data) => {
      const board = find("[data-board]"), known = new Set(all("article", board).map((a) => a.dataset.id));
      const made = parse(data.board);
      for (const article of all("article", made)) if (!known.has(article.dataset.id)) article.classList.add("fresh");
      board.replaceChildren(made);
      find("[data-foot]").replaceChildren(parse(data.foot));
      find("[data-today]").textContent = data.today;
    });
    on("reload", async () => {
      source.close();
      source = null;
      if (await out()) return;
      if (body.classList.contains("wall")) location.reload();
      else { state("broken"); say(words.reload, () => location.reload(), words.reload_do); }
    });
  };

  const alive = () => { if (source && clock() - heard > DEAF) { state("broken"); heard = clock(); listen(); } };
  setInterval(alive, 5000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) alive(); });

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
    const field = button.closest(".pick");
    const input = field && find("input, select", field);
    const akimat = input ? input.value.trim() : "";
    if (button.dataset.verb === "other_akimat" && !akimat) { input.focus(); return; }
    const about = button.closest("[data-about]");
    const order = about ? Object.fromEntries(all("[data-name]", about).map((f) => [f.dataset.name, f.value])) : akimat ? { akimat } : {};
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.getAttribute("formaction"), {
        method: "POST", credentials: "same-origin",
        headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRF-Token": body.dataset.csrf },
        body: JSON.stringify(order),
      });
      const data = await answer.json();
      if (!answer.ok) {
        if (data.candidates && input) offer(data.candidates.map((c) => [c.code, c.name]));
        if (answer.status === 401) say(data.error, () => location.reload(), words.sign_in);
        else say(data.error);
        if (input) input.focus();
        return;
      }
      const row = document.getElementById(`post-${data.post}`);  // by its name: the stream may have exchanged it meanwhile
      if (data.html && row) {
        const made = parse(data.html).firstElementChild;
        if (where === "triage" && data.verb !== "undo") made.classList.add("gone");
        for (const d of all("details[open]", row)) d.open = false;
        put(row, made);
      }
      if (reading) again();
    } catch { say(words.offline); } finally { button.removeAttribute("aria-busy"); }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-verb]");
    if (button && early) { event.preventDefault(); return; }  // meant for the row that stood here a moment ago
    if (button) { event.preventDefault(); if (button.getAttribute("aria-busy") !== "true") act(button); return; }
    for (const open of all("details.more[open], details.me[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // --- a paper of a surge to the clipboard
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
    say(button.dataset.done);
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
    if (reading) here.setItem(`read ${place}`, reading.id);
    else here.removeItem(`read ${place}`);
  });
  const restore = async () => {
    const was = here && JSON.parse(here.getItem(place) || "null"), read = here && here.getItem(`read ${place}`);
    if (list && read && document.getElementById(read)) open(document.getElementById(read));
    if (!was || !list) return;
    history.scrollRestoration = "manual";
    for (let page = 0; !document.getElementById(was[0]) && page < 10; page += 1) {
      const link = find("[data-older]");
      if (!link || !(await older(link))) break;
    }
    const row = document.getElementById(was[0]);
    if (row) window.scrollBy(0, row.getBoundingClientRect().top - was[1]);
  };

  // --- the reading pane, from 1200 px: the card or post that one points at, whole, beside the list
  const pane = find("[data-pane]"), wide = matchMedia("(min-width: 1200px)"), side = find(".side");
  let reading = null, fresh_at = 0, turn = 0;
  const close = () => {
    if (!reading) return;
    turn += 1;
    reading.removeAttribute("aria-current");
    reading = null;
    pane.hidden = true;
    side.classList.remove("reads");
  };
  const open = async (row, same) => {
    if (!pane || !list || !wide.matches) return;
    const number = find("a.number", row);
    const address = number ? number.getAttribute("href") : row.dataset.id !== "0" ? `/posts/${row.dataset.id}` : "";
    if (!address) return;
    if (reading && reading !== row) reading.removeAttribute("aria-current");
    reading = row;
    row.setAttribute("aria-current", "true");
    const mine = turn += 1;
    let page;
    try {
      const answer = await fetch(address, { headers: { "Accept": "text/html" } });
      if (turn !== mine) return;  // one has gone on to another
      if (!answer.ok || answer.redirected && new URL(answer.url).pathname === "/login") { close(); return; }
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch { return; }
    if (turn !== mine) return;
    const made = document.importNode(find("#main", page), true);
    for (const part of all("[data-strip], .back", made)) part.remove();
    for (const part of all("[id]", made)) part.removeAttribute("id");  // the list has the row under that name
    for (const part of all("[data-rows]", made)) part.removeAttribute("data-rows");
    for (const part of all("details[name]", made)) part.setAttribute("name", `pane-${part.getAttribute("name")}`);
    const title = find("h1", made), link = document.createElement("a");
    link.href = address;
    link.append(...title.childNodes);
    title.append(link);
    const top = same ? side.scrollTop : 0, opened = same ? all("details[open]", pane).map((d) => d.className) : [];
    for (const d of all("details", made)) if (opened.includes(d.className)) d.open = true;
    find("[data-page]", pane).replaceChildren(...made.childNodes);
    pane.hidden = false;
    side.classList.add("reads");
    side.scrollTop = top;
    refresh();
  };
  const again = () => {  // what is read changed: read it again, unless somebody writes into it
    clearTimeout(fresh_at);
    fresh_at = setTimeout(() => {
      if (!reading) return;
      const row = document.getElementById(reading.id) || reading;
      if (!find("input:focus, select:focus, textarea:focus", pane) && !all("textarea", pane).some((t) => t.value !== t.defaultValue)) open(row, true);
    }, 300);
  };
  if (pane && list) {
    find("[data-close]", pane).addEventListener("click", () => { const row = reading; close(); if (row) row.focus({ preventScroll: true }); });
    list.addEventListener("click", (event) => {
      const row = event.target.closest(".row"), number = event.target.closest("a.number");
      if (!row || !wide.matches || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (!number && (event.target.closest("a, button, summary, label, input, select, textarea, .panel, .menu") || !getSelection().isCollapsed)) return;
      event.preventDefault();
      point(row);
      open(row);
    });
    wide.addEventListener("change", () => { if (!wide.matches) close(); });
  }

  // --- keys
  let current = null, opening = 0;
  const point = (row) => {
    if (current) current.classList.remove("here");
    current = row;
    row.classList.add("here");
    row.focus({ preventScroll: true });
  };
  const step = (by) => {
    const rows = all(".row", list);
    const at = current && current.isConnected ? rows.indexOf(current) : rows.indexOf(document.activeElement && document.activeElement.closest(".row"));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (!next) return;
    point(next);
    next.scrollIntoView({ block: "nearest" });
    clearTimeout(opening);
    opening = setTimeout(() => open(next), 150);  // not for those one only passes
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
    else if (event.key === "Escape") { const shown = all("details[open]:not(.do)"); if (shown.length) for (const d of shown) d.open = false; else close(); }
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
