// The page is whole without this: it adds the filter above the examples.
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const rows = [...document.getElementById("rows").rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const choices = ["task", "recipe", "method", "status"];
  const filter = () => {
    const wanted = form.elements.text.value.trim().toLowerCase();
    let shown = 0;
    for (const { row, text } of rows) {
      row.hidden = !(
        choices.every((name) => !form.elements[name].value || form.elements[name].value === row.dataset[name]) &&
        text.includes(wanted)
      );
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length}`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
