// SPDX-License-Identifier: Apache-2.0
// The tab *Gate report* of a task, made of what Airflow's UI lends to plugins; no build step. It shows the page that the
// server writes, in a frame in which no script runs, whatever a model is called; see docs/adr/0014-pages-inside-airflow.md.
const NAME = "Gate report";
const PAGES = "governance/";
const MENU = "/plugin/ai_governance";
const SANDBOX =
  "allow-same-origin allow-forms allow-downloads allow-popups allow-popups-to-escape-sandbox allow-top-navigation-to-custom-protocols";
const { React, ReactJSXRuntime, ReactRouterDOM } = globalThis;

const base = () => new URL("./", document.baseURI);

function address({ dagId, runId, taskId, mapIndex }, look) {
  const parts = [dagId, runId, taskId, mapIndex ?? "-1"].map((part) => encodeURIComponent(part ?? ""));
  const url = new URL(`${PAGES}gate/${parts.join("/")}`, base());
  for (const [name, value] of Object.entries(look)) if (value) url.searchParams.set(name, value);
  return url.href;
}

function theme() {
  return document.documentElement.classList.contains("dark") ? "dark" : "light";
}

function language() {
  const chosen = (localStorage.getItem("i18nextLng") ?? "").split("-")[0];
  return ["ja", "en"].includes(chosen) ? chosen : "";
}

function watch(told) {
  const observer = new MutationObserver(told);
  observer.observe(document.documentElement, { attributeFilter: ["class", "lang"] });
  return () => observer.disconnect();
}

// Where in the UI a link of the report leads, or nothing: the frame itself, another tab and a mail are the browser's.
function inside(link, event) {
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const isOurs = link.origin === location.origin && link.pathname.startsWith(base().pathname);
  if (!isPlain || !isOurs || link.target === "_blank" || link.hasAttribute("download")) return null;
  const path = link.pathname.slice(base().pathname.length);
  if (!path.startsWith(PAGES)) return `/${path}${link.search}${link.hash}`;
  if (link.hash || path.startsWith(`${PAGES}gate/`)) return null;
  const search = new URLSearchParams(link.search);
  search.delete("bare");
  // The UI decodes an address once before it hands it to the frame.
  return `${MENU}${link.pathname.replaceAll("%", "%25")}?${search}`;
}

function GateReport(task) {
  const frame = React.useRef(null);
  const navigate = ReactRouterDOM?.useNavigate?.();
  const [colours, lang] = [React.useSyncExternalStore(watch, theme), React.useSyncExternalStore(watch, language)];
  // The first colours are part of the address; later ones are put on, so that nothing typed in a form is lost.
  const first = React.useRef(colours);
  const paint = () => {
    const page = frame.current?.contentDocument?.documentElement;
    if (page) page.dataset.theme = colours;
  };
  React.useEffect(paint, [colours]);

  function onLoad() {
    paint();
    frame.current.contentDocument?.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      const place = link && navigate ? inside(link, event) : null;
      if (place === null) return;
      event.preventDefault();
      navigate(place);
    });
  }

  return React.createElement("iframe", {
    onLoad,
    ref: frame,
    sandbox: SANDBOX,
    src: address(task, { lang, theme: first.current, bare: "1" }),
    style: { border: "none", display: "block", height: "100%", minHeight: "60vh", width: "100%" },
    title: NAME,
  });
}

// Without React's hooks a link, without any way to make one its address: the page is the same.
function Link(task) {
  const href = address(task, { lang: language() });
  return ReactJSXRuntime?.jsx?.("a", { children: NAME, href }) ?? href;
}

// One tab more than Airflow's own is too many for a window of 1280 px, two more (somebody is asked) all the more: their
// labels would break. Only where ours is. And the menu's words stand on two lines, where Airflow would cut them.
function Tabs() {
  const bar = `div:has(> a[title="${NAME}"][href$="/plugin/gate_report"])`; // links of the grid lead there, too
  const menu = `a[href$="${MENU}"]`;
  const rules = [
    `${bar} > a > * { padding-inline: 0.45rem }`,
    `${bar}:has(> a:nth-child(10)) > a > * { font-size: 0.875rem; padding-inline: 0.3rem }`,
    `${menu} > div { line-height: 1.1; overflow: visible; white-space: normal }`,
  ];
  return React.createElement("style", null, rules.join("\n"));
}

globalThis[`${NAME} tabs`] = Tabs;
globalThis[NAME] = React?.useSyncExternalStore ? GateReport : Link;
