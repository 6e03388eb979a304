// The page is whole without this: it lets the keyboard sort tables, and opens what a link points into.
(() => {
  for (const heading of document.querySelectorAll("table.sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
  }
  const open = () => {
    const target = /^#checkpoint-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!target) return;
    target.closest("details").open = true;
    target.closest("details").scrollIntoView();
  };
  window.addEventListener("hashchange", open);
  open();
})();
