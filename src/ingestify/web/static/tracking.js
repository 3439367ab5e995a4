// Plays tracking: the ball and the players, in chunks of a minute. docs/web.md says what a chunk is.
const box = document.getElementById("tracking");
const part = (name) => box.querySelector(`[data-part="${name}"]`);
const [canvas, play, slider, speed, clock, status, rows] =
  ["canvas", "play", "slider", "speed", "clock", "status", "rows"].map(part);
const pen = canvas.getContext("2d");
const MISSING = -32768, JUMP = 500, MARGIN = 3, KEPT = 8;
const PERIODS = { 1: "1st half", 2: "2nd half", 3: "Extra time, 1st half", 4: "Extra time, 2nd half", 5: "Penalties" };

let head, starts, last, at = 0, isPlaying = false, before = 0, told = 0, colours, drawn = 0;
const chunks = new Map(); // number -> values, or the promise of them

function say(text) { status.textContent = text; }

async function get(url) {
  const response = await fetch(url);
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error || `The server answered ${response.status}. Load the page again.`);
}

function decode(buffer, frames) {
  const bytes = new Uint8Array(buffer), count = bytes.length / 2, values = new Int16Array(count);
  for (let begin = 0; begin < count; begin += frames) {
    let total = 0;
    for (let i = begin; i < begin + frames; i++) {
      const folded = bytes[i] | (bytes[count + i] << 8);
      values[i] = total + ((folded >>> 1) ^ -(folded & 1)); // wraps at 16 bits
      total = values[i];
    }
  }
  return values;
}

function load(number) {
  if (chunks.has(number) || number >= head.chunks.length) return chunks.get(number);
  const loading = get(box.dataset.chunks.replace("{number}", number))
    .then((response) => response.arrayBuffer())
    .then((buffer) => {
      chunks.set(number, decode(buffer, head.chunks[number].frames));
      for (const old of chunks.keys()) if (chunks.size > KEPT && Math.abs(old - number) > 1) chunks.delete(old);
      if (!isPlaying) show();
    })
    .catch((error) => { chunks.delete(number); pause(); say(error.message); });
  chunks.set(number, loading);
  return loading;
}

// Where a frame of the whole match is: its chunk, and which of the chunk's frames it is.
function locate(frame) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= frame) low = middle; else high = middle - 1;
  }
  return [low, frame - starts[low]];
}

function place(frame, track) {
  const [number, i] = locate(frame), values = chunks.get(number), frames = head.chunks[number].frames;
  if (!(values instanceof Int16Array)) return null;
  const x = values[2 * track * frames + i];
  return x === MISSING ? null : [x, values[(2 * track + 1) * frames + i]];
}

// Centimetres from the centre. Between two frames everybody moves evenly, but for a jump: that is somebody else.
function between(track) {
  const frame = Math.floor(at), share = at - frame, a = place(frame, track);
  const b = share && frame < last ? place(frame + 1, track) : null;
  if (!a || !b || Math.hypot(b[0] - a[0], b[1] - a[1]) > JUMP) return a;
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
}

function moment(frame) {
  const [number, i] = locate(frame), chunk = head.chunks[number];
  const period = head.periods.find((one) => one.number === chunk.period);
  return { period, seconds: (chunk.first + i) / head.frames_per_second };
}

function moment_text() {
  const { period, seconds } = moment(Math.floor(at));
  const total = Math.floor(period.clock_seconds + seconds);
  const time = `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
  return `${PERIODS[period.number] || `Period ${period.number}`}, ${time}`;
}

function resize() {
  const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  const height = width * (head.width + 2 * MARGIN) / (head.length + 2 * MARGIN);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const style = getComputedStyle(box);
  const names = ["grass", "pitch", "home", "away", "ink", "card"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
  show();
}

function pitch(scale) {
  const { length, width } = head, x = length / 2, y = width / 2;
  pen.fillStyle = colours.grass;
  pen.fillRect(-x - MARGIN, -y - MARGIN, length + 2 * MARGIN, width + 2 * MARGIN);
  pen.strokeStyle = colours.pitch;
  pen.lineWidth = 1.2 / scale;
  pen.beginPath();
  pen.rect(-x, -y, length, width);
  pen.moveTo(0, -y);
  pen.lineTo(0, y);
  pen.moveTo(9.15, 0);
  pen.arc(0, 0, 9.15, 0, 2 * Math.PI);
  for (const side of [-1, 1]) {
    pen.rect(side * x, -20.16, -side * 16.5, 40.32);
    pen.rect(side * x, -9.16, -side * 5.5, 18.32);
    pen.rect(side * x, -3.66, side * 2, 7.32);
    const angle = Math.acos(5.5 / 9.15), middle = side > 0 ? Math.PI : 0;
    pen.rect(side * (x - 11) - 0.1, -0.1, 0.2, 0.2);
    pen.moveTo(side * (x - 11) + 9.15 * Math.cos(middle - angle), 9.15 * Math.sin(middle - angle));
    pen.arc(side * (x - 11), 0, 9.15, middle - angle, middle + angle);
  }
  pen.stroke();
}

function show() {
  if (!colours) return;
  const pixels = canvas.width / (head.length + 2 * MARGIN), places = head.tracks.map((_, track) => between(track));
  canvas.shown = { at, places, drawn: ++drawn };
  pen.setTransform(pixels, 0, 0, pixels, canvas.width / 2, canvas.height / 2);
  pitch(pixels);
  const radius = Math.max(1.35, 9 * (window.devicePixelRatio || 1) / pixels);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = `600 ${radius * 1.2}px system-ui, sans-serif`;
  for (let track = head.tracks.length - 1; track >= 0; track--) { // the ball is the last one, above the players
    if (!places[track]) continue;
    const [x, y] = [places[track][0] / 100, -places[track][1] / 100], one = head.tracks[track];
    const isBall = one.side === null, ink = isBall ? colours.ink : one.side ? colours.away : colours.home;
    pen.beginPath();
    pen.arc(x, y, isBall ? radius * 0.5 : radius, 0, 2 * Math.PI);
    pen.fillStyle = one.side ? colours.card : ink; // the away team is hollow
    pen.fill();
    pen.lineWidth = radius * (isBall ? 0.15 : 0.25);
    pen.strokeStyle = isBall ? colours.card : ink;
    pen.stroke();
    pen.fillStyle = one.side ? ink : colours.card;
    if (!isBall) pen.fillText(one.number, x, y + radius * 0.08);
  }
  if (!places.some(Boolean) && chunks.get(locate(Math.floor(at))[0]) instanceof Int16Array) {
    pen.fillStyle = colours.ink;
    pen.font = `${1.6 * radius}px system-ui, sans-serif`;
    pen.fillText("Nobody is in the picture at this moment", 0, -4.5);
  }
  const now = performance.now();
  if (!isPlaying || now - told > 200) {
    told = now;
    clock.textContent = moment_text();
    slider.value = Math.floor(at);
    slider.setAttribute("aria-valuetext", clock.textContent);
    if (!isPlaying) table(places);
  }
}

function table(places) {
  rows.replaceChildren(...head.tracks.flatMap((one, track) => {
    if (!places[track]) return [];
    const row = document.createElement("tr");
    const metres = places[track].map((value) => (value / 100).toFixed(2));
    for (const text of [one.side === null ? "" : head.teams[one.side], one.number, one.name, ...metres]) {
      row.insertCell().textContent = text;
    }
    return [row];
  }));
}

function step(now) {
  if (!isPlaying) return;
  const passed = Math.min(now - before, 250) / 1000; // a tab in the background does not leap
  before = now;
  const [number] = locate(Math.floor(at));
  if (chunks.get(number) instanceof Int16Array) {
    at = Math.min(last, at + passed * head.frames_per_second * Number(speed.value));
    load(number + 1);
  } else {
    load(number);
  }
  show();
  if (at >= last) pause(); else requestAnimationFrame(step);
}

function start() {
  if (at >= last) at = 0;
  isPlaying = true;
  play.textContent = "Pause";
  before = performance.now();
  requestAnimationFrame(step);
}

function pause() {
  isPlaying = false;
  play.textContent = "Play";
  show();
  const { period, seconds } = moment(Math.floor(at));
  history.replaceState(null, "", `?period=${period.number}&seconds=${seconds.toFixed(1)}${box.dataset.query}`);
}

function seek(frame) {
  at = Math.max(0, Math.min(last, frame));
  load(locate(Math.floor(at))[0]);
  show();
}

function keys(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, summary, a")) return;
  const leap = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
  if (leap) seek(at + leap * head.frames_per_second);
  else if (event.key === " " && event.target !== play) isPlaying ? pause() : start();
  else return;
  event.preventDefault();
}

async function begin() {
  box.hidden = false;
  say("Reading the file. The first time, this may take some seconds.");
  head = await (await get(box.dataset.head)).json();
  starts = [];
  last = head.chunks.reduce((sum, one) => (starts.push(sum), sum + one.frames), 0) - 1;
  const asked = new URLSearchParams(location.search), period = Number(asked.get("period"));
  const first = head.chunks.findIndex((one) => one.period === period);
  const wanted = first < 0 ? head.first_frame : Math.round(asked.get("seconds") * head.frames_per_second) || 0;
  at = Math.max(0, Math.min(last, starts[Math.max(0, first)] + wanted));
  slider.max = last;
  slider.step = 1;
  await load(locate(Math.floor(at))[0]);
  part("controls").hidden = false;
  part("teams").replaceChildren(...head.teams.map((name, side) => {
    const team = document.createElement("span");
    team.className = side ? "away" : "home";
    team.textContent = name;
    return team;
  }));
  say(head.notes.join(" "));
  resize();
  new ResizeObserver(resize).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", resize);
  play.addEventListener("click", () => (isPlaying ? pause() : start()));
  slider.addEventListener("input", () => seek(Number(slider.value)));
  document.addEventListener("keydown", keys);
  if (first < 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches) start();
}

begin().catch((error) => say(error.message));
