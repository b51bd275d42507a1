// Tabs as the ARIA practices describe them: arrow keys move, Tab goes on into the panel.
import { at, el } from "./dom.js";

// parts: [{ name, title, panel, shown }]. `shown` is called when the tab is opened.
export function showTabs(parts) {
  const buttons = parts.map(part => el("button", {
    type: "button", role: "tab", id: `tab-${part.name}`, "aria-controls": `panel-${part.name}`,
    click: () => open(part), keydown: event => move(event, part),
  }, part.title));
  const panels = parts.map(part => el("div", {
    role: "tabpanel", id: `panel-${part.name}`, "aria-labelledby": `tab-${part.name}`,
  }, part.panel));

  function open(chosen) {
    parts.forEach((part, index) => {
      const isChosen = part === chosen;
      buttons[index].setAttribute("aria-selected", String(isChosen));
      buttons[index].tabIndex = isChosen ? 0 : -1;
      panels[index].hidden = !isChosen;
    });
    history.replaceState(null, "", `#${chosen.name}`);
    chosen.shown?.();
  }

  function move(event, part) {
    const index = parts.indexOf(part);
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: parts.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const wrapped = (next + parts.length) % parts.length;
    open(parts[wrapped]);
    buttons[wrapped].focus();
  }

  at("tabs").replaceChildren(...buttons);
  at("panels").replaceChildren(...panels);
  open(parts.find(part => `#${part.name}` === location.hash) ?? parts[0]);
}
