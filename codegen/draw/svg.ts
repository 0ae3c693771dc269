/** `text` so that it can stand in XML, in an element or an attribute. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** Width of a text in pixels, as wide as the widest common sans serif (DejaVu) sets it: what is drawn never overlaps. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const letter of text)
    width += /[ilj.,:;'|!I]/.test(letter)
      ? 0.34
      : /[frt() -]/.test(letter)
        ? 0.42
        : /[mwMW%]/.test(letter)
          ? 0.98
          : 0.64;
  return width * size;
}

export interface TextStyle {
  readonly size?: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
  readonly class?: string;
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 13, anchor = "start", bold = false, class: name } = style;
  const attributes = [
    `x="${round(x)}"`,
    `y="${round(y)}"`,
    `font-size="${size}"`,
    ...(anchor === "start" ? [] : [`text-anchor="${anchor}"`]),
    ...(bold ? ['font-weight="600"'] : []),
    ...(name === undefined ? [] : [`class="${name}"`]),
  ];
  return `<text ${attributes.join(" ")}>${escapeXml(content)}</text>`;
}

export function rectangle(x: number, y: number, width: number, height: number, name: string, radius = 0): string {
  const corner = radius === 0 ? "" : ` rx="${radius}"`;
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${corner} class="${name}"/>`;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** 7536512 → `7,536,512`. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
