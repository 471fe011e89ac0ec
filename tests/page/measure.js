// What a browser says of the page in the iframe: is it too wide, is any text too faint, is any image flat, how many fonts there are.
const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const luminance = c => {
  const [r, g, b] = c.slice(0, 3).map(v => linear(v / 255));
  return .2126 * r + .7152 * g + .0722 * b;
};
const channels = c => (c.match(/[\d.]+/g) || []).map(Number);
const isFlat = p => {
  const box = p.getBoundingClientRect();
  return box.width < 1 || box.height < 1 || p.naturalWidth === 0;
};

function measure(page, view) {
  page.querySelectorAll("details").forEach(d => d.open = true);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = channels(view.getComputedStyle(e).backgroundColor);
      if (c[3] !== 0) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walk = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim();
    const e = walk.currentNode.parentElement;
    const hidden = ["STYLE", "SCRIPT"].includes(e.tagName) || e.getClientRects().length == 0;
    if (!text || hidden) continue;
    const style = view.getComputedStyle(e);
    const ink = channels(e.closest("svg") ? style.fill : style.color);
    const [a, b] = [ink, ground(e)].map(luminance).sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push(text.slice(0, 40));
  }
  const root = page.documentElement;
  const images = [...page.querySelectorAll("img, svg")];
  const figureTexts = [page.body, ...page.querySelectorAll("svg text")];
  const fonts = new Set(figureTexts.map(e => view.getComputedStyle(e).fontFamily));
  return {
    wide: root.scrollWidth,
    room: root.clientWidth,
    low,
    texts: page.body.innerText.length,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    images: images.length,
    flat: images.filter(isFlat).length,
    fonts: fonts.size,
  };
}

onload = () => {
  const it = document.querySelector("iframe");
  const found = measure(it.contentDocument, it.contentWindow);
  document.getElementById("found").textContent = JSON.stringify(found);
};
