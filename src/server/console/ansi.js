// Output with colours as plain data: pieces of text with the names of classes. Other sequences than those for colours
// are left out. Nothing here makes HTML: the pieces are put into text nodes.

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// Every sequence: CSI, OSC and the like with their ends, other escapes of two characters, and control characters.
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][\s\S]*?(?:\u0007|\u001b\\|$)|[ -/]*[0-~])|\u001b|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;

/** The style at the beginning of a log. Styles are compared by identity. */
export const PLAIN = Object.freeze({ fg: "", bg: "", bold: false, dim: false, italic: false, underline: false, inverse: false });

export const hasEscapes = (line) => /[\u0000-\u0008\u000b-\u001f\u007f]/.test(line);

export const stripped = (line) => (hasEscapes(line) ? line.replace(SEQUENCES, "") : line);

/** What a terminal shows of a line with carriage returns: what was written last. */
export function overwritten(line) {
  if (!line.includes("\r")) return line;
  const end = line.replace(/\r+$/, "");
  return end.slice(end.lastIndexOf("\r") + 1);
}

// A colour of 256, or of red, green and blue, is the nearest of the sixteen: those can be read in light and in dark.
function nearest(red, green, blue) {
  const top = Math.max(red, green, blue);
  if (top - Math.min(red, green, blue) < 40) return top < 90 ? "bright-black" : "white";
  const half = top * 0.6;
  const at = (red > half ? 1 : 0) + (green > half ? 2 : 0) + (blue > half ? 4 : 0);
  return (top > 200 ? "bright-" : "") + NAMES[at];
}

function of256(code) {
  if (code < 8) return NAMES[code];
  if (code < 16) return `bright-${NAMES[code - 8]}`;
  if (code >= 232) return code < 244 ? "bright-black" : "white";
  const cube = code - 16;
  const level = (value) => (value ? 55 + value * 40 : 0);
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function apply(style, parameters) {
  const next = { ...style };
  const codes = parameters.split(/[;:]/).map((code) => Number(code) || 0);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) Object.assign(next, PLAIN);
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code >= 30 && code <= 37) next.fg = NAMES[code - 30];
    else if (code >= 90 && code <= 97) next.fg = `bright-${NAMES[code - 90]}`;
    else if (code >= 40 && code <= 47) next.bg = NAMES[code - 40];
    else if (code >= 100 && code <= 107) next.bg = `bright-${NAMES[code - 100]}`;
    else if (code === 39) next.fg = "";
    else if (code === 49) next.bg = "";
    else if (code === 38 || code === 48) {
      const key = code === 38 ? "fg" : "bg";
      if (codes[at + 1] === 5) next[key] = of256(codes[at + 2] ?? 0);
      if (codes[at + 1] === 2) next[key] = nearest(codes[at + 2] ?? 0, codes[at + 3] ?? 0, codes[at + 4] ?? 0);
      at += codes[at + 1] === 5 ? 2 : 4;
    }
  }
  return next;
}

const classes = (style) => {
  let all = "";
  if (style.fg) all += ` fg-${style.fg}`;
  if (style.bg) all += ` bg-${style.bg}`;
  for (const name of ["bold", "dim", "italic", "underline", "inverse"]) if (style[name]) all += ` ${name}`;
  return all.slice(1);
};

/** The pieces of a line, `[text, classes]`, and the style after it. */
export function pieces(line, style = PLAIN) {
  const found = [];
  let at = 0;
  const take = (end) => {
    if (end > at) found.push([line.slice(at, end), classes(style)]);
  };
  for (const match of line.matchAll(SEQUENCES)) {
    take(match.index);
    at = match.index + match[0].length;
    const colours = /^\u001b\[([\d;:]*)m$/.exec(match[0]);
    if (colours) style = apply(style, colours[1]);
  }
  take(line.length);
  return { pieces: found, style };
}

/** The style after a line. */
export const styleAfter = (line, style) => (line.includes("\u001b") ? pieces(line, style).style : style);
