// Shows a part of the page anew every 2 seconds, until the server says that nothing goes on any more.
const SECONDS = 2;
let failures = 0;

async function look() {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  if (document.hidden) return again();
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const answer = new DOMParser().parseFromString(await response.text(), "text/html");
    const found = answer.getElementById(part.id);
    if (!response.ok || !found) throw new Error();
    part.replaceWith(document.adoptNode(found));
    failures = 0;
  } catch {
    if (++failures > 30) return; // the server has ended
  }
  again();
}

function again() {
  if (document.querySelector("[data-live]")) setTimeout(look, SECONDS * 1000);
}

again();
