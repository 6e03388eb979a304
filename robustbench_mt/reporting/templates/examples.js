// The first examples stand in the page without this: it shows all that are packed into it, filtered, page by page.
// Text from the records goes only where text can go: no markup is ever made from it.
(() => {
  const AT_ONCE = 50;
  const packed = document.getElementById("packed");
  if (!packed || !window.DecompressionStream) return;
  const form = document.getElementById("filter");
  const pager = document.getElementById("pager");
  const section = document.getElementById("examples");
  const body = document.getElementById("rows");
  const [previous, next] = pager.querySelectorAll("button");

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const pieces = (text) => [text].flat().map((piece) => {
    if (typeof piece === "string") return piece;
    const [kind, shown, code, name] = piece;
    const element = make("span", kind, shown);
    element.title = `${code} ${name}`;
    element.dataset.code = code;
    return element;
  });

  const passages = (field, side, tag) => field.passages.flatMap((passage, position) => {
    const [kind, both] = Object.entries(passage)[0];
    const words = kind === "same" ? both : both[side];
    if (!words.length) return [];
    const shown = pieces(words);
    const wrapped = kind === "changed" ? [make(tag, "", ...shown)] : kind === "left out" ? [make("span", "gap", ...shown)] : shown;
    return position ? [" ", ...wrapped] : wrapped;
  });
  const texts = (example, side, tag) => example.fields.map((field) =>
    make("div", "field", ...(field.name ? [make("b", "", ...pieces(field.name)), " "] : []),
      make("bdi", "", ...passages(field, side, tag))));

  const show = ({ examples, total, names }) => {
    const choices = [...Object.keys(names), "checkpoint"];
    const row = (example) => {
      const name = (kind) => pieces(names[kind][example[kind]]);
      const status = names.status[example.status];
      return make("tr", "",
        make("td", "about", make("span", `status ${status}`, status), " ",
          make("b", "", ...name("recipe")), " against ", make("b", "", ...name("method")),
          ...example.about.map((line) => make("small", "", ...pieces(line)))),
        make("td", "", ...texts(example, 0, "del")),
        make("td", "", ...(example.untouched.length
          ? [make("span", "gap", ...pieces(example.untouched))]
          : texts(example, 1, "mark"))));
    };
    const plain = (text) => [text].flat().map((piece) => (typeof piece === "string" ? piece : piece[1])).join("");
    const searched = ({ about, untouched, fields }) => [
      ...about, untouched,
      ...fields.flatMap(({ name, passages }) => [name, ...[0, 1].map((side) =>
        passages.map((passage) => plain(passage.same ?? passage.changed?.[side] ?? "")).join(" "))]),
    ].map(plain).join("\n").toLowerCase();

    let found = examples;
    let start = 0;
    const turn = (to) => {
      start = Math.max(0, Math.min(to, Math.floor((found.length - 1) / AT_ONCE) * AT_ONCE));
      body.replaceChildren(...found.slice(start, start + AT_ONCE).map(row));
      previous.disabled = start === 0;
      next.disabled = start + AT_ONCE >= found.length;
      const number = (count) => count.toLocaleString("en");
      const of = examples.length < total
        ? `${number(examples.length)} drawn evenly from ${number(total)}: as many as fit into this page`
        : number(total);
      const range = found.length ? `${number(start + 1)} to ${number(Math.min(start + AT_ONCE, found.length))} of ` : "";
      pager.querySelector("output").textContent =
        found.length === examples.length ? `${range}${of}` : `${range}${number(found.length)} found among ${of}`;
      body.closest(".scroll").scrollTop = 0;
    };
    const filter = () => {
      const wanted = choices.map((name) => [name, form.elements[name].value]).filter(([, value]) => value !== "");
      const text = form.elements.text.value.trim().toLowerCase();
      found = examples.filter((example) =>
        wanted.every(([name, value]) => example[name] === Number(value)) &&
        (!text || (example.searched ??= searched(example)).includes(text)));
      turn(0);
    };

    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    previous.addEventListener("click", () => turn(start - AT_ONCE));
    next.addEventListener("click", () => turn(start + AT_ONCE));
    section.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("form")) return;
      if (event.key === "p") turn(start - AT_ONCE);
      if (event.key === "n") turn(start + AT_ONCE);
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-checkpoint]");
      if (!link) return;
      form.reset();
      form.elements.checkpoint.value = link.dataset.checkpoint;
      // The reset's own filter runs after this, and finds the checkpoint chosen.
    });
    document.getElementById("static-count").hidden = true;
    form.hidden = pager.hidden = false;
    turn(0);
  };

  const bytes = Uint8Array.from(atob(packed.textContent.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  new Response(stream).json().then(show);
})();
