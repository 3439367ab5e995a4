// Copies a text. Without scripts, there is no button, and the text can be selected.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.getAttribute("aria-controls")).innerText);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  });
}
