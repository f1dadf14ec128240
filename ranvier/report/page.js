"use strict";
// Marks carry their values as titles, which every browser shows after a while; this shows them at once.
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  document.body.append(tip);
  const said = new Map();
  document.querySelectorAll("svg.plot *:not(desc) > title").forEach((title) => {
    said.set(title.parentNode, title.textContent);
    title.remove();
  });
  document.querySelectorAll("svg.plot > title").forEach((title) => title.remove());
  const show = (event) => {
    let mark = event.target;
    while (mark && mark.nodeType === 1 && !said.has(mark) && mark.tagName !== "svg") mark = mark.parentNode;
    const words = mark && said.get(mark);
    if (!words) { tip.style.display = "none"; return; }
    tip.textContent = words;
    tip.style.display = "block";
    const wide = document.documentElement.clientWidth;
    const left = Math.min(event.pageX + 14, wide - tip.offsetWidth - 8);
    tip.style.left = Math.max(left, 8) + "px";
    tip.style.top = event.pageY - tip.offsetHeight - 12 + "px";
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("pointerleave", () => { tip.style.display = "none"; });
})();
