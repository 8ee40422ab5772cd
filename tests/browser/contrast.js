// Returns the texts in an element whose contrast with their background is less than 4.5 : 1, by the
// formula of WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
(root) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const behind = (element) => {
    if (!element) return [255, 255, 255, 1];
    const own = parsed(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(element.parentElement));
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);
  const ratio = (element, style) => {
    const back = behind(element);
    const [r, g, b, a] = parsed(style.color);
    const front = over([r, g, b, a * opacity(element) * (Number(style.opacity) || 1)], back);
    const [low, high] = [light(front), light(back)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const seen = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode;
    const isText = textContent.trim() && parentElement.checkVisibility() && parentElement.tagName !== "OPTION";
    const { color } = getComputedStyle(parentElement);
    if (isText) seen.push([textContent, ratio(parentElement, { color })]);
  }
  for (const field of root.querySelectorAll("input, select")) {
    if (!field.checkVisibility()) continue;
    const part = field.placeholder && !field.value ? "::placeholder" : undefined;
    const style = getComputedStyle(field, part);
    seen.push([field.placeholder || field.className, ratio(field, { color: style.color, opacity: part ? style.opacity : 1 })]);
  }
  if (!seen.length) throw new Error("There is no text.");
  return seen.filter(([, found]) => found < 4.5).map(([text, found]) => `${text}: ${found.toFixed(2)}`);
}
