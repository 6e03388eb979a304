// The first examples stand in the page without this: it shows all that are packed into it, filtered, page by page.
// It unpacks only the blocks whose examples it shows; a search for a text goes through all, one block at a time.
// Text from the records goes only where text can go: no markup is ever made from it.
(() => {
  const AT_ONCE = 50;
  const MOST_UNPACKED = 4;
  const PAUSE = 200; // milliseconds between two keys, after which a search begins
  const packed = document.getElementById("packed");
  if (!packed || !window.DecompressionStream) return;
  const blocks = document.querySelectorAll("script.packed");
  const form = document.getElementById("filter");
  const pager = document.getElementById("pager");
  const section = document.getElementById("examples");
  const body = document.getElementById("rows");
  const scroll = body.closest(".scroll");
  const [previous, next] = pager.querySelectorAll("button");

  const unpack = (element) => {
    const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const unpacked = new Map();
  const unpackedBlock = (number) => {
    const block = unpacked.get(number) ?? unpack(blocks[number]);
    unpacked.delete(number);
    unpacked.set(number, block);
    if (unpacked.size > MOST_UNPACKED) unpacked.delete(unpacked.keys().next().value);
    return block;
  };

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

  // As the page's own tables: a line may break after the signs that join a name's parts.
  const breakable = (piece) => typeof piece !== "string" ? [piece]
    : piece.split(/(?<=[,_:=])(?=\S)/).flatMap((part, number) => (number ? [make("wbr"), part] : [part]));

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

  const plain = (text) => [text].flat().map((piece) => (typeof piece === "string" ? piece : piece[1])).join("");
  const searched = ({ about, untouched, fields }) => [
    ...about, untouched,
    ...fields.flatMap(({ name, passages }) => [name, ...[0, 1].map((side) =>
      passages.map((passage) => plain(passage.same ?? passage.changed?.[side] ?? "")).join(" "))]),
  ].map(plain).join("\n").toLowerCase();

  const show = ({ total, names, columns, block }) => {
    const kinds = Object.keys(columns);
    const count = columns[kinds[0]].length;
    const every = Array.from({ length: count }, (_, position) => position);
    const example = async (position) => (await unpackedBlock(Math.floor(position / block)))[position % block];
    const row = (position, { about, fields, untouched }) => {
      const name = (kind) => pieces(names[kind][columns[kind][position]]).flatMap(breakable);
      const status = names.status[columns.status[position]];
      return make("tr", "",
        make("td", "about", make("span", `status ${status}`, status), " ",
          make("b", "", ...name("recipe")), " against ", make("b", "", ...name("method")),
          ...about.map((line) => make("small", "", ...pieces(line)))),
        make("td", "", ...texts({ fields }, 0, "del")),
        make("td", "", ...(untouched.length
          ? [make("span", "gap", ...pieces(untouched))]
          : texts({ fields }, 1, "mark"))));
    };

    let found = every;
    let start = 0;
    // What is asked for last is shown: whatever ends after that was asked for in vain.
    let asked = 0;
    const begin = () => {
      scroll.setAttribute("aria-busy", "true");
      return (asked += 1);
    };
    const told = () => {
      const number = (count) => count.toLocaleString("en");
      const of = count < total
        ? `${number(count)} drawn evenly from ${number(total)}: as many as fit into this page`
        : number(total);
      const range = found.length ? `${number(start + 1)} to ${number(Math.min(start + AT_ONCE, found.length))} of ` : "";
      return found.length === count ? `${range}${of}` : `${range}${number(found.length)} found among ${of}`;
    };
    const turn = async (to) => {
      const mine = begin();
      start = Math.max(0, Math.min(to, Math.floor((found.length - 1) / AT_ONCE) * AT_ONCE));
      previous.disabled = start === 0;
      next.disabled = start + AT_ONCE >= found.length;
      pager.querySelector("output").textContent = told();
      const shown = found.slice(start, start + AT_ONCE);
      const rows = [];
      for (const position of shown) rows.push(row(position, await example(position)));
      if (mine !== asked) return;
      body.replaceChildren(...rows);
      scroll.scrollTop = 0;
      scroll.setAttribute("aria-busy", "false");
    };
    const filter = async () => {
      const mine = begin();
      const wanted = kinds.map((kind) => [columns[kind], form.elements[kind].value]).filter(([, value]) => value !== "");
      const text = form.elements.text.value.trim().toLowerCase();
      let fitting = every.filter((position) => wanted.every(([column, value]) => column[position] === Number(value)));
      if (text) {
        const having = [];
        let number = -1;
        let examples;
        for (const position of fitting) {
          if (number !== Math.floor(position / block)) {
            number = Math.floor(position / block);
            // Not kept: what is shown stays.
            examples = await (unpacked.get(number) ?? unpack(blocks[number]));
            if (mine !== asked) return;
          }
          if (searched(examples[position % block]).includes(text)) having.push(position);
        }
        fitting = having;
      }
      found = fitting;
      turn(0);
    };

    let waiting;
    const filterIn = (milliseconds) => {
      begin();
      clearTimeout(waiting);
      waiting = setTimeout(filter, milliseconds);
    };
    form.addEventListener("input", (event) => filterIn(event.target.name === "text" ? PAUSE : 0));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => filterIn(0));
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
    turn(0).then(() => {
      document.getElementById("static-count").hidden = true;
      form.hidden = pager.hidden = false;
    });
  };

  unpack(packed).then(show);
})();
