// SPDX-License-Identifier: Apache-2.0
// A page inside a frame of Airflow's UI takes language and colours from the UI, also when they are switched there, and
// its links get out of the frame. A page of its own, or one in a browser without scripts, needs none of this.
(() => {
  "use strict";
  const page = document.documentElement;

  function around() {
    try {
      return window.parent === window ? null : window.parent.document;
    } catch {
      return null; // somebody else's page
    }
  }

  function follow(ui) {
    const colours = ui.documentElement.classList;
    if (colours.contains("dark") || colours.contains("light")) {
      page.dataset.theme = colours.contains("dark") ? "dark" : "light";
    }
    const language = (localStorage.getItem("i18nextLng") || "").split("-")[0];
    if (["ja", "en"].includes(language) && language !== page.lang) {
      const address = new URL(location.href);
      address.searchParams.set("lang", language);
      location.replace(address);
    }
  }

  // The UI decodes a page's address once when it comes back to it: a name with one of these would be another name.
  const isMisread = (link) => link.origin === location.origin && /%(23|25|3f)/i.test(link.pathname);

  function leave(ui, event) {
    const link = event.target.closest("a[href]");
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button === 1;
    const out = link && (elsewhere || link.target || link.protocol === "mailto:" || isMisread(link));
    if (!out || link.hasAttribute("download") || event.defaultPrevented) return;
    event.preventDefault();
    const copy = ui.createElement("a");
    copy.href = link.href;
    if (elsewhere || link.target === "_blank") {
      copy.target = "_blank";
    } else if (isMisread(link) && !link.target) {
      const twice = link.pathname.replaceAll("%", "%25");
      copy.href = new URL(`plugin/ai_governance${twice}${link.search}`, ui.baseURI).href;
    }
    ui.body.append(copy);
    copy.click();
    copy.remove();
  }

  const ui = around();
  if (!ui) return;
  page.dataset.framed = "";
  follow(ui);
  new MutationObserver(() => follow(ui)).observe(ui.documentElement, { attributeFilter: ["class", "lang"] });
  for (const kind of ["click", "auxclick"]) document.addEventListener(kind, (event) => leave(ui, event));
})();
